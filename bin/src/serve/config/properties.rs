//! Java's properties format, as `java.util.Properties.load` reads it: comments, continuation
//! lines, three separators, escapes. Text in, entries with line numbers out; what a key means is
//! decided elsewhere.

use std::iter::Peekable;
use std::str::Chars;

/// One `key=value` of a properties file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line of the file on which the entry starts, from 1.
    pub line: usize,
    /// The key, escapes resolved.
    pub key: String,
    /// The value, escapes resolved. Spaces at its end are kept, as in Java.
    pub value: String,
}

/// Why a properties text cannot be read. Java's parser accepts everything else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// `\u` without four hexadecimal digits behind it.
    #[error("line {line}: \\u must be followed by four hexadecimal digits")]
    BadUnicodeEscape {
        /// Line of the entry, from 1.
        line: usize,
    },
    /// `\u` escapes that are half of a UTF-16 surrogate pair.
    #[error("line {line}: \\u{unit:04x} is half of a surrogate pair")]
    LoneSurrogate {
        /// Line of the entry, from 1.
        line: usize,
        /// The UTF-16 unit that stands alone.
        unit: u16,
    },
}

/// Reads all entries of a properties text, in order; repeated keys are kept.
pub fn parse(text: &str) -> Result<Vec<Entry>, PropertiesError> {
    logical_lines(text).into_iter().map(|(line, logical)| entry(line, &logical)).collect()
}

/// Joins continuation lines and drops comments and blank lines. Each result starts with its key.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut logical_lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, natural) in natural_lines(text).enumerate() {
        let content = natural.trim_start_matches(is_space);
        let (first_line, mut logical) = match open.take() {
            Some(continued) => continued,
            None if content.is_empty() || content.starts_with(['#', '!']) => continue,
            None => (number + 1, String::new()),
        };
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            logical.push_str(&content[..content.len() - 1]);
            open = Some((first_line, logical));
        } else {
            logical.push_str(content);
            logical_lines.push((first_line, logical));
        }
    }
    // A backslash at the end of the file continues into nothing.
    logical_lines.extend(open);
    logical_lines.retain(|(_, logical)| !logical.is_empty());
    logical_lines
}

/// Lines as Java sees them: ended by `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

/// Splits a logical line at its first separator that is not escaped.
fn entry(line: usize, logical: &str) -> Result<Entry, PropertiesError> {
    let mut escaped = false;
    let key_end = logical
        .char_indices()
        .find(|&(_, character)| {
            let ends_key = !escaped && (is_space(character) || matches!(character, '=' | ':'));
            escaped = character == '\\' && !escaped;
            ends_key
        })
        .map_or(logical.len(), |(position, _)| position);
    let (key, rest) = logical.split_at(key_end);
    let rest = rest.trim_start_matches(is_space);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_space);
    Ok(Entry { line, key: unescape(line, key)?, value: unescape(line, value)? })
}

fn unescape(line: usize, text: &str) -> Result<String, PropertiesError> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => plain.push(unicode_escape(line, &mut characters)?),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}

/// Reads the digits behind a `\u`, and the second `\uXXXX` when the first is half of a pair.
fn unicode_escape(
    line: usize,
    characters: &mut Peekable<Chars<'_>>,
) -> Result<char, PropertiesError> {
    let first = utf16_unit(line, characters)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        let mut ahead = characters.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            units.push(utf16_unit(line, &mut ahead)?);
            *characters = ahead;
        }
    }
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => Ok(character),
        _ => Err(PropertiesError::LoneSurrogate { line, unit: first }),
    }
}

