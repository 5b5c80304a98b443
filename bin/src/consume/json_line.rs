//! A record as one line of JSON. Bytes that are UTF-8 are text; others are base64 under a name of
//! their own, so that no reader takes one for the other.

use std::borrow::Cow;

use corelog_model::RecordHeader;
use serde::Serialize;

use super::printer;
use crate::base64;
use crate::failure::{Exit, Failure};

#[derive(Debug, Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    value: Option<&'a str>,
    headers: Vec<Header<'a>>,
}

#[derive(Debug, Serialize)]
struct Header<'a> {
    key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    value: Option<&'a str>,
}

/// Appends a record.
pub(super) fn write(record: &printer::Line<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
    let (key, key_base64) = text_or_base64(record.key);
    let (value, value_base64) = text_or_base64(record.value);
    let line = Line {
        topic: &record.at.topic,
        partition: record.at.partition,
        offset: record.offset.0,
        timestamp: record.timestamp.0,
        key_base64,
        key,
        value_base64,
        value,
        headers: record.headers.iter().map(header).collect(),
    };
    serde_json::to_writer(&mut *out, &line).map_err(|error| {
        Failure::new(Exit::Failed, "cannot write a record as JSON", error, "report this")
    })?;
    out.push(b'\n');
    Ok(())
}

fn header<'r>(header: &RecordHeader<'r>) -> Header<'r> {
    let (value, value_base64) = text_or_base64(header.value);
    // The name of a header is UTF-8 by convention.
    Header { key: String::from_utf8_lossy(header.key), value_base64, value }
}

fn text_or_base64(bytes: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => (None, None),
        Some((_, Ok(text))) => (Some(text), None),
        Some((bytes, Err(_))) => (None, Some(base64::encode(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use corelog_client::TopicPartition;
    use corelog_model::{Offset, Timestamp};

    use super::*;

    fn line(key: Option<&[u8]>, value: Option<&[u8]>) -> String {
        let record = printer::Line {
            at: &TopicPartition::new("t", 0),
            offset: Offset(4),
            timestamp: Timestamp(12),
            key,
            value,
            headers: vec![RecordHeader { key: b"h", value: Some(&[0xff]) }],
        };
        let mut out = Vec::new();
        write(&record, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_text_and_other_bytes_are_base64() {
        assert_eq!(
            line(Some(b"k\n"), Some(&[0, 0xff])),
            "{\"topic\":\"t\",\"partition\":0,\"offset\":4,\"timestamp\":12,\"key\":\"k\\n\",\
             \"value_base64\":\"AP8=\",\"value\":null,\
             \"headers\":[{\"key\":\"h\",\"value_base64\":\"/w==\",\"value\":null}]}\n"
        );
    }

    #[test]
    fn null_is_null() {
        let line = line(None, None);
        assert!(line.contains("\"key\":null,\"value\":null"), "{line}");
        assert!(!line.contains("key_base64"), "{line}");
    }
}
