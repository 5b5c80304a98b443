//! Claims about logins: when they end, and what of them is logged.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use corelog_wire::{
    ApiKey, Message as _, MetadataRequest, Reader, Request, RequestHeader, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, encode_request,
};
use rcgen::{KeyPair, SigningKey};

use super::*;

/// A client that never logs in again, whatever it is told.
struct Careless(TcpStream);

impl Careless {
    fn connect(scene: &Scene) -> Self {
        let stream = TcpStream::connect(scene.address(Listener::SaslPlain)).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Self(stream)
    }

    /// The answer to a request; `None` if the connection is closed instead.
    fn call<'a, R: Request<'a>>(&mut self, api: ApiKey, version: i16, body: &R) -> Option<Vec<u8>> {
        let header = RequestHeader {
            api,
            api_version: version,
            correlation_id: 1,
            client_id: Some("careless".into()),
        };
        let frame = encode_request(&header, body).expect("a request is short");
        self.0.write_all(&frame.head).ok()?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer).ok()?;
        Some(answer)
    }
}

#[test]
fn a_client_that_does_not_log_in_again_is_cut_off_when_its_login_ends() {
    const LIFETIME: Duration = Duration::from_secs(2);
    let scene = Scene::begin(&[("connections.max.reauth.ms", "2000")]);
    let mut client = Careless::connect(&scene);
    let mechanism = SaslHandshakeRequest { mechanism: "PLAIN".into() };
    client.call(ApiKey::SaslHandshake, 1, &mechanism).expect("the mechanism is offered");
    let begun = Instant::now();
    let proof = SaslAuthenticateRequest { auth_bytes: b"\0alice\0wonder"[..].into() };
    let answer = client.call(ApiKey::SaslAuthenticate, 1, &proof).expect("the password is right");
    // Behind the correlation id.
    let answer = SaslAuthenticateResponse::decode(&mut Reader::new(&answer[4..]), 1)
        .expect("the answer can be read");
    assert_eq!(answer.error_code, ErrorCode::None.code());
    assert_eq!(answer.session_lifetime_ms, 2000, "it is told");
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    let mut answered = 0;
    wait_until("the end of the connection", || {
        let is_open = client.call(ApiKey::Metadata, 1, &request).is_some();
        answered += u32::from(is_open);
        !is_open
    });
    assert!(answered > 0, "until then it is served");
    assert!(begun.elapsed() >= LIFETIME, "it was cut off after {:?}", begun.elapsed());
}

/// A signed token, and the file with the key that it is signed with.
fn bearer_token(folder: &Path) -> (String, PathBuf) {
    let key = KeyPair::generate().expect("a key pair");
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = key.public_key_raw();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    let keys =
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{y}"}}]}}"#);
    let file = folder.join("keys.json");
    fs::write(&file, keys).expect("a file can be written");
    let (header, claims) = (r#"{"alg":"ES256","kid":"k"}"#, r#"{"sub":"dora","exp":4102444800}"#);
    let text = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
    let signature = key.sign(text.as_bytes()).expect("a signature");
    (format!("{text}.{}", encoded(&fixed_size(&signature))), file)
}

/// The two numbers of a signature in DER, 32 bytes each.
fn fixed_size(signature: &[u8]) -> Vec<u8> {
    let (mut rest, mut fixed) = (&signature[2..], Vec::new());
    while let [2, len, more @ ..] = rest {
        let (number, behind) = more.split_at(usize::from(*len));
        let number = &number[number.len().saturating_sub(32)..];
        fixed.extend(std::iter::repeat_n(0, 32 - number.len()).chain(number.iter().copied()));
        rest = behind;
    }
    fixed
}

#[test]
fn the_finest_log_shows_no_bearer_token() {
    let (folder, elsewhere) = (tempfile::tempdir(), tempfile::tempdir());
    let (folder, elsewhere) = (folder.expect("a folder"), elsewhere.expect("a folder"));
    let (token, keys) = bearer_token(folder.path());
    let (strange, _) = bearer_token(elsewhere.path());
    let keys = format!("file:{}", keys.display());
    let settings = [
        ("sasl.enabled.mechanisms", "PLAIN,OAUTHBEARER"),
        ("sasl.oauthbearer.jwks.endpoint.url", &keys),
    ];
    let scene = Scene::logging(&settings, "trace");
    let log_in = |token: &str| {
        let login = Login::Bearer { token: Secret::new(token) };
        scene.connect(Listener::SaslPlain, None, Some(login))
    };
    log_in(&token).expect("the token is right");
    refused(log_in(&strange));
    let log = scene.broker.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is fine enough");
    for token in [token, strange] {
        // The head is the same in all of them; the claims and the signature are not told.
        for part in token.split('.').skip(1) {
            assert!(!log.contains(part), "{part} is in the log");
        }
    }
}
