//! Lines of an input, read by a thread of its own, so that a silent input neither holds back what
//! was read nor Ctrl-C.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;
/// How many blocks wait at most.
const BLOCKS_MAX: usize = 8;
/// The longest line.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Whole lines of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// The lines without their ends, be these `\n` or `\r\n`.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// How much of the input it is.
    pub(super) fn input_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// What the input gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At least one line.
    Block(Block),
    /// Nothing yet.
    Nothing,
    /// Nothing more.
    End,
}

/// Why there are no more lines.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    /// The input fails.
    #[error("{0}")]
    Read(io::Error),
    /// A line that cannot be a record.
    #[error("a line has more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
}

/// The lines of an input.
#[derive(Debug)]
pub(super) struct Lines {
    blocks: Receiver<Result<Block, LinesError>>,
}

impl Lines {
    /// Begins to read.
    pub(super) fn start(source: Box<dyn Read + Send>) -> Self {
        let (sender, blocks) = sync_channel(BLOCKS_MAX);
        // Ends with the input or with the receiver; a read that never returns ends with the
        // process.
        std::thread::spawn(move || read(source, &sender, LINE_BYTES_MAX));
        Self { blocks }
    }

    /// The next lines, if some come within `wait`.
    pub(super) fn next(&mut self, wait: Duration) -> Result<Next, LinesError> {
        match self.blocks.recv_timeout(wait) {
            Ok(Ok(block)) => Ok(Next::Block(block)),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }
}

fn read(
    mut source: Box<dyn Read + Send>,
    blocks: &SyncSender<Result<Block, LinesError>>,
    line_bytes_max: usize,
) {
    let mut bytes = Vec::new();
    loop {
        let filled = bytes.len();
        bytes.resize(filled + READ_BYTES, 0);
        let count = match source.read(&mut bytes[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                bytes.truncate(filled);
                continue;
            }
            Err(error) => {
                // Nobody listens any more when the command has ended.
                let _ = blocks.send(Err(LinesError::Read(error)));
                return;
            }
        };
        let is_end = count == 0;
        bytes.truncate(filled + count);
        let end = match bytes[filled..].iter().rposition(|byte| *byte == b'\n') {
            Some(place) => filled + place + 1,
            // The last line may lack its end.
            None if is_end => bytes.len(),
            None => 0,
        };
        if bytes.len() - end > line_bytes_max {
            let _ = blocks.send(Err(LinesError::TooLong { max: line_bytes_max }));
            return;
        }
        let rest = bytes.split_off(end);
        let block = Block { bytes: std::mem::replace(&mut bytes, rest) };
        if !block.bytes.is_empty() && blocks.send(Ok(block)).is_err() {
            return;
        }
        if is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its pieces one by one.
    struct Pieces(Vec<io::Result<Vec<u8>>>);

    impl Read for Pieces {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0)?;
            room[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn lines(pieces: &[&str]) -> Vec<String> {
        let pieces = pieces.iter().map(|piece| Ok(piece.as_bytes().to_vec())).collect();
        let mut lines = Lines::start(Box::new(Pieces(pieces)));
        let mut all = Vec::new();
        loop {
            match lines.next(Duration::from_secs(10)).unwrap() {
                Next::End => return all,
                Next::Nothing => panic!("the input does not wait"),
                Next::Block(block) => {
                    all.extend(block.lines().map(|line| String::from_utf8(line.to_vec()).unwrap()));
                }
            }
        }
    }

    #[test]
    fn lines_are_whole_however_the_input_is_cut() {
        assert_eq!(lines(&["a\nb", "c", "\nd\n"]), ["a", "bc", "d"]);
        assert_eq!(lines(&["a\r\nb\r", "\n"]), ["a", "b"]);
    }

    #[test]
    fn empty_lines_count_and_the_last_may_lack_its_end() {
        assert_eq!(lines(&["\n\na"]), ["", "", "a"]);
        assert_eq!(lines(&["\n"]), [""]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_line_that_does_not_end_is_an_error() {
        let (sender, blocks) = sync_channel(BLOCKS_MAX);
        let pieces = Pieces((0..9).map(|_| Ok(vec![b'x'; 100])).collect());
        read(Box::new(pieces), &sender, 500);
        assert!(matches!(blocks.recv().unwrap(), Err(LinesError::TooLong { max: 500 })));
    }

    #[test]
    fn an_input_that_fails_is_an_error_after_its_lines() {
        let pieces = vec![Ok(b"a\n".to_vec()), Err(io::Error::other("gone"))];
        let mut lines = Lines::start(Box::new(Pieces(pieces)));
        let wait = Duration::from_secs(10);
        assert!(matches!(lines.next(wait), Ok(Next::Block(_))));
        assert!(matches!(lines.next(wait), Err(LinesError::Read(_))));
    }
}
