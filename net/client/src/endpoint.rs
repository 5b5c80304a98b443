//! Where a broker listens: a host and a port, and lists of them as people type them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::ClientError;

/// A host and a port. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Arc<str>,
    port: u16,
}

impl Endpoint {
    /// The port of an endpoint that names none, as in Kafka.
    pub const PORT_DEFAULT: u16 = 9092;

    /// An endpoint of a host name or address, without brackets, and a port.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host:port,host:port,...`. Empty parts are left out; a list of none is refused.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ClientError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let endpoints = parts.map(str::parse).collect::<Result<Vec<Self>, _>>()?;
        if endpoints.is_empty() {
            return Err(refuse(text, "it names no server"));
        }
        Ok(endpoints)
    }

    /// The host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = ClientError;

    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    fn from_str(text: &str) -> Result<Self, ClientError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let Some((host, port)) = rest.split_once(']') else {
                    return Err(refuse(text, "the bracket is not closed"));
                };
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return Err(refuse(text, "only a port may follow the bracket")),
                }
            }
            None => match text.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(refuse(text, "an IPv6 address stands in brackets"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(refuse(text, "it has no host"));
        }
        let port = match port.map(str::parse::<u16>) {
            None => Self::PORT_DEFAULT,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(refuse(text, "a port is a number from 1 to 65535")),
        };
        Ok(Self::new(host, port))
    }
}

fn refuse(text: &str, why: &'static str) -> ClientError {
    ClientError::Address { text: text.to_owned(), why }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_people_type_them() {
        let parse = |text| Endpoint::parse_list(text).unwrap();
        assert_eq!(parse("a:1"), [Endpoint::new("a", 1)]);
        assert_eq!(parse(" a , b:2,"), [Endpoint::new("a", 9092), Endpoint::new("b", 2)]);
        assert_eq!(parse("[::1]:7,[::2]"), [Endpoint::new("::1", 7), Endpoint::new("::2", 9092)]);
    }

    #[test]
    fn what_is_printed_can_be_read() {
        for text in ["localhost:9092", "127.0.0.1:1", "[::1]:65535"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn lists_that_name_no_server_are_refused_with_the_reason() {
        for (text, why) in [
            ("", "it names no server"),
            (" , ", "it names no server"),
            (":9092", "it has no host"),
            ("a b:1", "it has no host"),
            ("a:0", "a port is a number from 1 to 65535"),
            ("a:65536", "a port is a number from 1 to 65535"),
            ("a:", "a port is a number from 1 to 65535"),
            ("::1", "an IPv6 address stands in brackets"),
            ("[::1", "the bracket is not closed"),
            ("[::1]9", "only a port may follow the bracket"),
        ] {
            let error = ClientError::Address { text: text.to_owned(), why };
            assert_eq!(Endpoint::parse_list(text), Err(error));
        }
    }
}
