//! Bounds on connections out of Kafka's keys.

use std::net::IpAddr;

use super::*;

fn clients(text: &str) -> ClientLimits {
    file(text).config().clients
}

#[test]
fn addresses_may_have_bounds_of_their_own() {
    let text = "max.connections.per.ip=5\n\
                max.connections.per.ip.overrides=127.0.0.1:50, ::1:0,::ffff:10.0.0.1:7";
    let config = clients(text);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let overrides = [("127.0.0.1", 50), ("::1", 0), ("10.0.0.1", 7)];
    let overrides = overrides.map(|(ip, max)| (address(ip), max));
    assert_eq!(config.connections_per_address_max, 5);
    assert_eq!(config.connections_per_address_overrides, BTreeMap::from(overrides));
    for wrong in ["localhost:5", "127.0.0.1", "127.0.0.1:", "127.0.0.1:-1", "::1:2147483648"] {
        let problems =
            file(&format!("max.connections.per.ip.overrides={wrong}")).result().unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(wrong), "{problems:?}");
    }
}

#[test]
fn connections_may_come_at_a_rate_over_all_and_at_each_listener() {
    let rates = |text: &str| {
        let config = file(text).config();
        let of_listeners = config.listeners.iter();
        let of_listeners = of_listeners.map(|listener| listener.connection_creation_rate_max);
        (config.clients.connection_creation_rate_max, of_listeners.collect::<Vec<_>>())
    };
    let listeners = "listeners=A://:9092,B://:9192\n\
                     listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT\n";
    assert_eq!(rates(listeners), (None, vec![None, None]), "none by default, as in Kafka");
    let text = format!("{listeners}max.connection.creation.rate=100");
    assert_eq!(rates(&text), (Some(100), vec![None, None]), "of all together, not of each");
    let text = format!("{text}\nlistener.name.b.max.connection.creation.rate=7");
    assert_eq!(rates(&text), (Some(100), vec![None, Some(7)]));
    assert!(file("max.connection.creation.rate=0").result().is_err());
}
