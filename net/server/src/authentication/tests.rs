//! What a client may do when, on its way through a login.

use corelog_security::Secret;
use corelog_security::exchange::PlainUsers;
use corelog_security::scram::Hash;

use super::*;

const WRONG: SaslOutput = SaslOutput::Failed {
    code: ErrorCode::SaslAuthenticationFailed,
    why: Failure::Refused(Refusal::WrongCredentials),
};

/// A connection under test, and the second at which it is.
struct Client {
    authentication: Authentication,
    second: u64,
}

impl Client {
    fn new(login_time_max: Option<Duration>) -> Self {
        let mechanisms = vec![Mechanism::Plain, Mechanism::Scram(Hash::Sha512)];
        Self { authentication: Authentication::new(mechanisms, login_time_max), second: 1000 }
    }

    fn does(&mut self, input: &SaslInput<'_>) -> SaslOutput {
        let user = |name: &str| (name.to_owned(), Secret::new("secret"));
        let plain = PlainUsers([user("alice"), user("bob")].into());
        let known = Credentials {
            plain: &plain,
            scram: &|_, _| None,
            delegation: None,
            nobody_secret: b"x",
            tokens: None,
            now_ms: self.second as i64 * 1000,
        };
        let now = Instant::from_nanos(self.second * 1_000_000_000);
        self.authentication.step(now, input, &known, || "nonce".to_owned())
    }

    /// Logs in with PLAIN; how long it counts, in milliseconds.
    #[track_caller]
    fn logs_in(&mut self, user: &str) -> i64 {
        assert_eq!(self.does(&handshake("PLAIN")), SaslOutput::Handshake(ErrorCode::None));
        let message = format!("\0{user}\0secret");
        match self.does(&SaslInput::Authenticate(message.as_bytes())) {
            SaslOutput::Bytes { lifetime_ms, .. } => lifetime_ms,
            other => panic!("{user} does not come in: {other:?}"),
        }
    }

    fn name(&self) -> Option<String> {
        self.authentication.principal().map(ToString::to_string)
    }
}

fn handshake(mechanism: &str) -> SaslInput<'_> {
    SaslInput::Handshake(1, mechanism)
}

fn closes(output: &SaslOutput) -> bool {
    matches!(output, SaslOutput::Close(_))
}

#[test]
fn a_client_that_logs_in_may_do_anything() {
    let mut client = Client::new(None);
    assert_eq!(client.does(&SaslInput::ApiVersions), SaslOutput::Pass);
    assert_eq!(client.name(), None);
    assert_eq!(client.logs_in("alice"), 0);
    assert_eq!(client.name().as_deref(), Some("User:alice"));
    assert_eq!(client.authentication.proof(), Some(Proof::Own));
    assert_eq!(client.does(&SaslInput::Other), SaslOutput::Pass);
    assert_eq!(client.does(&SaslInput::ApiVersions), SaslOutput::Pass);
}

#[test]
fn before_the_login_only_versions_may_be_asked_for_and_not_for_ever() {
    for input in [SaslInput::Other, SaslInput::Authenticate(b"\0alice\0secret")] {
        let mut client = Client::new(None);
        assert!(closes(&client.does(&input)));
        assert!(closes(&client.does(&handshake("PLAIN"))), "it is too late");
    }
    let mut client = Client::new(None);
    for _ in 0..REQUESTS_BEFORE_MAX {
        assert_eq!(client.does(&SaslInput::ApiVersions), SaslOutput::Pass);
    }
    assert!(closes(&client.does(&SaslInput::ApiVersions)));
}

#[test]
fn nothing_else_fits_into_a_login() {
    for input in [
        SaslInput::Other,
        SaslInput::ApiVersions,
        handshake("PLAIN"),
        SaslInput::Raw(b"\0alice\0secret"),
    ] {
        let mut client = Client::new(None);
        client.does(&handshake("PLAIN"));
        assert!(closes(&client.does(&input)), "{input:?}");
        assert_eq!(client.name(), None);
    }
}

