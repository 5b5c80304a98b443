//! Claims about listeners with TLS and SASL: who comes in, who does not, and what that costs.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use corelog_client::admin::{RemovePassword, SetPassword};
use corelog_client::blocking::{Admin, Cluster, Connection};
use corelog_client::consumer::{From, Partitions};
use corelog_client::producer::Message;
use corelog_client::security::{ClientSecurity, Login, Tls};
use corelog_client::{
    ClientConfig, ClientError, Consumer, ConsumerConfig, Endpoint, Producer, ProducerConfig,
};
use corelog_model::ErrorCode;
use corelog_security::scram::Hash;
use corelog_security::tls::{ClientTls, Identity, ServerNames, Versions};
use corelog_security::{Mechanism, Secret};

use crate::metrics::{samples, sum};
use crate::support::{Authority, Broker, DataFolder, Launch, create_topic, wait_until};

mod bounds;
mod logins;
mod revocation;

const LOGIN_TIME_MS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// The listeners of the broker under test, by the distance of their ports from the first.
#[derive(Clone, Copy)]
enum Listener {
    Plain = 0,
    Ssl = 1,
    SaslPlain = 2,
    SaslSsl = 3,
}

struct Scene {
    broker: Broker,
    port: u16,
    authority: Authority,
    folder: DataFolder,
}

impl Scene {
    fn begin(settings: &[(&str, &str)]) -> Self {
        Self::logging(settings, "info")
    }

    fn logging(settings: &[(&str, &str)], level: &'static str) -> Self {
        let folder = DataFolder::new();
        let authority = Authority::new(folder.path());
        let server = authority.make("server.pem", "server", "brokers");
        let launch = Launch::new(folder.path(), folder.data());
        let port = launch.endpoint().port();
        let names = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
        let listeners =
            (port..).zip(names).map(|(port, name)| format!("{name}://127.0.0.1:{port}"));
        let listeners = listeners.collect::<Vec<_>>().join(",");
        let users = "x.PlainLoginModule required user_alice=\"wonder\";";
        let text = |path: &Path| path.display().to_string();
        let mut launch = launch
            .set("listeners", &listeners)
            .set("corelog.metrics.listen", "127.0.0.1:0")
            .set("corelog.login.timeout.ms", &LOGIN_TIME_MS.to_string())
            .set("ssl.keystore.location", &text(&server))
            .set("ssl.truststore.location", &text(&authority.certificate()))
            .set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
            .set("listener.name.sasl_plaintext.plain.sasl.jaas.config", users)
            .set("listener.name.sasl_ssl.plain.sasl.jaas.config", users);
        for (key, value) in settings {
            launch = launch.set(key, value);
        }
        let broker = launch.log_level(level).start();
        Self { broker, port, authority, folder }
    }

    fn address(&self, listener: Listener) -> SocketAddr {
        ([127, 0, 0, 1], self.port + listener as u16).into()
    }

    /// TLS of a client that trusts the authority, and shows this file if the server asks.
    fn tls(&self, shown: Option<&Path>) -> Tls {
        let read = |path: &Path| fs::read_to_string(path).expect("the file is there");
        let identity = shown.map(|path| {
            let text = read(path);
            Identity { chain: text.clone(), key: Secret::new(text) }
        });
        let trusted = read(&self.authority.certificate());
        let (server_names, versions) = (ServerNames::Checked, Versions::Both);
        let settings = ClientTls { trusted, identity, server_names, versions };
        Tls::new(&settings).expect("the files are right")
    }

    fn connect(
        &self,
        listener: Listener,
        tls: Option<Tls>,
        login: Option<Login>,
    ) -> Result<Connection, ClientError> {
        let security = ClientSecurity { tls, login };
        let config = ClientConfig { security, ..ClientConfig::default() };
        Connection::open(&Endpoint::new("127.0.0.1", self.address(listener).port()), &config)
    }

    fn admin(&self) -> Admin {
        let endpoint = Endpoint::new("127.0.0.1", self.port);
        let cluster = Cluster::connect(&[endpoint], ClientConfig::default());
        Admin::new(cluster.expect("the plain listener answers"))
    }

    fn set_password(&self, hash: Hash, password: &str) {
        let set = SetPassword {
            user: "carol".to_owned(),
            hash,
            password: Secret::new(password),
            iterations: NonZeroU32::new(4096).expect("not zero"),
        };
        self.admin().set_password(&set).expect("the password is set");
    }

