//! Every codec gives back what it was given, reads what other programs write, and stays within
//! its cap whatever the bytes are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use corelog_model::compression::{Codec, CodecError, compress, decompress};
use proptest::prelude::*;
use xxhash_rust::xxh32::xxh32;

const COMPRESSING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn compressed(codec: Codec, data: &[u8]) -> Vec<u8> {
    let mut out = b"old content".to_vec();
    compress(codec, None, data, &mut out).unwrap();
    out
}

fn decompressed(codec: Codec, input: &[u8], cap_bytes: usize) -> Result<Vec<u8>, CodecError> {
    let mut out = b"old content".to_vec();
    decompress(codec, input, cap_bytes, &mut out).map(|()| out)
}

/// Text that compresses, of any length.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place * place / 97) as u8 & 15).collect()
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn data_survives_every_codec_and_size() {
    for codec in Codec::ALL {
        for len in [0, 1, 100, 32 * 1024, 65_535, 65_536, 65_537, 300_000] {
            for data in [text(len), noise(len), vec![7; len]] {
                let bytes = compressed(codec, &data);
                assert_eq!(decompressed(codec, &bytes, len), Ok(data), "{codec} {len}");
            }
        }
    }
}

#[test]
fn levels_outside_the_range_become_the_nearest() {
    for codec in COMPRESSING {
        for level in [i32::MIN, -1, 0, 1, 9, i32::MAX] {
            let (data, mut out) = (text(10_000), Vec::new());
            compress(codec, Some(level), &data, &mut out).unwrap();
            assert_eq!(decompressed(codec, &out, 10_000), Ok(data), "{codec} {level}");
        }
    }
}

#[test]
fn one_byte_above_the_cap_is_too_large() {
    for codec in Codec::ALL {
        for len in [1, 1000, 70_000, 300_000] {
            let bytes = compressed(codec, &text(len));
            let error = CodecError::TooLarge { cap_bytes: len - 1 };
            assert_eq!(decompressed(codec, &bytes, len - 1), Err(error), "{codec} {len}");
        }
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_its_cap() {
    for codec in COMPRESSING {
        let bomb = compressed(codec, &vec![0; 64 << 20]);
        let mut out = Vec::new();
        let error = CodecError::TooLarge { cap_bytes: 100_000 };
        assert_eq!(decompress(codec, &bomb, 100_000, &mut out), Err(error));
        assert!(out.capacity() <= 100_000, "{codec} took {}", out.capacity());
    }
}

#[test]
fn a_reused_buffer_does_not_raise_the_cap() {
    for codec in COMPRESSING {
        let mut out = Vec::with_capacity(1 << 20);
        let error = CodecError::TooLarge { cap_bytes: 999 };
        let bytes = compressed(codec, &text(1000));
        assert_eq!(decompress(codec, &bytes, 999, &mut out), Err(error), "{codec}");
    }
}

#[test]
fn every_cut_of_a_stream_is_refused() {
    for codec in COMPRESSING {
        let bytes = compressed(codec, &text(5000));
        for len in 0..bytes.len() {
            let result = decompressed(codec, &bytes[..len], 5000);
            // A xerial stream may end after any chunk; this one has a single chunk.
            let is_empty_xerial = codec == Codec::Snappy && len == 16;
            assert_eq!(result.is_ok(), is_empty_xerial, "{codec} cut to {len}: {result:?}");
        }
    }
}

#[test]
fn concatenated_streams_are_read_to_the_end() {
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let mut bytes = compressed(codec, &text(70_000));
        bytes.extend_from_slice(&compressed(codec, b"and more"));
        let mut data = text(70_000);
        data.extend_from_slice(b"and more");
        let cap_bytes = data.len();
        assert_eq!(decompressed(codec, &bytes, cap_bytes), Ok(data), "{codec}");
        let error = CodecError::TooLarge { cap_bytes: cap_bytes - 1 };
        assert_eq!(decompressed(codec, &bytes, cap_bytes - 1), Err(error), "{codec}");
    }
}

#[test]
fn a_zstd_stream_that_hides_its_size_is_read() {
    let data = text(1_000_000);
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    std::io::Write::write_all(&mut encoder, &data).unwrap();
    let bytes = encoder.finish().unwrap();
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&bytes).ok(), Some(None));
    assert_eq!(decompressed(Codec::Zstd, &bytes, 1_000_000), Ok(data));
    let error = CodecError::TooLarge { cap_bytes: 999_999 };
    assert_eq!(decompressed(Codec::Zstd, &bytes, 999_999), Err(error));
    let mut roomy = Vec::with_capacity(2_000_000);
    assert_eq!(decompress(Codec::Zstd, &bytes, 999_999, &mut roomy), Err(error));
}