#[test]
fn a_login_that_fails_cannot_be_tried_again_on_the_connection() {
    let mut client = Client::new(None);
    client.does(&handshake("PLAIN"));
    assert_eq!(client.does(&SaslInput::Authenticate(b"\0alice\0wrong")), WRONG);
    assert!(closes(&client.does(&SaslInput::Authenticate(b"\0alice\0secret"))));
    assert_eq!(client.name(), None);
}

#[test]
fn a_mechanism_that_is_not_offered_fails_with_its_own_code() {
    for name in ["SCRAM-SHA-256", "GSSAPI", "plain", ""] {
        let expected = SaslOutput::Failed {
            code: ErrorCode::UnsupportedSaslMechanism,
            why: Failure::Mechanism,
        };
        assert_eq!(Client::new(None).does(&handshake(name)), expected);
    }
}

#[test]
fn old_clients_send_bare_messages_after_their_handshake() {
    let mut client = Client::new(None);
    client.does(&SaslInput::Handshake(0, "PLAIN"));
    assert!(client.authentication.expects_raw());
    let done = SaslOutput::Bytes { bytes: vec![], lifetime_ms: 0 };
    assert_eq!(client.does(&SaslInput::Raw(b"\0alice\0secret")), done);
    assert!(!client.authentication.expects_raw());
    assert_eq!(client.does(&SaslInput::Other), SaslOutput::Pass);
}

#[test]
fn a_login_counts_until_its_time_is_over() {
    let mut client = Client::new(Some(Duration::from_secs(10)));
    assert_eq!(client.logs_in("alice"), 10_000);
    client.second += 9;
    assert_eq!(client.does(&SaslInput::Other), SaslOutput::Pass);
    client.second += 1;
    assert!(closes(&client.does(&SaslInput::Other)));
}

#[test]
fn a_second_login_prolongs_the_first_even_after_its_end() {
    let mut client = Client::new(Some(Duration::from_secs(10)));
    client.logs_in("alice");
    for _ in 0..3 {
        client.second += 12;
        assert_eq!(client.logs_in("alice"), 10_000);
        assert_eq!(client.does(&SaslInput::Other), SaslOutput::Pass);
    }
}

#[test]
fn a_second_login_is_as_the_same_user_by_the_same_mechanism() {
    let mut client = Client::new(None);
    client.logs_in("alice");
    client.does(&handshake("PLAIN"));
    let other = client.does(&SaslInput::Authenticate(b"\0bob\0secret"));
    let failed = |why| SaslOutput::Failed { code: ErrorCode::SaslAuthenticationFailed, why };
    assert_eq!(other, failed(Failure::OtherPrincipal));
    assert!(closes(&client.does(&SaslInput::Other)));
    let mut client = Client::new(None);
    client.logs_in("alice");
    let other = client.does(&handshake("SCRAM-SHA-512"));
    assert_eq!(other, failed(Failure::OtherMechanism));
}

#[test]
fn logins_follow_each_other_at_most_once_a_second() {
    let mut client = Client::new(None);
    client.logs_in("alice");
    client.logs_in("alice");
    let early = SaslOutput::Handshake(ErrorCode::IllegalSaslState);
    assert_eq!(client.does(&handshake("PLAIN")), early);
    assert_eq!(client.does(&SaslInput::Other), SaslOutput::Pass, "nothing has begun");
    client.second += 1;
    client.logs_in("alice");
}

#[test]
fn a_token_counts_no_longer_than_it_is_valid() {
    let mut authentication =
        Authentication::new(vec![Mechanism::OauthBearer], Some(Duration::from_secs(60)));
    let now = Instant::from_nanos(0);
    for (expires_ms, lifetime_ms) in [(31_000, 30_000), (500_000, 60_000), (900, 0)] {
        let exchange = Exchange::begin(Mechanism::OauthBearer, String::new);
        let mechanism = Mechanism::OauthBearer;
        authentication.state = State::Exchanging { mechanism, exchange, is_raw: false };
        let done = Step::Done {
            message: vec![],
            user: "alice".to_owned(),
            expires_ms: Some(expires_ms),
            proof: Proof::DelegationToken,
        };
        let expected = SaslOutput::Bytes { bytes: vec![], lifetime_ms };
        assert_eq!(authentication.stepped(now, 1_000, Ok(done)), expected);
        assert_eq!(authentication.proof(), Some(Proof::DelegationToken));
    }
}
