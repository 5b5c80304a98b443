//! The name of a topic, valid because it exists.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// The name of a topic: 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name; on the wire `INVALID_TOPIC_EXCEPTION`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicNameError {
    /// No characters.
    #[error("a topic name cannot be empty")]
    Empty,
    /// `.` or `..`.
    #[error("a topic name cannot be \".\" or \"..\"")]
    Dots,
    /// More than [`TopicName::LEN_MAX`] characters.
    #[error("a topic name has at most 249 characters, not {len}")]
    TooLong {
        /// The length of the text in bytes.
        len: usize,
    },
    /// A character outside the allowed set.
    #[error("a topic name consists of ASCII letters, digits, '.', '_' and '-', not {character:?}")]
    Character {
        /// The first character that is not allowed.
        character: char,
    },
}

impl TopicName {
    /// The largest length, chosen by Kafka so that `<topic>-<partition>` fits a file name.
    pub const LEN_MAX: usize = 249;

    /// Checks `text` and copies it.
    pub fn new(text: &str) -> Result<TopicName, TopicNameError> {
        if text.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if text == "." || text == ".." {
            return Err(TopicNameError::Dots);
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(character) = text.chars().find(|c| !allowed(c)) {
            return Err(TopicNameError::Character { character });
        }
        if text.len() > TopicName::LEN_MAX {
            return Err(TopicNameError::TooLong { len: text.len() });
        }
        Ok(TopicName(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both names become the same metric name, in which `.` and `_` are one character.
    /// Kafka refuses to create a topic whose name collides with another one's.
    pub fn collides_with(&self, other: &TopicName) -> bool {
        let fold = |byte: u8| if byte == b'.' { b'_' } else { byte };
        self.0.len() == other.0.len()
            && self.0.bytes().zip(other.0.bytes()).all(|(a, b)| fold(a) == fold(b))
    }

    /// Whether the name has a character that may collide with another name's.
    pub fn has_collision_chars(&self) -> bool {
        self.0.contains(['.', '_'])
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicName({})", self.0)
    }
}

impl FromStr for TopicName {
    type Err = TopicNameError;

    fn from_str(text: &str) -> Result<TopicName, TopicNameError> {
        TopicName::new(text)
    }
}

impl TryFrom<&str> for TopicName {
    type Error = TopicNameError;

    fn try_from(text: &str) -> Result<TopicName, TopicNameError> {
        TopicName::new(text)
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::new(text).unwrap()
    }

    #[test]
    fn names_within_the_rule_are_kept() {
        for text in ["a", "...", "A-z_0.9", &"x".repeat(249), "__consumer_offsets"] {
            assert_eq!(name(text).as_str(), text);
            assert_eq!(text.parse::<TopicName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_outside_the_rule_are_refused_with_the_reason() {
        assert_eq!(TopicName::new(""), Err(TopicNameError::Empty));
        assert_eq!(TopicName::new("."), Err(TopicNameError::Dots));
        assert_eq!(TopicName::new(".."), Err(TopicNameError::Dots));
        assert_eq!(TopicName::new(&"x".repeat(250)), Err(TopicNameError::TooLong { len: 250 }));
        for (text, character) in [("a b", ' '), ("a/b", '/'), ("größe", 'ö'), ("a\0", '\0')] {
            assert_eq!(TopicName::new(text), Err(TopicNameError::Character { character }));
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert!(name("a.b").collides_with(&name("a_b")));
        assert!(name("a.b").collides_with(&name("a.b")));
        assert!(!name("a.b").collides_with(&name("a-b")));
        assert!(!name("a.b").collides_with(&name("a.b.")));
        assert!(name("a.b").has_collision_chars());
        assert!(!name("a-b").has_collision_chars());
    }
}