#[test]
fn snappy_is_read_raw_and_in_the_java_framing() {
    let data = text(100_000);
    let raw = snap::raw::Encoder::new().compress_vec(&data).unwrap();
    assert_eq!(decompressed(Codec::Snappy, &raw, 100_000), Ok(data.clone()));
    let framed = compressed(Codec::Snappy, &data);
    assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    assert_eq!(decompressed(Codec::Snappy, &framed, 100_000), Ok(data));
}

#[test]
fn snappy_framings_that_lie_are_refused() {
    let good = compressed(Codec::Snappy, b"data");
    let check = |bytes: &[u8], reason| {
        assert_eq!(
            decompressed(Codec::Snappy, bytes, 1000),
            Err(CodecError::Malformed(reason)),
            "{bytes:x?}"
        );
    };
    check(&good[..15], "the snappy framing ends within its header");
    check(&good[..18], "a snappy chunk ends within its length");
    check(&good[..good.len() - 1], "a snappy chunk is longer than the data");
    let mut long = good.clone();
    long[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
    check(&long, "a snappy chunk is longer than the data");
    let mut newer = good.clone();
    newer[15] = 2;
    check(&newer, "the snappy framing has an unknown version");
    // A raw block of five bytes that claims 1 GiB.
    check(&[0x80, 0x80, 0x80, 0x80, 0x04], "a snappy block is damaged");
}

/// Builds an lz4 frame with the flags of `FLG` and these blocks, compressed or not.
fn lz4_frame(flags: u8, content: &[u8], blocks: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let mut descriptor = vec![0b0100_0000 | flags, 4 << 4];
    if flags & 8 != 0 {
        descriptor.extend_from_slice(&(content.len() as u64).to_le_bytes());
    }
    let mut frame = 0x184D_2204_u32.to_le_bytes().to_vec();
    frame.extend_from_slice(&descriptor);
    frame.push((xxh32(&descriptor, 0) >> 8) as u8);
    for (is_compressed, block) in blocks {
        let high_bit = if *is_compressed { 0 } else { 1 << 31 };
        frame.extend_from_slice(&(block.len() as u32 | high_bit).to_le_bytes());
        frame.extend_from_slice(block);
        if flags & 16 != 0 {
            frame.extend_from_slice(&xxh32(block, 0).to_le_bytes());
        }
    }
    frame.extend_from_slice(&0_u32.to_le_bytes());
    if flags & 4 != 0 {
        frame.extend_from_slice(&xxh32(content, 0).to_le_bytes());
    }
    frame
}

/// Cuts `content` into blocks that may refer to the 64 KiB before them.
fn linked_blocks(content: &[u8]) -> Vec<(bool, Vec<u8>)> {
    (0..content.len())
        .step_by(65_536)
        .map(|start| {
            let past = &content[start.saturating_sub(65_536)..start];
            let block = &content[start..content.len().min(start + 65_536)];
            (true, lz4_flex::block::compress_with_dict(block, past))
        })
        .collect()
}

#[test]
fn lz4_frames_are_read_with_every_flag() {
    let content = text(200_000);
    let blocks = linked_blocks(&content);
    for flags in [0, 4, 8, 16, 4 | 8, 4 | 16, 8 | 16, 4 | 8 | 16] {
        let frame = lz4_frame(flags, &content, &blocks);
        assert_eq!(decompressed(Codec::Lz4, &frame, 200_000), Ok(content.clone()), "{flags:#b}");
    }
    let stored: Vec<_> = content.chunks(65_536).map(|block| (false, block.to_vec())).collect();
    let frame = lz4_frame(32 | 4, &content, &stored);
    assert_eq!(decompressed(Codec::Lz4, &frame, 200_000), Ok(content));
}

#[test]
fn linked_blocks_of_one_lz4_frame_do_not_reach_into_another() {
    let content = noise(1000);
    let linked = lz4_flex::block::compress_with_dict(&content, &content);
    let mut bytes = lz4_frame(0, &content, &[(false, content.clone()), (true, linked.clone())]);
    let mut twice = content.clone();
    twice.extend_from_slice(&content);
    assert_eq!(decompressed(Codec::Lz4, &bytes, 2000), Ok(twice));
    bytes = lz4_frame(0, &content, &[(false, content.clone())]);
    bytes.extend_from_slice(&lz4_frame(0, &content, &[(true, linked)]));
    let damaged = Err(CodecError::Malformed("an lz4 block is damaged"));
    assert_eq!(decompressed(Codec::Lz4, &bytes, 2000), damaged);
}

#[test]
fn linked_lz4_blocks_reach_back_64_kib() {
    let content = noise(65_535);
    let linked = lz4_flex::block::compress_with_dict(&content, &content);
    assert!(linked.len() < 1000, "the second block refers to the first");
    let frame = lz4_frame(0, &content, &[(false, content.clone()), (true, linked)]);
    let twice = [content.clone(), content].concat();
    assert_eq!(decompressed(Codec::Lz4, &frame, twice.len()), Ok(twice));
}

#[test]
fn skippable_lz4_frames_are_skipped() {
    let mut bytes = 0x184D_2A53_u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(&3_u32.to_le_bytes());
    bytes.extend_from_slice(b"xyz");
    bytes.extend_from_slice(&compressed(Codec::Lz4, b"data"));
    assert_eq!(decompressed(Codec::Lz4, &bytes, 4), Ok(b"data".to_vec()));
}

#[test]
fn lz4_frames_that_lie_are_refused() {
    let check = |frame: &[u8], reason| {
        let expected = Err(CodecError::Malformed(reason));
        assert_eq!(decompressed(Codec::Lz4, frame, 1_000_000), expected);
    };
    let stored = [(false, b"data".to_vec())];
    let good = lz4_frame(32 | 16 | 8 | 4, b"data", &stored);
    let flipped = |place: usize| {
        let mut frame = good.clone();
        frame[place] ^= 1;
        frame
    };
    check(&flipped(0), "an lz4 frame has an unknown magic");
    check(&flipped(14), "the checksum of an lz4 frame header is wrong");
    check(&flipped(20), "the checksum of an lz4 block is wrong");
    check(&flipped(good.len() - 1), "the checksum of an lz4 frame's content is wrong");
    check(&lz4_frame(0b1000_0000, b"", &[]), "an lz4 frame has an unknown version");
    check(&lz4_frame(2, b"", &[]), "an lz4 frame sets reserved bits");
    check(&lz4_frame(1, b"", &[]), "an lz4 frame needs a dictionary");
    check(&lz4_frame(8, b"other", &stored), "an lz4 frame lies about the size of its content");
    check(
        &lz4_frame(0, b"", &[(false, vec![0; 65_537])]),
        "an lz4 block is larger than its frame allows",
    );
    check(&lz4_frame(0, b"", &[(true, vec![0xff; 9])]), "an lz4 block is damaged");
}

#[test]
fn an_lz4_frame_that_claims_too_much_is_refused_before_memory_is_taken() {
    let mut frame = lz4_frame(8, b"", &[]);
    frame[6..14].copy_from_slice(&u64::MAX.to_le_bytes());
    frame[14] = (xxh32(&frame[4..14], 0) >> 8) as u8;
    let error = CodecError::TooLarge { cap_bytes: 1000 };
    assert_eq!(decompressed(Codec::Lz4, &frame, 1000), Err(error));
}

proptest! {
    #[test]
    fn arbitrary_bytes_stay_within_the_cap(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        codec in prop::sample::select(&Codec::ALL[..]),
        cap_bytes in 0_usize..2000,
        with_magic: bool,
    ) {
        if with_magic {
            let magic = compressed(codec, b"data");
            let len = bytes.len().min(magic.len().min(16));
            bytes[..len].copy_from_slice(&magic[..len]);
        }
        let mut out = Vec::new();
        if decompress(codec, &bytes, cap_bytes, &mut out).is_ok() {
            prop_assert!(out.len() <= cap_bytes);
        }
        prop_assert!(out.capacity() <= cap_bytes.max(8), "took {}", out.capacity());
    }

    #[test]
    fn flipped_bits_never_panic(
        data in prop::collection::vec(0_u8..4, 0..3000),
        codec in prop::sample::select(&COMPRESSING[..]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
    ) {
        let mut bytes = compressed(codec, &data);
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        let mut out = Vec::new();
        if decompress(codec, &bytes, 5000, &mut out).is_ok() {
            prop_assert!(out.len() <= 5000);
        }
    }
}
