//! Zstandard (RFC 8878). Contexts are kept per thread, because making one costs more than a small
//! batch. Decompression is in one piece, into the output itself, so that the window size a frame
//! claims costs no memory.

use std::cell::RefCell;

use zstd::zstd_safe::{
    CCtx, CompressionLevel, DCtx, compress_bound, get_error_name, get_frame_content_size,
    max_c_level, min_c_level, zstd_sys::ZSTD_ErrorCode,
};

use super::CodecError;
use super::output::is_last_room;

/// The level where nothing else is asked for, as in the library.
const LEVEL_DEFAULT: CompressionLevel = 3;
/// The smallest room to begin with when a frame does not tell the size of its content.
const ROOM_BYTES_MIN: usize = 16 * 1024;
const OUTPUT_TOO_SMALL: usize =
    (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg();

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESS: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Replaces `out` by `input` as one frame. Levels are as in the library, negative ones included.
pub(super) fn compress(
    level: Option<i32>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let level = level.unwrap_or(LEVEL_DEFAULT).clamp(min_c_level(), max_c_level());
    out.clear();
    out.reserve_exact(compress_bound(input.len()));
    COMPRESS
        .with_borrow_mut(|context| context.compress(out, input, level))
        .map_err(|code| CodecError::Compress(get_error_name(code)))?;
    Ok(())
}

/// Replaces `out` by the data of all frames.
pub(super) fn decompress(
    input: &[u8],
    cap_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let too_large = CodecError::TooLarge { cap_bytes };
    out.clear();
    // The size of the first frame's content, which the producer may have left out or made up.
    let mut room_bytes = match get_frame_content_size(input) {
        Ok(Some(content_bytes)) if content_bytes > cap_bytes as u64 => {
            return Err(too_large);
        }
        Ok(Some(content_bytes)) => content_bytes as usize,
        Ok(None) => ROOM_BYTES_MIN.max(8 * input.len()).min(cap_bytes),
        Err(_) => return Err(CodecError::Malformed("zstd data is damaged")),
    };
    loop {
        out.clear();
        out.reserve_exact(room_bytes);
        match DECOMPRESS.with_borrow_mut(|context| context.decompress(out, input)) {
            // A reused vector may have more room than the cap.
            Ok(data_bytes) if data_bytes > cap_bytes => {
                out.clear();
                return Err(too_large);
            }
            Ok(_) => return Ok(()),
            Err(OUTPUT_TOO_SMALL) if out.capacity() >= cap_bytes => {
                return Err(too_large);
            }
            Err(OUTPUT_TOO_SMALL) => {
                let larger = ROOM_BYTES_MIN.max(4 * out.capacity()).min(cap_bytes);
                room_bytes = if is_last_room(larger, cap_bytes) { cap_bytes } else { larger };
            }
            Err(_) => return Err(CodecError::Malformed("zstd data is damaged")),
        }
    }
}
