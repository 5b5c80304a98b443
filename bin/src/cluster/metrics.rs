//! Reads the metrics of a server: one HTTP request, and the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

/// How long connecting may take, and each read.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// An address of metrics: `http://HOST[:PORT]/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetricsUrl {
    authority: String,
    path: String,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetricsError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the answer is no HTTP")]
    NoHttp,
    #[error("the answer is {0:?}")]
    Status(String),
    #[error("the answer has more than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("line {line} is no metric: {text:?}")]
    Line { line: usize, text: String },
}

impl FromStr for MetricsUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let rest =
            text.strip_prefix("http://").ok_or("an address of metrics begins with http://")?;
        let (authority, path) = match rest.find('/') {
            Some(place) => rest.split_at(place),
            None => (rest, "/metrics"),
        };
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if authority.is_empty() || authority.contains('@') || !text.bytes().all(is_plain) {
            return Err("an address of metrics is http://HOST:PORT/PATH");
        }
        Ok(Self { authority: authority.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for MetricsUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority, self.path)
    }
}

impl MetricsUrl {
    /// Asks for the metrics. Buckets of histograms are left out.
    pub(super) fn fetch(&self) -> Result<Vec<Sample>, MetricsError> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        )?;
        let body = read_body(BufReader::new(stream).take(BYTES_MAX))?;
        parse(&body)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let has_port = self.authority.rsplit(':').next().is_some_and(|port| {
            port.len() < self.authority.len() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let authority =
            if has_port { self.authority.clone() } else { format!("{}:80", self.authority) };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Sample {
    /// The labels on one line.
    pub(super) fn labels_text(&self) -> String {
        let label = |(name, value): (&String, &String)| format!("{name}={value}");
        self.labels.iter().map(label).collect::<Vec<_>>().join(" ")
    }
}

/// The body of an HTTP/1.1 answer whose connection is closed at its end.
fn read_body(mut answer: impl BufRead) -> Result<String, MetricsError> {
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..));
    let status = status.ok_or(MetricsError::NoHttp)?.trim().to_owned();
    if !status.starts_with("200") {
        return Err(MetricsError::Status(status));
    }
    let mut is_chunked = false;
    loop {
        line.clear();
        if answer.read_line(&mut line)? == 0 {
            return Err(MetricsError::NoHttp);
        }
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        is_chunked |= header == "transfer-encoding: chunked";
    }
    let mut body = Vec::new();
    if is_chunked {
        read_chunks(&mut answer, &mut body)?;
    } else {
        answer.read_to_end(&mut body)?;
    }
    if body.len() as u64 >= BYTES_MAX {
        return Err(MetricsError::TooLarge);
    }
    String::from_utf8(body).map_err(|_| MetricsError::NoHttp)
}

fn read_chunks(answer: &mut impl BufRead, body: &mut Vec<u8>) -> Result<(), MetricsError> {
    let mut line = String::new();
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| MetricsError::NoHttp)?;
        if length == 0 {
            return Ok(());
        }
        // The whole answer is bounded, so a chunk that lies about its length is, too.
        if answer.take(length).read_to_end(body)? as u64 != length {
            return Err(MetricsError::TooLarge);
        }
        line.clear();
        answer.read_line(&mut line)?;
    }
}

/// Reads the text format of Prometheus, version 0.0.4.
fn parse(text: &str) -> Result<Vec<Sample>, MetricsError> {
    let mut samples = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = || MetricsError::Line { line: number, text: line.chars().take(80).collect() };
        let sample = parse_sample(line).ok_or_else(bad)?;
        if !sample.name.ends_with("_bucket") {
            samples.push(sample);
        }
    }
    Ok(samples)
}

fn parse_sample(line: &str) -> Option<Sample> {
    let name_end = line.find(|character: char| character == '{' || character.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // A timestamp may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels, value })
}

fn parse_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once('=')?;
        let mut value = String::new();
        let mut characters = quoted.strip_prefix('"')?.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(match characters.next()? {
                    'n' => '\n',
                    other => other,
                }),
                character => value.push(character),
            }
        }
        labels.insert(name.trim().to_owned(), value);
        rest = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sample { name: name.to_owned(), labels: labels.iter().map(label).collect(), value }
    }

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP a what\n# TYPE a counter\na 1\n\
                    b{shard=\"0\",name=\"x \\\"y\\\"\\\\\\n\",} 2.5 1700000000\n\
                    c_bucket{le=\"1\"} 3\nc_count 3\nd{} +Inf\n\n";
        assert_eq!(
            parse(text).unwrap(),
            [
                sample("a", &[], 1.0),
                sample("b", &[("shard", "0"), ("name", "x \"y\"\\\n")], 2.5),
                sample("c_count", &[], 3.0),
                sample("d", &[], f64::INFINITY),
            ]
        );
    }

    #[test]
    fn a_line_that_is_no_metric_is_named() {
        for text in ["<html>", "a", "a{b=\"c\" 1", "a{b=c} 1", "a{b=\"c\"} x"] {
            let error = parse(&format!("ok 1\n{text}\n")).unwrap_err();
            assert!(matches!(error, MetricsError::Line { line: 2, .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_body_is_read_to_the_end_or_in_chunks() {
        let body = |answer: &str| read_body(answer.as_bytes());
        assert_eq!(body("HTTP/1.1 200 OK\r\nA: b\r\n\r\na 1\n").unwrap(), "a 1\n");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3\r\na 1\r\n1;x\r\n\n\r\n0\r\n\r\n";
        assert_eq!(body(chunked).unwrap(), "a 1\n");
        assert!(matches!(body("HTTP/1.1 404 Not Found\r\n\r\n"), Err(MetricsError::Status(_))));
        assert!(matches!(body("SSH-2.0-x\r\n"), Err(MetricsError::NoHttp)));
        let short = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\na";
        assert!(matches!(body(short), Err(MetricsError::TooLarge)));
    }

    #[test]
    fn an_address_has_a_host_and_a_path() {
        let url = |text: &str| text.parse::<MetricsUrl>().map(|url| url.to_string());
        assert_eq!(url("http://h:1/m"), Ok("http://h:1/m".to_owned()));
        assert_eq!(url("http://h"), Ok("http://h/metrics".to_owned()));
        for text in ["h:1/m", "https://h/m", "http:///m", "http://a b/m", "http://u@h/\r\nX: y"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
