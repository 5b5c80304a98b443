//! How a record is printed: text with places for its parts, in the manner of kcat.

use std::io::Write;
use std::str::FromStr;

use super::printer::Line;

/// A format that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Value,
    ValueLength,
    Timestamp,
    Headers,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut template = Self { parts: Vec::new() };
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '%' => template.place(rest.next())?,
                '\\' => {
                    let byte = escape(&mut rest)?;
                    template.text(&[byte]);
                }
                character => template.text(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Ok(template)
    }
}

fn escape(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    match rest.next() {
        Some('n') => Ok(b'\n'),
        Some('t') => Ok(b'\t'),
        Some('r') => Ok(b'\r'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digit = |digit: Option<char>| digit?.to_digit(16);
            match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => Ok((16 * high + low) as u8),
                _ => Err("\\x is followed by two hexadecimal digits".to_owned()),
            }
        }
        Some(other) => Err(format!("\\{other} has no meaning; for a backslash write \\\\")),
        None => Err("the text ends within an escape; for a backslash write \\\\".to_owned()),
    }
}

impl Template {
    fn place(&mut self, letter: Option<char>) -> Result<(), String> {
        let part = match letter {
            Some('t') => Part::Topic,
            Some('p') => Part::Partition,
            Some('o') => Part::Offset,
            Some('k') => Part::Key,
            Some('K') => Part::KeyLength,
            Some('s' | 'v') => Part::Value,
            Some('S') => Part::ValueLength,
            Some('T') => Part::Timestamp,
            Some('h') => Part::Headers,
            Some('n') => Part::Text(b"\n".to_vec()),
            Some('%') => Part::Text(b"%".to_vec()),
            Some(other) => {
                return Err(format!("%{other} has no meaning; for a percent sign write %%"));
            }
            None => return Err("the text ends with %; for a percent sign write %%".to_owned()),
        };
        match part {
            Part::Text(text) => self.text(&text),
            part => self.parts.push(part),
        }
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.extend_from_slice(bytes),
            _ => self.parts.push(Part::Text(bytes.to_vec())),
        }
    }

    /// Appends a record. Null keys and values are empty; the length of null is -1.
    pub(super) fn write(&self, record: &Line<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Topic => out.extend_from_slice(record.at.topic.as_bytes()),
                Part::Partition => number(record.at.partition.into(), out),
                Part::Offset => number(record.offset.0, out),
                Part::Key => out.extend_from_slice(record.key.unwrap_or_default()),
                Part::KeyLength => number(length(record.key), out),
                Part::Value => out.extend_from_slice(record.value.unwrap_or_default()),
                Part::ValueLength => number(length(record.value), out),
                Part::Timestamp => number(record.timestamp.0, out),
                Part::Headers => headers(record, out),
            }
        }
    }
}

fn number(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("a vector takes whatever is written");
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

/// `name=value,name=value`, as kcat prints them.
fn headers(record: &Line<'_>, out: &mut Vec<u8>) {
    for (place, header) in record.headers.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(header.key);
        out.push(b'=');
        out.extend_from_slice(header.value.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use corelog_client::TopicPartition;
    use corelog_model::{Offset, RecordHeader, Timestamp};

    use super::*;

    fn printed(template: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
        let record = Line {
            at: &TopicPartition::new("t", 3),
            offset: Offset(42),
            timestamp: Timestamp(1234),
            key,
            value,
            headers: vec![
                RecordHeader { key: b"a", value: Some(b"1") },
                RecordHeader { key: b"b", value: None },
            ],
        };
        let mut out = Vec::new();
        template.parse::<Template>().unwrap().write(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_place_is_filled() {
        let all = "%t %p %o %k %s %v %T %h %K %S%%%n";
        let expected = "t 3 42 key value value 1234 a=1,b= 3 5%\n";
        assert_eq!(printed(all, Some(b"key"), Some(b"value")), expected);
    }

    #[test]
    fn null_is_empty_and_has_no_length() {
        assert_eq!(printed("[%k][%s] %K %S", None, None), "[][] -1 -1");
        assert_eq!(printed("[%k] %K", Some(b""), None), "[] 0");
    }

    #[test]
    fn escapes_are_those_of_c() {
        assert_eq!(printed(r"\t\n\r\\\0\x41ö", None, None), "\t\n\r\\\0Aö");
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for (text, error) in [
            ("%q", "%q has no meaning; for a percent sign write %%"),
            ("100%", "the text ends with %; for a percent sign write %%"),
            (r"\q", r"\q has no meaning; for a backslash write \\"),
            (r"\", r"the text ends within an escape; for a backslash write \\"),
            (r"\x4", r"\x is followed by two hexadecimal digits"),
        ] {
            assert_eq!(text.parse::<Template>(), Err(error.to_owned()));
        }
    }
}