    fn failures(&self) -> f64 {
        sum(&samples(&self.broker), "corelog_authentications_failed_total")
    }
}

fn plain(password: &str) -> Login {
    Login::Plain { user: "alice".to_owned(), password: Secret::new(password) }
}

fn scram(hash: Hash, password: &str) -> Login {
    Login::Scram { hash, user: "carol".to_owned(), password: Secret::new(password) }
}

#[track_caller]
fn refused(connected: Result<Connection, ClientError>) {
    match connected {
        Err(error) if error.code() == Some(ErrorCode::SaslAuthenticationFailed) => {}
        Err(error) => panic!("refused otherwise: {error}"),
        Ok(_) => panic!("came in"),
    }
}

#[test]
fn every_listener_lets_in_who_is_right_and_nobody_else() {
    let scene = Scene::begin(&[]);
    let tls = || Some(scene.tls(None));
    scene.connect(Listener::Plain, None, None).expect("nobody is asked");
    scene.connect(Listener::Ssl, tls(), None).expect("the certificate is trusted");
    scene.connect(Listener::SaslPlain, None, Some(plain("wonder"))).expect("the password is right");
    scene.connect(Listener::SaslSsl, tls(), Some(plain("wonder"))).expect("the password is right");
    assert!(scene.connect(Listener::Ssl, None, None).is_err(), "without TLS");
    assert!(scene.connect(Listener::SaslPlain, None, None).is_ok(), "versions may be asked for");
    let before = scene.failures();
    refused(scene.connect(Listener::SaslPlain, None, Some(plain("wander"))));
    refused(scene.connect(Listener::SaslSsl, tls(), Some(plain("wander"))));
    assert!(scene.failures() >= before + 2.0, "failed logins are counted");
}

#[test]
fn passwords_of_scram_are_set_changed_and_removed_while_the_broker_runs() {
    let scene = Scene::begin(&[]);
    for hash in [Hash::Sha256, Hash::Sha512] {
        let log_in = |password| {
            scene.connect(Listener::SaslSsl, Some(scene.tls(None)), Some(scram(hash, password)))
        };
        refused(log_in("first"));
        scene.set_password(hash, "first");
        log_in("first").expect("the password is set");
        refused(log_in("second"));
        scene.set_password(hash, "second");
        log_in("second").expect("the password is changed");
        refused(log_in("first"));
        let remove = RemovePassword { user: "carol".to_owned(), hash };
        scene.admin().remove_password(&remove).expect("the password is removed");
        refused(log_in("second"));
        let mechanism = Mechanism::Scram(hash);
        let again = scene.admin().remove_password(&remove).unwrap_err();
        assert_eq!(again.code(), Some(ErrorCode::ResourceNotFound), "{mechanism}");
    }
}

#[test]
fn clients_stay_at_the_listener_by_which_they_came() {
    let scene = Scene::begin(&[]);
    let security = ClientSecurity { tls: Some(scene.tls(None)), login: Some(plain("wonder")) };
    let config = ClientConfig { security, ..ClientConfig::default() };
    let port = scene.address(Listener::SaslSsl).port();
    let cluster = Cluster::connect(&[Endpoint::new("127.0.0.1", port)], config).expect("it is in");
    let described = Admin::new(cluster).describe_cluster().expect("the nodes");
    let ports: Vec<u16> = described.nodes.iter().map(|node| node.endpoint.port()).collect();
    assert_eq!(ports, [port]);
}

#[test]
fn certificates_of_clients_are_asked_for_and_become_users() {
    let rules = "RULE:^CN=(.*?),OU=loggers$/$1/";
    let scene =
        Scene::begin(&[("ssl.client.auth", "required"), ("ssl.principal.mapping.rules", rules)]);
    let asks = |file: Option<&Path>| -> Result<Connection, ClientError> {
        scene.connect(Listener::Ssl, Some(scene.tls(file)), None)
    };
    let known = scene.authority.make("known.pem", "dora", "loggers");
    asks(Some(&known)).expect("the certificate is trusted and has a user");
    assert!(asks(None).is_err(), "a certificate is required");
    let unnamed = scene.authority.make("unnamed.pem", "dora", "others");
    assert!(asks(Some(&unnamed)).is_err(), "no rule makes a user of it");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let stranger = Authority::new(elsewhere.path()).make("x.pem", "dora", "loggers");
    assert!(asks(Some(&stranger)).is_err(), "nobody vouches for it");
}

