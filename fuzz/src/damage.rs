//! Damage to files, as the bytes of an input direct: flipped bits, zeros, blocks in wrong places,
//! files cut or missing; and checksums made right again, so that damage reaches what they protect.

use std::path::Path;

use corelog_io::BLOCK;
use corelog_log::journal::FrameHeader;

use crate::recovery::Files;

/// Bytes of an input that make one change.
const CHANGE_BYTES: usize = 6;
const CHANGES_MAX: usize = 8;

/// Six bytes each: the file, what happens, where (three bytes), and a value.
pub(crate) fn apply(files: &mut Files, changes: &[u8]) {
    for change in changes.chunks_exact(CHANGE_BYTES).take(CHANGES_MAX) {
        let [file, kind, at @ .., value] = change else { continue };
        let at = at.iter().fold(0, |at, byte| at << 8 | usize::from(*byte));
        let file = usize::from(*file) % files.len();
        if kind % 8 == 7 {
            files.remove(file);
            if files.is_empty() {
                return;
            }
            continue;
        }
        let content = &mut files[file].1;
        if !content.is_empty() {
            let at = at % content.len();
            change_content(content, kind % 8, at, *value);
        }
    }
}

fn change_content(content: &mut Vec<u8>, kind: u8, at: usize, value: u8) {
    let len = content.len();
    let block = at / BLOCK * BLOCK;
    let block_end = len.min(block + BLOCK);
    match kind {
        0 => content[at] ^= value.max(1),
        1 => content[at] = value,
        2 => {
            let end = len.min(at + 8);
            content[at..end].fill(0xff);
        }
        3 => content[block..block_end].fill(0),
        4 => {
            let from = usize::from(value) * BLOCK % len / BLOCK * BLOCK;
            let count = (block_end - block).min(len - from);
            content.copy_within(from..from + count, block);
        }
        5 => content.truncate(at),
        _ => content.extend(std::iter::repeat_n(value, 1 + at % BLOCK)),
    }
}

/// Makes the checksums of journal frames and of the checkpoint right.
pub(crate) fn seal_again(files: &mut Files) {
    let ends_with = |path: &Path, end: &str| path.extension().is_some_and(|found| found == end);
    for (path, content) in files {
        if path.ends_with("checkpoint") {
            crate::checkpoint::seal_again(content);
        } else if ends_with(path, "jnl") {
            let mut rest = content.as_mut_slice();
            while !rest.is_empty() {
                let len = FrameHeader::peek(rest).map_or(BLOCK, FrameHeader::frame_len);
                let (frame, behind) = rest.split_at_mut(len.min(rest.len()));
                if frame.len() == len && FrameHeader::peek(frame).is_ok() {
                    crate::journal::seal_again(frame);
                }
                rest = behind;
            }
        }
    }
}