fn utf16_unit(line: usize, characters: &mut Peekable<Chars<'_>>) -> Result<u16, PropertiesError> {
    (0..4).try_fold(0, |unit, _| {
        let digit = characters.next().and_then(|character| character.to_digit(16));
        digit
            .map(|digit| unit * 16 + digit as u16)
            .ok_or(PropertiesError::BadUnicodeEscape { line })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str, &str)]) {
        let entries = parse(text).unwrap();
        let entries: Vec<_> =
            entries.iter().map(|e| (e.line, e.key.as_str(), e.value.as_str())).collect();
        assert_eq!(entries, expected);
    }

    #[test]
    fn equals_colon_and_space_separate_the_key_from_the_value() {
        check(
            "a=1\nb:2\nc 3\nd = 4\ne\t:  5\nf   = = 6\n",
            &[(1, "a", "1"), (2, "b", "2"), (3, "c", "3"), (4, "d", "4"), (5, "e", "5")]
                .into_iter()
                .chain([(6, "f", "= 6")])
                .collect::<Vec<_>>(),
        );
    }

    #[test]
    fn only_the_first_separator_counts() {
        check(
            "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n",
            &[(1, "listeners", "PLAINTEXT://:9092,CONTROLLER://:9093")],
        );
    }

    #[test]
    fn a_key_without_a_value_is_empty() {
        check("a\nb=\nc:\n", &[(1, "a", ""), (2, "b", ""), (3, "c", "")]);
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_but_counted() {
        check("# one\n\n   ! two\n \t\x0c\n  a = 1\n", &[(5, "a", "1")]);
    }

    #[test]
    fn a_comment_sign_inside_a_value_is_text() {
        check("a=1 # not a comment\n", &[(1, "a", "1 # not a comment")]);
    }

    #[test]
    fn continuation_lines_lose_their_indentation() {
        check("a=1,\\\n    2,\\\r\n\t3\nb=4", &[(1, "a", "1,2,3"), (4, "b", "4")]);
    }

    #[test]
    fn a_continuation_line_is_never_a_comment() {
        check("a=1\\\n#2\n", &[(1, "a", "1#2")]);
    }

    #[test]
    fn a_blank_line_ends_a_continuation() {
        check("a=1\\\n\nb=2\n", &[(1, "a", "1"), (3, "b", "2")]);
    }

    #[test]
    fn an_even_number_of_backslashes_does_not_continue() {
        check("a=1\\\\\nb=2\n", &[(1, "a", "1\\"), (2, "b", "2")]);
    }

    #[test]
    fn a_backslash_at_the_end_of_the_file_is_dropped() {
        check("a=1\\", &[(1, "a", "1")]);
        check("\\", &[]);
    }

    #[test]
    fn escapes_are_resolved_in_keys_and_values() {
        check("a\\ b\\=c\\:d=\\t\\n\\r\\f\\q\\u0041\\\\\n", &[(1, "a b=c:d", "\t\n\r\u{c}qA\\")]);
    }

    #[test]
    fn surrogate_pairs_make_one_character() {
        check("a=\\ud83d\\ude00!\n", &[(1, "a", "\u{1f600}!")]);
    }

    #[test]
    fn a_short_unicode_escape_is_refused() {
        assert_eq!(parse("a=1\nb=\\u12g4"), Err(PropertiesError::BadUnicodeEscape { line: 2 }));
        assert_eq!(parse("b=\\u12"), Err(PropertiesError::BadUnicodeEscape { line: 1 }));
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        let lone = |unit| Err(PropertiesError::LoneSurrogate { line: 1, unit });
        assert_eq!(parse("a=\\ud83d"), lone(0xd83d));
        assert_eq!(parse("a=\\ud83dx"), lone(0xd83d));
        assert_eq!(parse("a=\\ude00"), lone(0xde00));
        assert_eq!(parse("a=\\ud83d\\u0041"), lone(0xd83d));
    }

    #[test]
    fn spaces_at_the_end_of_a_value_are_kept() {
        check("a=1  \n", &[(1, "a", "1  ")]);
    }

    #[test]
    fn repeated_keys_are_all_returned() {
        check("a=1\na=2\n", &[(1, "a", "1"), (2, "a", "2")]);
    }
}
