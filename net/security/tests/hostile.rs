//! Whatever a client sends before it has logged in is refused or answered; nothing panics, and
//! nobody comes in.

use corelog_security::exchange::{Credentials, Exchange, PlainUsers, Step};
use corelog_security::jaas::LoginModule;
use corelog_security::jwt::{KeySet, TokenPolicy};
use corelog_security::mapping_rules::MappingRules;
use corelog_security::{Mechanism, Secret};
use proptest::prelude::*;

const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// Bytes of any kind, and texts that look like messages of the mechanisms.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "[ny],(a=[a-z=]{0,3})?,(m=x,)?n=[a-z=,2CD3]{0,9},r=[!-~]{0,9}(,[a-z]=[!-~]{0,5})*",
        "c=[a-zA-Z0-9+/=]{0,9},r=[!-~]{0,50},p=[a-zA-Z0-9+/=]{0,60}",
        "n,(a=[a-z]{0,3})?,\x01(auth=[bB]earer [a-zA-Z0-9_.=-]{0,60}\x01)?\x01",
        "[a-z]{0,3}\0(alice|[a-z]{0,5})\0[a-z]{0,5}",
    ];
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..100), text.prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn nobody_comes_in_by_chance(
        mechanism in proptest::sample::select(&Mechanism::ALL[..]),
        messages in proptest::collection::vec(message(), 1..4),
    ) {
        let plain = PlainUsers([("alice".to_owned(), Secret::new("a long password"))].into());
        let tokens = TokenPolicy {
            keys: KeySet::parse(KEYS).expect("a set of keys"),
            issuer: None,
            audiences: Vec::new(),
            clock_skew_ms: 0,
            user_claim: "sub".to_owned(),
        };
        let known = Credentials {
            plain: &plain,
            scram: &|_, _| None,
            delegation: None,
            nobody_secret: b"secret",
            tokens: Some(&tokens),
            now_ms: 0,
        };
        let mut exchange = Exchange::begin(mechanism, || "nonce".to_owned());
        for message in messages {
            match exchange.step(&message, &known) {
                Ok(Step::Challenge(bytes)) => prop_assert!(bytes.len() < 1000),
                Ok(Step::Done { user, .. }) => panic!("{user} came in"),
                Err(_) => break,
            }
        }
    }

    #[test]
    fn texts_of_the_configuration_never_panic(text in ".{0,80}", tail in "(/.{0,9}){0,4}[LU]?") {
        // Whether they are good is checked elsewhere.
        let _ = LoginModule::parse(&format!("a.B required {text};"));
        let _ = LoginModule::parse(&text);
        if let Ok(rules) = MappingRules::parse(&format!("RULE:{text}{tail}")) {
            let _ = rules.name_of(&text);
        }
        let _ = KeySet::parse(&text);
    }
}
