//! Who made a request, as authorization sees it.

use std::fmt;

/// A principal: a kind and a name, as in Kafka. Attached to each connection; a request has the one
/// that its connection had when the request arrived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    kind: String,
    name: String,
}

impl Principal {
    /// The kind of users, the only one that a connection has.
    pub const USER: &'static str = "User";

    /// The user of this name.
    pub fn user(name: impl Into<String>) -> Self {
        Self { kind: Self::USER.to_owned(), name: name.into() }
    }

    /// Whoever did not say who it is.
    pub fn anonymous() -> Self {
        Self::user("ANONYMOUS")
    }

    /// The kind, `User` mostly.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads `kind:name`, as in Kafka's `User:alice`; `None` if a part is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let is_whole = !kind.is_empty() && !name.is_empty();
        is_whole.then(|| Self { kind: kind.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_read_and_written_alike() {
        let dn = "User:CN=client,OU=a:b,C=DE";
        assert_eq!(Principal::parse(dn), Some(Principal::user("CN=client,OU=a:b,C=DE")));
        assert_eq!(Principal::parse(dn).unwrap().to_string(), dn);
        assert_eq!(Principal::anonymous().to_string(), "User:ANONYMOUS");
        for text in ["", "User", "User:", ":alice"] {
            assert_eq!(Principal::parse(text), None, "{text}");
        }
    }
}
