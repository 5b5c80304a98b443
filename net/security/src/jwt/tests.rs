//! Claims about tokens: which are good and which are not.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

use super::*;

/// Made by another tool: an RSA key of 2048 bits, and a token of alice that expires at second 2000.
const RSA_N: &str = "\
    rqNAFS-RAOdhChIrKCAPzAUYo83AXesbG9peopYb94kO2C_noNFGdDMhn7h3St8QfPs0B9v6pCmSxPTUIDn9\
    5kAoNGFbW5JDAtjLoXiQMiUtmoV8V1GtlDlcYIxTLC_GZqWHOHpQIQDtzIXEso1ZhjyICS6YYn8bQfhHczFA\
    iSsVMY4RUjCmrjbUL9LzP3xZSJtgN63n0b_JR4lOlELUvoF-6nUWAtxcUv_DeXN6Bd632HBazikvgL-6ONRj\
    OmPMcehOZ6MORaZ68-6h6kq345vkQzJJQ9RVXpVhyowh4NNwJns4G6wbh8SW9FANRxOMo4JK634A9jXOlORh\
    xXiKjw";
const RSA_TOKEN: &str = "\
    eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MjAwMH0.JBhaudC9bSx5Y\
    oql5hiNVYkxaUKgbJEudUvQ-i7Svr2gzFH9rlzH2fVWbcAgptAF-pz2TnWWt6M5RTAsleKf3Hyq5kj0thLJc\
    2rYZxOT3xtyq5tIIFinPNVq5rUah9Wd5ofjFliGj4CCtmQGP6ExXlJmAXxsVu2R963MT03PgC_uLZrzyHFK7\
    RUwBkKgG2DNoiSq-2mAluD4Tbgi7hpG69UsEKT9T8NGzxl5UcZeVpA3xEDEHg6-2krvpNBRTRF6LmnYl8GH1\
    PvDety-uY-urFS54ZFyJxjQ6tK4upOw93P1VBe3K2LiMwjGIYPKYJvtzcIRIKxjMneW4xm5wmtEUQ";

/// Signs tokens with ES256.
struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn key(&self, id: &str) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y})
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn policy(keys: &[Value]) -> TokenPolicy {
    TokenPolicy {
        keys: KeySet::parse(&json!({ "keys": keys }).to_string()).unwrap(),
        issuer: Some("https://id.example".to_owned()),
        audiences: vec!["log".to_owned(), "kafka".to_owned()],
        clock_skew_ms: 30_000,
        user_claim: "sub".to_owned(),
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "a"})
}

fn claims() -> Value {
    json!({"sub": "alice", "iss": "https://id.example", "aud": ["log"], "iat": 1000, "exp": 2000})
}

fn alice() -> AcceptedToken {
    AcceptedToken { user: "alice".to_owned(), expires_ms: 2_000_000 }
}

/// Checks a token with one claim changed, at second 1500.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "expected values are written in place")]
fn check(claim: &str, value: &Value, expected: Result<AcceptedToken, TokenRefusal>) {
    let signer = Signer::new();
    let mut claims = claims();
    claims[claim] = value.clone();
    let token = signer.token(&header(), &claims);
    assert_eq!(policy(&[signer.key("a")]).check(&token, 1_500_000), expected, "{claims}");
}

#[test]
fn a_token_is_good_within_its_time_and_the_skew_of_clocks() {
    let signer = Signer::new();
    let (policy, token) = (policy(&[signer.key("a")]), signer.token(&header(), &claims()));
    for (now_ms, expected) in [
        (969_999, Err(TokenRefusal::Early)),
        (970_000, Ok(alice())),
        (2_029_999, Ok(alice())),
        (2_030_000, Err(TokenRefusal::Expired)),
    ] {
        assert_eq!(policy.check(&token, now_ms), expected, "{now_ms}");
    }
}

