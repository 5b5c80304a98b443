//! `ssl.principal.mapping.rules`: from the subject of a certificate to the name of a user.

use std::fmt;

use regex::Regex;

/// The most bytes of the rules and of one compiled pattern.
const RULES_BYTES_MAX: usize = 64 << 10;
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Rules of which the first that matches decides.
#[derive(Debug, Clone)]
pub struct MappingRules {
    text: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
enum Rule {
    /// The subject itself.
    Default,
    /// The whole subject matches, and its groups go into the replacement.
    Pattern { pattern: Regex, replacement: String, case: Case },
}

#[derive(Debug, Clone, Copy)]
enum Case {
    Kept,
    Lower,
    Upper,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingRulesError {
    /// Not a list of rules.
    #[error("has something that is neither DEFAULT nor RULE:pattern/replacement/[LU]: {rest:?}")]
    Syntax {
        /// From where on.
        rest: String,
    },
    /// A pattern that is no regular expression.
    #[error("has the pattern {pattern:?}, which cannot be used: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// Too long.
    #[error("has more than {RULES_BYTES_MAX} bytes")]
    TooLong,
}

impl Default for MappingRules {
    fn default() -> Self {
        Self { text: "DEFAULT".to_owned(), rules: vec![Rule::Default] }
    }
}

impl PartialEq for MappingRules {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for MappingRules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl MappingRules {
    /// Reads rules, separated by commas. None is the default alone.
    pub fn parse(text: &str) -> Result<Self, MappingRulesError> {
        if text.len() > RULES_BYTES_MAX {
            return Err(MappingRulesError::TooLong);
        }
        let mut rest = text.trim();
        if rest.is_empty() {
            return Ok(Self::default());
        }
        let mut rules = Vec::new();
        while !rest.is_empty() {
            let syntax = || MappingRulesError::Syntax { rest: rest.to_owned() };
            let (rule, behind) = match rest.strip_prefix("RULE:") {
                Some(rule) => {
                    let (pattern, behind) = until_slash(rule).ok_or_else(syntax)?;
                    let (replacement, behind) = until_slash(behind).ok_or_else(syntax)?;
                    let (case, behind) = match behind.chars().next() {
                        Some('L') => (Case::Lower, &behind[1..]),
                        Some('U') => (Case::Upper, &behind[1..]),
                        _ => (Case::Kept, behind),
                    };
                    (compile(pattern, replacement, case)?, behind)
                }
                None => (Rule::Default, rest.strip_prefix("DEFAULT").ok_or_else(syntax)?),
            };
            rules.push(rule);
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if behind.is_empty() => behind,
                None => return Err(syntax()),
            };
        }
        Ok(Self { text: text.trim().to_owned(), rules })
    }

    /// The name of the user; `None` if no rule matches, and then nobody may come in.
    pub fn name_of(&self, subject: &str) -> Option<String> {
        self.rules.iter().find_map(|rule| rule.name_of(subject))
    }
}

impl Rule {
    fn name_of(&self, subject: &str) -> Option<String> {
        let Self::Pattern { pattern, replacement, case } = self else {
            return Some(subject.to_owned());
        };
        let groups = pattern.captures(subject)?;
        let mut name = String::new();
        let mut characters = replacement.chars().peekable();
        while let Some(character) = characters.next() {
            let digit = characters.peek().and_then(|next| next.to_digit(10));
            match (character, digit) {
                ('$', Some(digit)) if (digit as usize) < groups.len() => {
                    characters.next();
                    name.push_str(groups.get(digit as usize).map_or("", |group| group.as_str()));
                }
                ('\\', _) => name.extend(characters.next()),
                (other, _) => name.push(other),
            }
        }
        Some(match case {
            Case::Kept => name,
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
        })
    }
}

/// Splits at the first slash that is not escaped.
fn until_slash(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let slash = text.char_indices().find(|&(_, character)| {
        let ends = character == '/' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    slash.map(|(position, _)| (&text[..position], &text[position + 1..]))
}

fn compile(pattern: &str, replacement: &str, case: Case) -> Result<Rule, MappingRulesError> {
    // Java matches the whole subject, whatever the pattern begins and ends with.
    let whole = format!("^(?:{pattern})$");
    let compiled = regex::RegexBuilder::new(&whole).size_limit(PATTERN_BYTES_MAX).build();
    let compiled = compiled.map_err(|error| MappingRulesError::Pattern {
        pattern: pattern.to_owned(),
        why: error.to_string().lines().last().unwrap_or_default().to_owned(),
    })?;
    Ok(Rule::Pattern { pattern: compiled, replacement: replacement.to_owned(), case })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &str, subject: &str, name: Option<&str>) {
        let rules = MappingRules::parse(rules).unwrap();
        assert_eq!(rules.name_of(subject).as_deref(), name, "{rules}");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, \
                     RULE:^CN=(.*?),OU=(.*?),O=(.*?),C=(.*)$/$1@$2/L,\
                     RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U,DEFAULT";
        check(rules, "CN=Duke,OU=ServiceUsers,O=Org,C=US", Some("Duke"));
        check(rules, "CN=Duke,OU=Log,O=Org,C=US", Some("duke@log"));
        check(rules, "cn=Duke,O=Org", Some("DUKE"));
        check(rules, "OU=JavaSoft,C=US", Some("OU=JavaSoft,C=US"));
    }

    #[test]
    fn a_subject_that_no_rule_matches_has_no_name() {
        check("RULE:^CN=(.*?)$/$1/", "CN=a", Some("a"));
        check("RULE:^CN=(.*?)$/$1/", "O=a", None);
        check("RULE:CN=a/x/", "CN=a,O=b", None);
    }

    #[test]
    fn slashes_and_signs_can_be_escaped() {
        check(r"RULE:CN=(.*)\/(.*)/$2\/$1\$1$9/", "CN=a/b", Some("b/a$1$9"));
    }

    #[test]
    fn nothing_is_the_default() {
        assert_eq!(MappingRules::parse(" ").unwrap(), MappingRules::default());
        check("", "CN=a", Some("CN=a"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["RULE:a", "RULE:a/b", "default", "DEFAULT x", "RULE:a/b/X", "DEFAULT,,DEFAULT"]
        {
            let refused = MappingRules::parse(text);
            assert!(
                matches!(refused, Err(MappingRulesError::Syntax { .. })),
                "{text}: {refused:?}"
            );
        }
        let refused = MappingRules::parse("RULE:(/x/");
        assert!(matches!(refused, Err(MappingRulesError::Pattern { .. })));
        let long = "DEFAULT,".repeat(RULES_BYTES_MAX / 8 + 1);
        assert_eq!(MappingRules::parse(&long), Err(MappingRulesError::TooLong));
    }
}
