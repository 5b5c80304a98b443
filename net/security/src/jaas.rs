//! Lines of JAAS configuration, as `sasl.jaas.config` holds them:
//! `some.LoginModule required name="value" other=value;`

use std::collections::BTreeMap;
use std::fmt;

use crate::Secret;

/// One login module with its options, all of which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginModule {
    /// The last part of the class's name, as in `PlainLoginModule`.
    pub class: String,
    /// Options by name.
    pub options: BTreeMap<String, Secret>,
}

impl fmt::Debug for LoginModule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.options.keys().collect();
        write!(formatter, "LoginModule({} {names:?})", self.class)
    }
}

/// The text is not one login module. What it is, is not shown: it may hold passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JaasError {
    /// No name of a module and no flag behind it.
    #[error("does not begin with the class of a login module and `required`")]
    NoModule,
    /// Something between the flag and the end.
    #[error("has an option that is not name=value or name=\"value\"")]
    BadOption,
    /// No semicolon at the end, or something behind it.
    #[error("does not end with one semicolon")]
    NoEnd,
}

impl LoginModule {
    /// Reads one module.
    pub fn parse(text: &str) -> Result<Self, JaasError> {
        let text = text.trim();
        let (class, rest) = text.split_once(char::is_whitespace).ok_or(JaasError::NoModule)?;
        let rest = rest.trim_start();
        let flags = ["required", "requisite", "sufficient", "optional"];
        let starts_with =
            |flag: &str| rest.get(..flag.len()).is_some_and(|it| it.eq_ignore_ascii_case(flag));
        let flag = flags.into_iter().find(|flag| starts_with(flag)).ok_or(JaasError::NoModule)?;
        let mut rest = rest[flag.len()..].trim_start();
        let mut options = BTreeMap::new();
        while !rest.starts_with(';') {
            if rest.is_empty() {
                return Err(JaasError::NoEnd);
            }
            let (name, behind) = rest.split_once('=').ok_or(JaasError::BadOption)?;
            let (value, behind) = value(behind.trim_start())?;
            let name = name.trim().trim_matches('"');
            if name.is_empty() || name.contains([' ', ';', '"']) {
                return Err(JaasError::BadOption);
            }
            options.insert(name.to_owned(), Secret::new(value));
            rest = behind.trim_start();
        }
        if rest.len() > 1 {
            return Err(JaasError::NoEnd);
        }
        let class = class.rsplit('.').next().unwrap_or(class).to_owned();
        Ok(Self { class, options })
    }

    /// An option.
    pub fn option(&self, name: &str) -> Option<&Secret> {
        self.options.get(name)
    }

    /// The users of a `PlainLoginModule`: the options `user_NAME="password"`.
    pub fn users(&self) -> BTreeMap<String, Secret> {
        let user = |(name, password): (&String, &Secret)| {
            Some((name.strip_prefix("user_")?.to_owned(), password.clone()))
        };
        self.options.iter().filter_map(user).collect()
    }
}

/// A value in quotes of either kind, with backslashes before signs, or without quotes.
fn value(text: &str) -> Result<(String, &str), JaasError> {
    let Some(quote) = text.chars().next().filter(|sign| matches!(sign, '"' | '\'')) else {
        let end = text.find(|sign: char| sign.is_whitespace() || sign == ';');
        let end = end.ok_or(JaasError::NoEnd)?;
        return if end == 0 {
            Err(JaasError::BadOption)
        } else {
            Ok((text[..end].to_owned(), &text[end..]))
        };
    };
    let mut value = String::new();
    let mut signs = text.char_indices().skip(1);
    while let Some((position, sign)) = signs.next() {
        match sign {
            '\\' => value.push(signs.next().ok_or(JaasError::BadOption)?.1),
            sign if sign == quote => return Ok((value, &text[position + 1..])),
            sign => value.push(sign),
        }
    }
    Err(JaasError::BadOption)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_and_without_quotes() {
        let module = LoginModule::parse(
            r#"org.apache.kafka.common.security.plain.PlainLoginModule required
               username="admin" password='a "b" = c;'
               user_alice = "ses\"ame" user_b=1;"#,
        )
        .unwrap();
        assert_eq!(module.class, "PlainLoginModule");
        let option = |name| module.option(name).map(Secret::reveal);
        assert_eq!((option("username"), option("password")), (Some("admin"), Some("a \"b\" = c;")));
        let users = module.users();
        let users: Vec<_> = users.iter().map(|(name, it)| (name.as_str(), it.reveal())).collect();
        assert_eq!(users, [("alice", "ses\"ame"), ("b", "1")]);
        let shown = format!("{module:?}");
        assert!(!shown.contains("ses") && shown.contains("user_alice"), "{shown}");
        assert_eq!(LoginModule::parse("x.Y Required;").unwrap().class, "Y");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        use JaasError::{BadOption, NoEnd, NoModule};
        for (text, error) in [
            ("", NoModule),
            ("a.B", NoModule),
            ("a.B must x=1;", NoModule),
            ("a.B required", NoEnd),
            ("a.B required x=1", NoEnd),
            ("a.B required x=1; y=2;", NoEnd),
            ("a.B required x;", BadOption),
            ("a.B required x=;", BadOption),
            ("a.B required =1;", BadOption),
            ("a.B required x=\"1;", BadOption),
            ("a.B required x=\"1\\", BadOption),
        ] {
            assert_eq!(LoginModule::parse(text), Err(error), "{text}");
        }
    }
}