#[test]
fn every_claim_must_be_right() {
    check("exp", &Value::Null, Err(TokenRefusal::Malformed));
    check("exp", &json!("2000"), Err(TokenRefusal::Malformed));
    check("nbf", &json!("soon"), Err(TokenRefusal::Malformed));
    check("nbf", &json!(1531), Err(TokenRefusal::Early));
    check("iss", &json!("https://other.example"), Err(TokenRefusal::Issuer));
    check("iss", &Value::Null, Err(TokenRefusal::Issuer));
    check("aud", &json!("kafka"), Ok(alice()));
    check("aud", &json!(["x", "kafka"]), Ok(alice()));
    check("aud", &json!("x"), Err(TokenRefusal::Audience));
    check("aud", &Value::Null, Err(TokenRefusal::Audience));
    check("sub", &json!(""), Err(TokenRefusal::NoUser));
    check("sub", &json!(1), Err(TokenRefusal::NoUser));
    check("exp", &json!(2000.0), Ok(alice()));
}

#[test]
fn a_token_without_an_end_is_none() {
    let signer = Signer::new();
    let token = signer.token(&header(), &json!({"sub": "alice"}));
    let policy = policy(&[signer.key("a")]);
    assert_eq!(policy.check(&token, 0), Err(TokenRefusal::Expired));
}

#[test]
fn only_the_key_with_the_id_and_the_algorithm_counts() {
    let (signer, other) = (Signer::new(), Signer::new());
    let at = |keys: &[Value], header: &Value| {
        policy(keys).check(&signer.token(header, &claims()), 1_500_000)
    };
    let keys = [other.key("b"), signer.key("a")];
    assert_eq!(at(&keys, &header()), Ok(alice()));
    assert_eq!(at(&keys, &json!({"alg": "ES256"})), Ok(alice()));
    assert_eq!(at(&[other.key("a")], &header()), Err(TokenRefusal::Signature));
    assert_eq!(at(&[signer.key("b")], &header()), Err(TokenRefusal::UnknownKey));
    for algorithm in ["none", "HS256", "RS256", "es256", ""] {
        let header = json!({"alg": algorithm, "kid": "a"});
        assert_eq!(at(&keys, &header), Err(TokenRefusal::UnknownKey), "{algorithm}");
    }
    let critical = json!({"alg": "ES256", "kid": "a", "crit": ["x"]});
    assert_eq!(at(&keys, &critical), Err(TokenRefusal::Malformed));
}

#[test]
fn a_changed_token_is_refused() {
    let signer = Signer::new();
    let policy = policy(&[signer.key("a")]);
    let token = signer.token(&header(), &claims());
    let parts: Vec<_> = token.split('.').collect();
    let root = URL_SAFE_NO_PAD.encode(claims().to_string().replace("alice", "admin"));
    let forged = format!("{}.{root}.{}", parts[0], parts[2]);
    assert_eq!(policy.check(&forged, 1_500_000), Err(TokenRefusal::Signature));
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(policy.check(&unsigned, 1_500_000), Err(TokenRefusal::Signature));
    let long = format!("{token}{}", "A".repeat(TOKEN_BYTES_MAX));
    for text in ["", "a.b", "a.b.c.d", "!.!.!", &format!("{token}="), &long] {
        assert_eq!(policy.check(text, 1_500_000), Err(TokenRefusal::Malformed), "{text}");
    }
}

#[test]
fn tokens_signed_with_rsa_are_good() {
    let key =
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "r", "n": RSA_N, "e": "AQAB"});
    let policy = TokenPolicy { issuer: None, audiences: vec![], ..policy(&[key]) };
    assert_eq!(policy.check(RSA_TOKEN, 1_500_000), Ok(alice()));
    let mut changed = RSA_TOKEN.to_owned();
    changed.replace_range(changed.len() - 8..changed.len() - 4, "AAAA");
    assert_eq!(policy.check(&changed, 1_500_000), Err(TokenRefusal::Signature));
}

#[test]
fn sets_without_a_usable_key_are_refused() {
    let many = vec![Signer::new().key("a"); KEYS_MAX + 1];
    for (text, error) in [
        (String::new(), KeySetError::Malformed),
        ("[]".to_owned(), KeySetError::Malformed),
        (json!({"keys": []}).to_string(), KeySetError::Malformed),
        (json!({"keys": many}).to_string(), KeySetError::Malformed),
        (json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string(), KeySetError::NoUsableKey),
        (
            json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}).to_string(),
            KeySetError::NoUsableKey,
        ),
        (
            json!({"keys": [{"kty": "RSA", "use": "enc", "n": RSA_N, "e": "AQAB"}]}).to_string(),
            KeySetError::NoUsableKey,
        ),
    ] {
        assert_eq!(KeySet::parse(&text), Err(error), "{text}");
    }
}