/// Writes so many records of 100 kB, more than a socket takes at once, and reads them back.
async fn write_and_read(
    endpoint: Endpoint,
    config: ClientConfig,
    count: usize,
) -> Result<usize, ClientError> {
    let cluster = corelog_client::Cluster::connect(&[endpoint], config).await?;
    let producer = Producer::new(&cluster, ProducerConfig::default()).await?;
    let mut deliveries = Vec::new();
    for number in 0..count {
        let value = vec![number as u8; 100_000];
        deliveries.push(producer.send(&Message::of_value("large", &value)).await?);
    }
    for delivery in deliveries {
        delivery.await?;
    }
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    consumer.assign("large", Partitions::All, From::Beginning).await?;
    let mut found = 0;
    while found < count {
        for record in consumer.poll(Duration::from_secs(1)).await? {
            let value = record.value.expect("every record has a value");
            assert!(value.len() == 100_000 && value.iter().all(|byte| *byte == found as u8));
            found += 1;
        }
    }
    Ok(found)
}

#[test]
fn large_records_go_through_tls_both_ways_while_logins_end() {
    // A login counts a second and a half: connections are replaced while records flow.
    let scene = Scene::begin(&[("connections.max.reauth.ms", "1500")]);
    create_topic(&Endpoint::new("127.0.0.1", scene.port), "large", 1, &[]);
    let security = ClientSecurity { tls: Some(scene.tls(None)), login: Some(plain("wonder")) };
    let config = ClientConfig { security, ..ClientConfig::default() };
    let endpoint = Endpoint::new("127.0.0.1", scene.address(Listener::SaslSsl).port());
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let found = runtime.block_on(write_and_read(endpoint, config, 200));
    assert_eq!(found, Ok(200));
}

/// The bytes until the broker closes, and how long that took.
fn until_closed(mut stream: TcpStream) -> (Vec<u8>, Duration) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let (begun, mut bytes) = (Instant::now(), Vec::new());
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the broker does not close: {error}"),
        }
    }
    (bytes, begun.elapsed())
}

#[test]
fn before_the_login_a_long_frame_closes_the_connection() {
    let scene = Scene::begin(&[("sasl.server.max.receive.size", "2048")]);
    let mut stream = TcpStream::connect(scene.address(Listener::SaslPlain)).expect("it accepts");
    stream.write_all(&2049_i32.to_be_bytes()).expect("the length is sent");
    let (bytes, _) = until_closed(stream);
    assert_eq!(bytes, b"");
    scene.connect(Listener::SaslPlain, None, Some(plain("wonder"))).expect("others do not notice");
}

#[test]
fn before_the_login_other_requests_close_the_connection() {
    let scene = Scene::begin(&[]);
    let mut connection = scene.connect(Listener::SaslPlain, None, None).expect("it accepts");
    let request = corelog_wire::MetadataRequest::default();
    let asked = connection.call_in(9, &request);
    assert!(matches!(asked, Err(ClientError::Closed { .. })), "{asked:?}");
}

#[test]
fn half_a_handshake_and_no_login_end_in_time() {
    let scene = Scene::begin(&[]);
    // The head of a handshake message that never comes; nothing at all; half a frame.
    let record = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    for (listener, bytes) in [
        (Listener::Ssl, &record[..]),
        (Listener::SaslSsl, &[]),
        (Listener::SaslPlain, &[]),
        (Listener::SaslPlain, &[0, 0, 0, 10, 0]),
    ] {
        let mut stream = TcpStream::connect(scene.address(listener)).expect("it accepts");
        stream.write_all(bytes).expect("the bytes are sent");
        let (answer, took) = until_closed(stream);
        assert_eq!(answer, b"");
        assert!(took + Duration::from_millis(100) > Duration::from_millis(LOGIN_TIME_MS));
    }
    assert!(scene.failures() >= 2.0, "failed handshakes are counted");
}

