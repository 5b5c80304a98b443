//! Claims about delegation tokens: who gets them, what they open and when that ends.

use corelog_client::admin::{CreateToken, DelegationToken, ExpireToken, RenewToken, TokenProof};
use corelog_client::blocking::{Admin, Cluster, Connection};
use corelog_client::security::{ClientSecurity, Login};
use corelog_client::{ClientConfig, ClientError, Endpoint};
use corelog_model::ErrorCode;
use corelog_security::Secret;
use corelog_security::scram::Hash;
use corelog_wire::MetadataRequest;

use crate::support::{Broker, DataFolder, Launch, wait_until};

const KEY: (&str, &str) = ("delegation.token.secret.key", "sesame-key");

struct Scene {
    launch: Launch,
    broker: Option<Broker>,
    open: Endpoint,
    sasl: Endpoint,
    _folder: DataFolder,
}

impl Scene {
    /// A broker where alice and bob log in with passwords at one listener, and nobody at another.
    fn begin(settings: &[(&str, &str)]) -> Self {
        let folder = DataFolder::new();
        let launch = Launch::new(folder.path(), folder.data());
        let open = launch.endpoint();
        let sasl = Endpoint::new("127.0.0.1", open.port() + 1);
        let listeners = format!("PLAINTEXT://{open},SASL_PLAINTEXT://{sasl}");
        let users = "x.PlainLoginModule required user_alice=\"wonder\" user_bob=\"builder\";";
        let mut launch = launch
            .set("listeners", &listeners)
            .set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
            .set("listener.name.sasl_plaintext.plain.sasl.jaas.config", users);
        for (key, value) in settings {
            launch = launch.set(key, value);
        }
        launch = launch.log_level("trace");
        let broker = Some(launch.start());
        Self { launch, broker, open, sasl, _folder: folder }
    }

    fn config(login: Login) -> ClientConfig {
        let security = ClientSecurity { tls: None, login: Some(login) };
        ClientConfig { security, ..ClientConfig::default() }
    }

    fn admin(&self, login: Login) -> Admin {
        let cluster = Cluster::connect(std::slice::from_ref(&self.sasl), Self::config(login));
        Admin::new(cluster.expect("the login is right"))
    }

    fn connect(&self, login: Login) -> Result<Connection, ClientError> {
        Connection::open(&self.sasl, &Self::config(login))
    }

    fn restart(&mut self) {
        self.broker.take().expect("the broker runs").kill();
        self.broker = Some(self.launch.start());
    }
}

fn plain(user: &str, password: &str) -> Login {
    Login::Plain { user: user.to_owned(), password: Secret::new(password) }
}

fn alice() -> Login {
    plain("alice", "wonder")
}

fn with(token: &DelegationToken, hash: Hash) -> Login {
    Login::DelegationToken { hash, id: token.id.clone(), password: token.proof.password() }
}

fn make(renewers: &[&str], lifetime_ms: Option<i64>) -> CreateToken {
    let renewers = renewers.iter().map(|name| (*name).to_owned()).collect();
    CreateToken { owner: None, renewers, lifetime_ms }
}

/// Every request about tokens is refused with this code.
#[track_caller]
fn refuses_all(admin: &mut Admin, code: ErrorCode) {
    let proof = TokenProof(vec![7; 64]);
    let renew = RenewToken { proof: proof.clone(), period_ms: None };
    let codes = [
        admin.create_token(&make(&[], None)).map(drop),
        admin.list_tokens().map(drop),
        admin.renew_token(&renew).map(drop),
        admin.expire_token(&ExpireToken { proof, period_ms: None }).map(drop),
    ];
    let codes = codes.map(|result| result.expect_err("it is refused").code());
    assert_eq!(codes, [Some(code); 4]);
}

#[track_caller]
fn stays_out(scene: &Scene, login: Login) {
    match scene.connect(login) {
        Err(error) => assert_eq!(error.code(), Some(ErrorCode::SaslAuthenticationFailed)),
        Ok(_) => panic!("came in"),
    }
}

