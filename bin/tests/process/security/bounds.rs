//! Claims about the bounds of clients that have not logged in yet.

use super::*;

#[test]
fn an_address_that_fails_too_often_is_turned_away() {
    let scene = Scene::begin(&[("corelog.failed.logins.per.ip.max", "3")]);
    let log_in = |password| scene.connect(Listener::SaslPlain, None, Some(plain(password)));
    for _ in 0..3 {
        log_in("wonder").expect("the address has failed less often");
        refused(log_in("wander"));
    }
    for listener in [Listener::SaslPlain, Listener::Plain] {
        let stream = TcpStream::connect(scene.address(listener)).expect("it is accepted");
        let (answer, _) = until_closed(stream);
        assert_eq!(answer, b"", "closed unserved");
    }
    let right = log_in("wonder").map(drop);
    assert!(right.as_ref().is_err_and(|error| error.code().is_none()), "{right:?}");
    let page = samples(&scene.broker);
    assert!(sum(&page, "corelog_connections_turned_away_total") >= 3.0);
    assert_eq!(sum(&page, "corelog_authentications_failed_total").to_string(), "3");
}

#[test]
fn failed_logins_do_not_fill_the_log() {
    const TRIES: usize = 60;
    let scene = Scene::begin(&[
        ("connection.failed.authentication.delay.ms", "0"),
        ("corelog.failed.logins.per.ip.max", "100000"),
    ]);
    let begun = Instant::now();
    for _ in 0..TRIES {
        refused(scene.connect(Listener::SaslPlain, None, Some(plain("wander"))));
    }
    let seconds = begun.elapsed().as_secs() as usize + 2;
    let log = scene.broker.log();
    let lines = log.lines().filter(|line| line.contains("failed to log in")).count();
    assert!((1..=1 + 10 * seconds).contains(&lines), "{lines} lines in {seconds} s");
    assert_eq!(scene.failures().to_string(), TRIES.to_string(), "each is counted");
}

/// The beginning of a handshake message that announces more, in records as TLS has them.
fn part_of_handshake(announced: u32, bytes: usize) -> Vec<u8> {
    let mut message = (1 << 24 | announced).to_be_bytes().to_vec();
    message.resize(bytes, 0);
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).expect("a record is short").to_be_bytes();
        [&[22, 3, 1], &length[..], part].concat()
    };
    message.chunks(16 << 10).flat_map(record).collect()
}

#[test]
fn handshakes_without_end_are_cut_and_take_little_memory() {
    let scene = Scene::begin(&[]);
    scene.connect(Listener::Ssl, Some(scene.tls(None)), None).expect("somebody was here");
    let before = scene.broker.resident_bytes();
    // Nearly the longest message that there may be, and one that there may not.
    for (announced, bytes) in [(0xfff0, 60 << 10), (0xff_ffff, 256 << 10)] {
        let handshake = part_of_handshake(announced, bytes);
        let mut streams = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(scene.address(Listener::Ssl)).expect("it accepts");
            // The broker may close before it has everything.
            let _ = stream.write_all(&handshake);
            streams.push(stream);
        }
        let growth = scene.broker.resident_bytes().saturating_sub(before);
        assert!(growth < 64 << 20, "memory grew by {growth} bytes");
        for stream in streams {
            let (answer, _) = until_closed(stream);
            assert_ne!(answer.first(), Some(&22), "nobody goes on with this");
        }
    }
}

#[test]
fn before_the_login_only_scram_is_offered_unless_more_is_asked_for() {
    // Nothing said, and another listener than those of the scene, which offer more.
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data());
    let listener = format!("SASL_PLAINTEXT://127.0.0.1:{}", launch.endpoint().port());
    let mut launch = launch.set("listeners", &listener);
    let _broker = launch.start();
    let mut connection =
        Connection::open(&launch.endpoint(), &ClientConfig::default()).expect("it accepts");
    let request = corelog_wire::SaslHandshakeRequest { mechanism: "PLAIN".into() };
    let reply = connection.call_in(1, &request).expect("a handshake is answered");
    let answer: corelog_wire::SaslHandshakeResponse<'_> = reply.decode().expect("it can be read");
    assert_eq!(answer.error_code, ErrorCode::UnsupportedSaslMechanism.code());
    let offered: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
    assert_eq!(offered, ["SCRAM-SHA-256", "SCRAM-SHA-512"]);
}
