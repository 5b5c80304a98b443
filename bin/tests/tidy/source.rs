//! A source file as the rules see it: its text, and its code without comments and strings.

use std::fmt;

/// A file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The path from the root of the workspace, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// Which rule, and what is there.
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl Source {
    /// A place in this file.
    pub(crate) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }

    /// The text with comments, strings and characters replaced by spaces; lines stay where they
    /// are.
    pub(crate) fn code(&self) -> String {
        let text: Vec<char> = self.text.chars().collect();
        let mut code = String::with_capacity(text.len());
        let mut position = 0;
        while position < text.len() {
            let end = hidden_end(&text, position);
            if end == position {
                code.push(text[position]);
                position += 1;
                continue;
            }
            for &character in &text[position..end] {
                code.push(if character == '\n' { '\n' } else { ' ' });
            }
            position = end;
        }
        code
    }
}

/// The words of a line: letters, digits and underscores.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The end of the comment, string or character that begins here; the same position if none does.
fn hidden_end(text: &[char], start: usize) -> usize {
    let rest = &text[start..];
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment_length(rest),
        ['"', ..] => quoted_length(rest, '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted_length(rest, '\''),
        ['r', '#' | '"', ..] if !follows_word(text, start) => raw_string_length(rest),
        _ => 0,
    };
    start + length
}

/// Whether the letter at `start` is inside a word. The `b` and `c` of byte and C strings may
/// stand in front of the `r` of a raw string.
fn follows_word(text: &[char], start: usize) -> bool {
    let before = text[..start].iter().rev().copied();
    let mut before = before.skip_while(|c| matches!(c, 'b' | 'c'));
    before.next().is_some_and(is_word)
}

fn block_comment_length(text: &[char]) -> usize {
    let mut depth = 0;
    let mut position = 0;
    while position < text.len() {
        match text[position..] {
            ['/', '*', ..] => (depth, position) = (depth + 1, position + 2),
            ['*', '/', ..] => (depth, position) = (depth - 1, position + 2),
            _ => position += 1,
        }
        if depth == 0 {
            break;
        }
    }
    position
}

fn quoted_length(text: &[char], quote: char) -> usize {
    let mut position = 1;
    while position < text.len() && text[position] != quote {
        position += if text[position] == '\\' { 2 } else { 1 };
    }
    text.len().min(position + 1)
}

/// Length of `r"..."` or `r#"..."#`; 0 for a raw identifier.
fn raw_string_length(text: &[char]) -> usize {
    let hashes = text[1..].iter().take_while(|&&c| c == '#').count();
    if text.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let body = 2 + hashes;
    let found = text[body..].windows(end.len()).position(|window| window == end);
    found.map_or(text.len(), |position| body + position + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let source = Source { path: "a.rs".into(), text: text.into() };
        let code = source.code();
        assert_eq!(code.len(), text.len(), "every character keeps its place");
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(code("a // b\nc /* d /* e */ f */ g\n//! h"), "a c g");
    }

    #[test]
    fn strings_and_characters_are_no_code() {
        assert_eq!(code(r#"a "b \" c" d 'e' '\'' '"' f"#), "a d f");
        assert_eq!(code("a r\"b\\\" c br#\"d \" e\"# f r#type"), "a c b f r#type");
    }

    #[test]
    fn a_comment_in_a_string_hides_nothing() {
        assert_eq!(code("a \"//\" b"), "a b");
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn text_that_ends_early_is_read_to_its_end() {
        for text in ["\"a", "/* a", "r#\"a", "'\\", "\"a\\"] {
            assert_eq!(code(text), "", "{text}");
        }
    }

    #[test]
    fn words_keep_their_underscores() {
        assert_eq!(
            words("#![deny(unsafe_code)] x").collect::<Vec<_>>(),
            ["deny", "unsafe_code", "x"]
        );
    }
}
