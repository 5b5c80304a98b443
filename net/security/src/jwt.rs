//! Signed tokens (RFC 7519) checked against a set of keys (RFC 7517): RS256 and ES256. The key
//! decides how a signature is checked, never the token: so `none` and keys used as passwords of
//! HMAC have no way in.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

/// The most bytes of a token, and of a set of keys.
const TOKEN_BYTES_MAX: usize = 64 << 10;
const KEYS_BYTES_MAX: usize = 1 << 20;

/// The most keys of a set.
const KEYS_MAX: usize = 100;

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Tokens are not accepted at all.
    #[error("no keys are configured")]
    NoKeys,
    /// Not a token.
    #[error("the token is malformed")]
    Malformed,
    /// No key has its id and its algorithm.
    #[error("no key of the set is for the token")]
    UnknownKey,
    /// Not signed by the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over, or it has none.
    #[error("the token has expired")]
    Expired,
    /// Its time is not yet.
    #[error("the token is not valid yet")]
    Early,
    /// From somebody else.
    #[error("the token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It does not say whose it is.
    #[error("the token names no user")]
    NoUser,
}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a set of keys.
    #[error("it is no JSON Web Key Set of 1 to {KEYS_MAX} keys")]
    Malformed,
    /// Nothing in it can check a signature.
    #[error("it has no key for RS256 or ES256")]
    NoUsableKey,
}

/// Public keys by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<(Option<String>, Key)>,
}

#[derive(Clone, PartialEq, Eq)]
enum Key {
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Es256 { point: Vec<u8> },
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.algorithm())
    }
}

impl Key {
    /// A key out of its JSON; `None` if it is for something else.
    fn of(json: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let key = match (text("kty")?, text("crv")) {
            ("RSA", _) => Self::Rs256 { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let point =
                    (x.len() == 32 && y.len() == 32).then(|| [&[4][..], &x, &y].concat())?;
                Self::Es256 { point }
            }
            _ => return None,
        };
        let fits = text("alg").is_none_or(|algorithm| algorithm == key.algorithm());
        fits.then_some(key)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256 { .. } => "RS256",
            Self::Es256 { .. } => "ES256",
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let checked = match self {
            Self::Rs256 { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Self::Es256 { point } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        checked.is_ok()
    }
}

impl KeySet {
    /// Reads a set. Keys for something else are left out.
    pub fn parse(json: &str) -> Result<Self, KeySetError> {
        let parsed = (json.len() <= KEYS_BYTES_MAX).then(|| serde_json::from_str::<Value>(json));
        let parsed = parsed.and_then(Result::ok).ok_or(KeySetError::Malformed)?;
        let listed = parsed.get("keys").and_then(Value::as_array).ok_or(KeySetError::Malformed)?;
        if listed.is_empty() || listed.len() > KEYS_MAX {
            return Err(KeySetError::Malformed);
        }
        let keys = listed.iter().filter_map(Value::as_object).filter_map(|json| {
            let id = json.get("kid").and_then(Value::as_str).map(str::to_owned);
            Some((id, Key::of(json)?))
        });
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() { Err(KeySetError::NoUsableKey) } else { Ok(Self { keys }) }
    }
}

/// Which tokens are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Who may have signed.
    pub keys: KeySet,
    /// The issuer that must be named, if any must.
    pub issuer: Option<String>,
    /// The audiences of which one must be named, if any must.
    pub audiences: Vec<String>,
    /// How far clocks may differ.
    pub clock_skew_ms: i64,
    /// The claim that names the user.
    pub user_claim: String,
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedToken {
    /// The user.
    pub user: String,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: i64,
}

impl TokenPolicy {
    /// Checks a token at this time.
    pub fn check(&self, token: &str, now_ms: i64) -> Result<AcceptedToken, TokenRefusal> {
        let claims = self.verified(token)?;
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => milliseconds(value).map(Some).ok_or(TokenRefusal::Malformed),
        };
        let expires_ms = time("exp")?.ok_or(TokenRefusal::Expired)?;
        if expires_ms.saturating_add(self.clock_skew_ms) <= now_ms {
            return Err(TokenRefusal::Expired);
        }
        let begins = [time("nbf")?, time("iat")?].into_iter().flatten().max();
        if begins.is_some_and(|begins| begins.saturating_sub(self.clock_skew_ms) > now_ms) {
            return Err(TokenRefusal::Early);
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|issuer| text("iss") != Some(issuer)) {
            return Err(TokenRefusal::Issuer);
        }
        let named = match claims.get("aud") {
            Some(Value::String(audience)) => vec![audience.as_str()],
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is_expected = |audience: &String| named.contains(&audience.as_str());
        if !self.audiences.is_empty() && !self.audiences.iter().any(is_expected) {
            return Err(TokenRefusal::Audience);
        }
        let user = text(&self.user_claim).filter(|user| !user.is_empty());
        let user = user.ok_or(TokenRefusal::NoUser)?.to_owned();
        Ok(AcceptedToken { user, expires_ms })
    }

    /// The claims of a token whose signature is right.
    fn verified(&self, token: &str) -> Result<BTreeMap<String, Value>, TokenRefusal> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenRefusal::Malformed);
        };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::Malformed);
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenRefusal::Malformed);
        let object = |text: &str| {
            let parsed = serde_json::from_slice::<BTreeMap<String, Value>>(&bytes(text)?);
            parsed.map_err(|_| TokenRefusal::Malformed)
        };
        let header = object(header)?;
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.ok_or(TokenRefusal::Malformed)?;
        // Extensions that must be understood are not.
        if header.contains_key("crit") {
            return Err(TokenRefusal::Malformed);
        }
        let id = header.get("kid").and_then(Value::as_str);
        let fits = |(known, key): &&(Option<String>, Key)| {
            key.algorithm() == algorithm && (id.is_none() || id == known.as_deref())
        };
        let signed = &token[..token.len() - signature.len() - 1];
        let signature = bytes(signature)?;
        let mut candidates = self.keys.keys.iter().filter(fits).peekable();
        candidates.peek().ok_or(TokenRefusal::UnknownKey)?;
        if !candidates.any(|(_, key)| key.has_signed(signed.as_bytes(), &signature)) {
            return Err(TokenRefusal::Signature);
        }
        object(claims)
    }
}

/// A time of a token, which counts seconds, perhaps with a fraction.
fn milliseconds(value: &Value) -> Option<i64> {
    match value.as_i64() {
        Some(seconds) => seconds.checked_mul(1000),
        None => {
            value.as_f64().filter(|it| it.abs() < 1e12).map(|seconds| (seconds * 1000.0) as i64)
        }
    }
}

#[cfg(test)]
mod tests;
