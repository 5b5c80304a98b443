//! Regular expressions over the names of topics and of transactional ids. They are matched here and
//! not by the driver: the engine takes time in proportion to the name, its size is bounded, and so
//! a search costs little more than a walk over the names. It is Rust's, whose syntax is that of RE2
//! but for corner cases.

use regex::{Regex, RegexBuilder};

/// How large a compiled expression may be.
const EXPRESSION_BYTES_MAX: usize = 256 * 1024;

/// An expression that a name matches as a whole or not.
pub(crate) struct Expression(Regex);

impl Expression {
    pub(crate) fn new(text: &str) -> Result<Expression, regex::Error> {
        let compile = |text: &str| {
            let mut builder = RegexBuilder::new(text);
            builder.size_limit(EXPRESSION_BYTES_MAX).dfa_size_limit(EXPRESSION_BYTES_MAX);
            builder.build()
        };
        // By itself first, as what is none may become one between parentheses.
        let whole = || compile(&format!("^(?:{text})$"));
        compile(text).and_then(|_| whole()).map(Expression)
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(text: &str) -> Vec<&'static str> {
        let expression = Expression::new(text).unwrap();
        let names = ["a", "ab", "abc", "b-1", "A.b"];
        names.into_iter().filter(|name| expression.matches(name)).collect()
    }

    #[test]
    fn a_name_matches_as_a_whole() {
        assert_eq!(matching("a"), ["a"]);
        assert_eq!(matching("a|ab"), ["a", "ab"]);
        assert_eq!(matching("ab?.?"), ["a", "ab", "abc"]);
        assert_eq!(matching("^b-[0-9]$"), ["b-1"]);
        assert_eq!(matching("(?i)a.*"), ["a", "ab", "abc", "A.b"]);
        assert_eq!(matching("x"), [""; 0]);
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_refused() {
        for text in ["[", "a)|(?:b", "(?<=a)b", r"(a)\1", "(((a{100}){100}){100}){100}"] {
            assert!(Expression::new(text).is_err(), "{text}");
        }
    }
}