#[test]
fn a_new_certificate_is_used_after_a_signal() {
    let scene = Scene::begin(&[]);
    scene.connect(Listener::Ssl, Some(scene.tls(None)), None).expect("the certificate is trusted");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Authority::new(elsewhere.path());
    let new = other.make("new.pem", "server", "brokers");
    let in_use = scene.folder.path().join("server.pem");
    fs::write(&in_use, "not a certificate").expect("a file can be written");
    hang_up(&scene.broker);
    wait_until("a complaint about the file", || {
        scene.broker.log().contains("the old TLS files stay in use")
    });
    scene
        .connect(Listener::Ssl, Some(scene.tls(None)), None)
        .expect("the old certificate is in use");
    fs::rename(new, &in_use).expect("a file can be replaced");
    hang_up(&scene.broker);
    wait_until("a certificate that this client does not trust", || {
        scene.connect(Listener::Ssl, Some(scene.tls(None)), None).is_err()
    });
}

/// Asks the broker to read its files again.
fn hang_up(broker: &Broker) {
    let status = Command::new("kill").args(["-HUP", &broker.process_id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

#[test]
fn before_the_login_a_thousand_frames_of_half_a_megabyte_take_no_memory() {
    let scene = Scene::begin(&[]);
    scene.connect(Listener::SaslPlain, None, Some(plain("wonder"))).expect("somebody was here");
    let before = scene.broker.resident_bytes();
    let announced = (512_i32 << 10).to_be_bytes();
    let streams: Vec<_> = (0..1000)
        .map(|_| {
            let mut stream =
                TcpStream::connect(scene.address(Listener::SaslPlain)).expect("it accepts");
            stream.write_all(&announced).expect("the length is sent");
            stream
        })
        .collect();
    for stream in streams {
        let (bytes, _) = until_closed(stream);
        assert_eq!(bytes, b"");
    }
    let growth = scene.broker.resident_bytes().saturating_sub(before);
    assert!(growth < 64 << 20, "memory grew by {growth} bytes");
}

#[test]
fn old_versions_of_tls_are_refused() {
    let scene = Scene::begin(&[]);
    for minor in [1, 2] {
        let version = [3, minor];
        // ClientHello: version, random, no session, two suites, no compression, and how the server
        // may sign.
        let suites = [0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0];
        let signatures = [0, 8, 0, 0x0d, 0, 4, 0, 2, 4, 1];
        let body = [&version[..], &[7; 32], &suites, &signatures].concat();
        let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        let record = [&[22, 3, 1, 0, message.len() as u8][..], &message].concat();
        let mut stream = TcpStream::connect(scene.address(Listener::Ssl)).expect("it accepts");
        let before = scene.failures();
        stream.write_all(&record).expect("the hello is sent");
        let (answer, _) = until_closed(stream);
        // A fatal alert and its reason, protocol_version; a server that agreed would begin with a
        // handshake record.
        let (version, alert) = (minor - 1, [answer.first(), answer.get(5), answer.get(6)]);
        assert_eq!(alert, [Some(&21), Some(&2), Some(&70)], "TLS 1.{version}: {answer:?}");
        wait_until("the count of the failure", || scene.failures() > before);
    }
}

#[test]
fn a_failed_login_is_answered_late() {
    const DELAY_DEFAULT: Duration = Duration::from_millis(100);
    let scene = Scene::begin(&[]);
    for login in [plain("wander"), scram(Hash::Sha256, "nobody has this")] {
        let begun = Instant::now();
        refused(scene.connect(Listener::SaslPlain, None, Some(login)));
        assert!(begun.elapsed() >= DELAY_DEFAULT, "{:?}", begun.elapsed());
    }
}

#[test]
fn the_finest_log_shows_no_secret() {
    let scene = Scene::logging(&[], "trace");
    scene.set_password(Hash::Sha512, "sesame-right");
    let scram = |password| scram(Hash::Sha512, password);
    let login = |login| scene.connect(Listener::SaslPlain, None, Some(login));
    login(scram("sesame-right")).expect("the password is right");
    login(plain("wonder")).expect("the password is right");
    refused(login(scram("sesame-wrong")));
    refused(login(plain("sesame-plain")));
    let log = scene.broker.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is fine enough");
    let key =
        fs::read_to_string(scene.folder.path().join("server.pem")).expect("the file is there");
    let key = key.lines().nth(1).expect("a key has lines");
    for secret in ["sesame", "wonder", key] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