#[test]
fn a_token_opens_what_its_owner_may_and_survives_a_restart() {
    let mut scene = Scene::begin(&[KEY]);
    let mut admin = scene.admin(alice());
    let token = admin.create_token(&make(&["bob"], None)).expect("a token");
    assert_eq!((token.owner.as_str(), token.requester.as_str()), ("User:alice", "User:alice"));
    assert_eq!(admin.list_tokens().expect("the tokens"), std::slice::from_ref(&token));
    for restarts in [false, true] {
        if restarts {
            scene.restart();
        }
        for hash in [Hash::Sha256, Hash::Sha512] {
            let mut holder = scene.admin(with(&token, hash));
            assert_eq!(holder.describe_cluster().expect("it is in").nodes.len(), 1);
            refuses_all(&mut holder, ErrorCode::DelegationTokenRequestNotAllowed);
            let proof = TokenProof(vec![7; 64]);
            stays_out(&scene, with(&DelegationToken { proof, ..token.clone() }, hash));
            let id = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
            stays_out(&scene, with(&DelegationToken { id, ..token.clone() }, hash));
        }
    }
    // Who could be anybody may not ask for tokens.
    let cluster = Cluster::connect(std::slice::from_ref(&scene.open), ClientConfig::default());
    let mut anybody = Admin::new(cluster.expect("nobody is asked"));
    refuses_all(&mut anybody, ErrorCode::DelegationTokenRequestNotAllowed);
}

#[test]
fn owners_and_renewers_renew_and_end_a_token_and_others_do_not() {
    let times = [
        KEY,
        ("delegation.token.expiry.time.ms", "3600000"),
        ("delegation.token.max.lifetime.ms", "7200000"),
    ];
    let scene = Scene::begin(&times);
    let mut admin = scene.admin(alice());
    let token = admin.create_token(&make(&["bob"], None)).expect("a token");
    let (lives, counts) = (token.ends_ms - token.issued_ms, token.expires_ms - token.issued_ms);
    assert_eq!((lives, counts), (7_200_000, 3_600_000));
    let mut bob = scene.admin(plain("bob", "builder"));
    let renew = RenewToken { proof: token.proof.clone(), period_ms: None };
    let renewed = bob.renew_token(&renew).expect("bob may renew it");
    assert!(renewed >= token.expires_ms && renewed <= token.ends_ms);
    let own = admin.create_token(&make(&[], None)).expect("another token");
    let renew = RenewToken { proof: own.proof.clone(), period_ms: None };
    let refused = bob.renew_token(&renew).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::DelegationTokenOwnerMismatch));
    let expire = ExpireToken { proof: token.proof.clone(), period_ms: None };
    bob.expire_token(&expire).expect("bob may end it");
    stays_out(&scene, with(&token, Hash::Sha256));
    let refused = bob.expire_token(&expire).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::DelegationTokenNotFound));
    scene.connect(with(&own, Hash::Sha256)).expect("the other one counts");
}

#[test]
fn a_token_and_its_connections_end_in_time_and_it_is_swept() {
    let scene = Scene::begin(&[KEY, ("delegation.token.expiry.check.interval.ms", "100")]);
    let mut admin = scene.admin(alice());
    let token = admin.create_token(&make(&[], Some(3000))).expect("a token");
    assert_eq!(token.ends_ms - token.issued_ms, 3000);
    let mut connection = scene.connect(with(&token, Hash::Sha512)).expect("the token counts");
    let asks = |connection: &mut Connection| {
        connection.call_in(9, &MetadataRequest { topics: None, ..Default::default() }).is_ok()
    };
    wait_until("the end of the connection", || !asks(&mut connection));
    stays_out(&scene, with(&token, Hash::Sha512));
    wait_until("the token to be swept", || admin.list_tokens().expect("the tokens").is_empty());
}

#[test]
fn without_a_key_there_are_no_tokens() {
    let scene = Scene::begin(&[]);
    refuses_all(&mut scene.admin(alice()), ErrorCode::DelegationTokenAuthDisabled);
    let hash = Hash::Sha256;
    let id = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    stays_out(&scene, Login::DelegationToken { hash, id, password: Secret::new("x") });
}

#[test]
fn the_finest_log_shows_neither_the_key_nor_what_proves_a_token() {
    let scene = Scene::begin(&[KEY]);
    let mut admin = scene.admin(alice());
    let token = admin.create_token(&make(&["bob"], None)).expect("a token");
    scene.connect(with(&token, Hash::Sha512)).expect("the token counts");
    admin.list_tokens().expect("the tokens");
    let renew = RenewToken { proof: token.proof.clone(), period_ms: Some(1000) };
    admin.renew_token(&renew).expect("it is renewed");
    let log = scene.broker.as_ref().expect("the broker runs").log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is fine enough");
    let password = token.proof.password();
    let numbers = format!("{:?}", &token.proof.0[..4]);
    for secret in ["sesame", password.reveal(), numbers.trim_matches(['[', ']'])] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
