//! Addresses as an operator types them: `HOST:PORT`, `[IPV6]:PORT`, and Kafka's
//! `NAME://HOST:PORT`. Names are not resolved here.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, IPv6 without brackets. Empty in a listener: every address.
    pub host: String,
    /// The port; 0 in a listener: any free port.
    pub port: u16,
}

/// One entry of `listeners` or `advertised.listeners`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerEntry {
    /// The name in front of `://`, in capitals; none for an address alone.
    pub name: Option<String>,
    /// The host, perhaps empty.
    pub host: String,
    /// The port, when one is given.
    pub port: Option<u16>,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No port, or nothing behind the colon.
    #[error("has no port")]
    NoPort,
    /// The port is not a number below 65536.
    #[error("has a port that is not a number from 0 to 65535")]
    BadPort,
    /// An IPv6 address without brackets, or brackets around something else.
    #[error("is not an IPv6 address in brackets, as in [::1]:9092")]
    BadIpv6,
    /// Something that no host name contains.
    #[error("has a host with characters that no host name has")]
    BadHost,
}

impl Endpoint {
    /// Reads `HOST:PORT`.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let (host, port) = split(text)?;
        Ok(Self { host, port: port.ok_or(EndpointError::NoPort)? })
    }

    /// The address of core `shard`: ports follow each other from this one. Any free port (0) is
    /// any free port for every core.
    #[must_use]
    pub fn of_core(&self, shard: u16) -> Self {
        let port = match self.port {
            0 => 0,
            base => base.checked_add(shard).expect("a checked config has a port for every core"),
        };
        Self { host: self.host.clone(), port }
    }

    /// Whether two listeners of so many cores would want a port in common.
    pub fn overlaps(&self, other: &Self, cores: usize) -> bool {
        let same_host = self.host == other.host || self.is_wildcard() || other.is_wildcard();
        let distance = usize::from(self.port.abs_diff(other.port));
        same_host && self.port != 0 && other.port != 0 && distance < cores
    }

    /// Whether the host stands for every address of the machine.
    pub fn is_wildcard(&self) -> bool {
        is_wildcard(&self.host)
    }

    /// Whether the host is reachable from this machine only.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
            || self.host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback())
    }
}

impl ListenerEntry {
    /// Reads `NAME://HOST:PORT`, `HOST:PORT` or either without the port.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let (name, address) = match text.split_once("://") {
            Some((name, address)) => (Some(name.to_uppercase()), address),
            None => (None, text),
        };
        let (host, port) = split(address)?;
        Ok(Self { name, host, port })
    }
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

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a host stands for every address of the machine.
pub fn is_wildcard(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::")
}

fn split(text: &str) -> Result<(String, Option<u16>), EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(EndpointError::BadIpv6)?;
        host.parse::<Ipv6Addr>().map_err(|_| EndpointError::BadIpv6)?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host.to_owned(), Some(port(digits)?))),
            None if rest.is_empty() => Ok((host.to_owned(), None)),
            None => Err(EndpointError::BadIpv6),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => return Err(EndpointError::BadIpv6),
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (text, None),
    };
    let is_of_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !host.chars().all(is_of_host) {
        return Err(EndpointError::BadHost);
    }
    Ok((host.to_owned(), port))
}

fn port(digits: &str) -> Result<u16, EndpointError> {
    if digits.is_empty() {
        return Err(EndpointError::NoPort);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointError::BadPort);
    }
    digits.parse().map_err(|_| EndpointError::BadPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.into(), port }
    }

    #[test]
    fn addresses_are_read_and_written_alike() {
        for (text, host, port) in [
            ("127.0.0.1:9092", "127.0.0.1", 9092),
            ("[::1]:9092", "::1", 9092),
            ("kafka-1.example_x:0", "kafka-1.example_x", 0),
            (":65535", "", 65535),
        ] {
            assert_eq!(Endpoint::parse(text), Ok(endpoint(host, port)));
            assert_eq!(endpoint(host, port).to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_no_address_are_refused() {
        use EndpointError::{BadHost, BadIpv6, BadPort, NoPort};
        for (text, error) in [
            ("", NoPort),
            ("host", NoPort),
            ("host:", NoPort),
            ("[::1]", NoPort),
            ("host:65536", BadPort),
            ("host:+1", BadPort),
            ("host:http", BadPort),
            ("::1:9092", BadIpv6),
            ("[::1:9092", BadIpv6),
            ("[host]:9092", BadIpv6),
            ("[::1]9092", BadIpv6),
            ("a b:1", BadHost),
            ("a/b:1", BadHost),
        ] {
            assert_eq!(Endpoint::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_listener_has_a_name_and_perhaps_a_port() {
        let listener = |name: &str, host: &str, port| {
            let name = Some(name.to_owned()).filter(|name| !name.is_empty());
            Ok(ListenerEntry { name, host: host.into(), port })
        };
        assert_eq!(
            ListenerEntry::parse("PLAINTEXT://:9092"),
            listener("PLAINTEXT", "", Some(9092))
        );
        assert_eq!(ListenerEntry::parse("internal://a:1"), listener("INTERNAL", "a", Some(1)));
        assert_eq!(ListenerEntry::parse("[::1]:2"), listener("", "::1", Some(2)));
        assert_eq!(ListenerEntry::parse("broker.example"), listener("", "broker.example", None));
    }

    #[test]
    fn every_core_has_the_next_port() {
        assert_eq!(endpoint("a", 9092).of_core(3), endpoint("a", 9095));
        assert_eq!(endpoint("a", 0).of_core(3), endpoint("a", 0));
    }

    #[test]
    fn loopback_and_wildcard_hosts_are_recognised() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "::1"] {
            assert!(endpoint(host, 1).is_loopback() && !endpoint(host, 1).is_wildcard(), "{host}");
        }
        for host in ["", "0.0.0.0", "::"] {
            assert!(endpoint(host, 1).is_wildcard() && !endpoint(host, 1).is_loopback(), "{host}");
        }
        assert!(!endpoint("10.0.0.1", 1).is_loopback());
    }
}
