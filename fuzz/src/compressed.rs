//! Decompression: whatever the bytes are, the output has a cap.

use corelog_model::Codec;
use corelog_model::compression::{compress, decompress};

/// The first byte chooses the codec, the second the cap.
pub fn compressed(input: &[u8]) {
    let Some(([codec, cap], bytes)) = input.split_first_chunk() else { return };
    let codec = Codec::ALL[usize::from(*codec) % Codec::ALL.len()];
    let cap_bytes = usize::from(*cap) * 256;
    let mut plain = Vec::new();
    if decompress(codec, bytes, cap_bytes, &mut plain).is_err() {
        // What was decompressed before the error is bounded as well.
        assert!(plain.len() <= cap_bytes, "{codec}: {} bytes, {cap_bytes} allowed", plain.len());
        return;
    }
    assert!(plain.len() <= cap_bytes, "{codec}: {} bytes, {cap_bytes} allowed", plain.len());
    let mut packed = Vec::new();
    compress(codec, None, &plain, &mut packed).expect("anything can be compressed");
    let mut again = Vec::new();
    decompress(codec, &packed, plain.len(), &mut again).expect("what we compress we decompress");
    assert_eq!(again, plain, "{codec}: compression changes nothing");
}

pub(crate) mod seeds {
    use super::{Codec, compress};

    pub(crate) fn compressed() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        let mut packed = Vec::new();
        let plains =
            [vec![], b"some text, some text".to_vec(), vec![7; 60_000], (0..=255).collect()];
        for (number, codec) in (0..).zip(Codec::ALL) {
            for plain in &plains {
                compress(codec, None, plain, &mut packed).expect("anything can be compressed");
                seeds.push([&[number, 255], &*packed].concat());
                seeds.push([&[number, 1], &*packed].concat());
            }
        }
        // Snappy in the framing of Java: magic, versions, then length and block.
        let xerial = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07\x05\x10hello";
        seeds.push([&[2, 255], &xerial[..]].concat());
        seeds
    }
}
