//! Seeds as text: inputs that fuzzing found are kept one a line, in hexadecimal.

use std::fmt::Write;

/// The bytes of a line; `None` if it is not hexadecimal.
pub fn from_hex(line: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = line.trim().as_bytes().chunks(2);
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
    pairs.map(byte).collect()
}

/// The line of an input.
pub fn to_hex(input: &[u8]) -> String {
    let mut line = String::with_capacity(2 * input.len());
    for byte in input {
        write!(line, "{byte:02x}").expect("writing to a string does not fail");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        for input in [&[][..], &[0, 0x7f, 0xff]] {
            assert_eq!(from_hex(&to_hex(input)).as_deref(), Some(input));
        }
        assert_eq!((from_hex("abc"), from_hex("zz")), (None, None));
    }
}
