//! The one listener of the server, out of Kafka's keys for several: `listeners`,
//! `advertised.listeners`, the protocol of each name, and the names meant for controllers.

use super::endpoint::{Endpoint, Listener, is_wildcard};
use super::problem::Problem;
use super::settings::Settings;
use super::unfit;
use crate::serve::machine::Machine;

/// Where to listen and what to advertise, for core 0.
pub(super) fn addresses(
    settings: &Settings,
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> Option<(Endpoint, Endpoint)> {
    let listeners = entries(settings, "listeners", problems)?;
    let advertised = entries(settings, "advertised.listeners", problems)?;
    let listener = only_listener(settings, listeners, problems)?;
    let Some(port) = listener.port else {
        let why = "has no port";
        problems.push(unfit(settings, "listeners", why, "write HOST:PORT, as in :9092"));
        return None;
    };
    let listen = Endpoint { host: listener.host, port };
    let advertise = advertise(settings, &listener.name, &listen, &advertised, machine, problems)?;
    Some((listen, advertise))
}

/// The entries of a key, without those meant for controllers.
fn entries(settings: &Settings, name: &str, problems: &mut Vec<Problem>) -> Option<Vec<Listener>> {
    let of_controllers = settings.list("controller.listener.names");
    let parsed: Result<Vec<_>, _> =
        settings.list(name).iter().map(|text| Listener::parse(text)).collect();
    match parsed {
        Ok(mut listeners) => {
            listeners.retain(|listener| {
                !of_controllers.iter().any(|name| name.eq_ignore_ascii_case(&listener.name))
            });
            Some(listeners)
        }
        Err(error) => {
            let hint = "write HOST:PORT or PLAINTEXT://HOST:PORT";
            problems.push(unfit(settings, name, error, hint));
            None
        }
    }
}

fn only_listener(
    settings: &Settings,
    listeners: Vec<Listener>,
    problems: &mut Vec<Problem>,
) -> Option<Listener> {
    let count = listeners.len();
    let mut refuse = |why: String, hint: &str| {
        problems.push(unfit(settings, "listeners", why, hint));
        None
    };
    let mut listeners = listeners.into_iter();
    let (Some(listener), None) = (listeners.next(), listeners.next()) else {
        return match count {
            0 => refuse("names no listener for clients".into(), "add PLAINTEXT://:9092"),
            _ => refuse(
                format!("names {count} listeners for clients, but one is served"),
                "keep one PLAINTEXT listener",
            ),
        };
    };
    match protocol_of(settings, &listener.name) {
        Some("PLAINTEXT") => Some(listener),
        Some(protocol) => refuse(
            format!("asks for {protocol}, but only PLAINTEXT is served"),
            "use a PLAINTEXT listener inside a network that you trust",
        ),
        None => refuse(
            format!("names {}, which listener.security.protocol.map does not know", listener.name),
            "add the name to the map, or call the listener PLAINTEXT",
        ),
    }
}

/// The security protocol of a listener's name.
fn protocol_of<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    let map = settings.list("listener.security.protocol.map").iter();
    let mut pairs = map.filter_map(|pair| pair.split_once(':'));
    pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn advertise(
    settings: &Settings,
    listener: &str,
    listen: &Endpoint,
    advertised: &[Listener],
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> Option<Endpoint> {
    let host_of_machine =
        if listen.is_wildcard() { machine.host_name.clone() } else { listen.host.clone() };
    let mut refuse = |why: String, hint: &str| {
        problems.push(unfit(settings, "advertised.listeners", why, hint));
        None
    };
    match advertised {
        [] => Some(Endpoint { host: host_of_machine, port: listen.port }),
        [entry] if entry.name != listener => refuse(
            format!("advertises {}, but the listener is {listener}", entry.name),
            "use the name of the listener",
        ),
        [entry] if entry.port == Some(0) => {
            refuse("advertises port 0".into(), "advertise the port that clients connect to")
        }
        // An empty host means the machine's name, as in Kafka; an address of zeros means nothing.
        [entry] if is_wildcard(&entry.host) && !entry.host.is_empty() => refuse(
            format!("advertises {}, to which no client can connect", entry.host),
            "advertise a name or an address that clients can reach",
        ),
        [entry] => Some(Endpoint {
            host: if entry.host.is_empty() { host_of_machine } else { entry.host.clone() },
            port: entry.port.unwrap_or(listen.port),
        }),
        [..] => refuse(
            format!("names {} listeners for clients, but one is served", advertised.len()),
            "keep the one that clients use",
        ),
    }
}
