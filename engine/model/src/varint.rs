//! Zig-zag varints: seven bits a byte, the least significant first, small magnitudes short.

use thiserror::Error;

/// Why bytes are not a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VarintError {
    /// The bytes end within the number.
    #[error("the bytes end within a varint")]
    Truncated,
    /// The number does not fit its type.
    #[error("a varint is too large for its type")]
    Overflow,
}

/// Takes a number of up to 32 bits off the front of `bytes`.
#[inline]
pub fn take_i32(bytes: &mut &[u8]) -> Result<i32, VarintError> {
    let value = take_unsigned(bytes, u64::from(u32::MAX))? as u32;
    Ok((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Takes a number of up to 64 bits off the front of `bytes`.
#[inline]
pub fn take_i64(bytes: &mut &[u8]) -> Result<i64, VarintError> {
    let value = take_unsigned(bytes, u64::MAX)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Appends a number of up to 32 bits.
pub fn put_i32(value: i32, out: &mut Vec<u8>) {
    put_unsigned(u64::from(zigzag_i32(value)), out);
}

/// Appends a number of up to 64 bits.
pub fn put_i64(value: i64, out: &mut Vec<u8>) {
    put_unsigned(zigzag_i64(value), out);
}

/// How many bytes [`put_i32`] appends.
pub const fn len_i32(value: i32) -> usize {
    len_unsigned(zigzag_i32(value) as u64)
}

/// How many bytes [`put_i64`] appends.
pub const fn len_i64(value: i64) -> usize {
    len_unsigned(zigzag_i64(value))
}

const fn zigzag_i32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

const fn zigzag_i64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn len_unsigned(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
fn take_unsigned(bytes: &mut &[u8], max: u64) -> Result<u64, VarintError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(VarintError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        // Bits shifted out of the number, or above the type's largest.
        if bits > max >> shift {
            return Err(VarintError::Overflow);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        // The next byte would have no bits left to give.
        if max >> shift <= 0x7f {
            return Err(VarintError::Overflow);
        }
    }
    Err(VarintError::Overflow)
}

fn put_unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_magnitudes_are_short() {
        for (value, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            put_i32(value, &mut out);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn numbers_that_do_not_end_or_do_not_fit_are_refused() {
        let check = |bytes: &[u8], narrow, wide| {
            assert_eq!(take_i32(&mut &*bytes), narrow, "{bytes:x?}");
            assert_eq!(take_i64(&mut &*bytes), wide, "{bytes:x?}");
        };
        check(&[], Err(VarintError::Truncated), Err(VarintError::Truncated));
        check(&[0x80], Err(VarintError::Truncated), Err(VarintError::Truncated));
        let too_wide = [0xff, 0xff, 0xff, 0xff, 0x1f];
        check(&too_wide, Err(VarintError::Overflow), Ok(-(1 << 32)));
        check(&[0x80; 5], Err(VarintError::Overflow), Err(VarintError::Truncated));
        check(&[0xff; 11], Err(VarintError::Overflow), Err(VarintError::Overflow));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        check(&ten, Err(VarintError::Overflow), Ok(i64::MIN));
        let eleven_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        check(&eleven_bits, Err(VarintError::Overflow), Err(VarintError::Overflow));
    }

    proptest! {
        #[test]
        fn numbers_survive(narrow: i32, wide: i64, rest: Vec<u8>) {
            let mut out = Vec::new();
            put_i32(narrow, &mut out);
            prop_assert_eq!(out.len(), len_i32(narrow));
            put_i64(wide, &mut out);
            prop_assert_eq!(out.len(), len_i32(narrow) + len_i64(wide));
            out.extend_from_slice(&rest);
            let mut bytes = &out[..];
            prop_assert_eq!(take_i32(&mut bytes), Ok(narrow));
            prop_assert_eq!(take_i64(&mut bytes), Ok(wide));
            prop_assert_eq!(bytes, &rest[..]);
        }
    }
}
