//! The listeners of the server, out of Kafka's keys: `listeners`, `advertised.listeners`, the
//! protocol of each name, and the names meant for controllers.

use std::collections::BTreeSet;

use corelog_security::Protocol;
use corelog_security::tls::ClientAuth;

use super::endpoint::{Endpoint, ListenerEntry, is_wildcard};
use super::problem::Problem;
use super::security::{self, SaslConfig, TlsConfig};
use super::settings::Settings;
use super::{CoreListener, connections, unfit};
use crate::serve::machine::Machine;

/// How many listeners a broker may have.
const LISTENERS_MAX: usize = 8;

/// The name of an address that names no listener.
const NAME_DEFAULT: &str = "PLAINTEXT";

/// Where clients connect, for core 0, and how they talk there.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// The name, in capitals.
    pub name: String,
    /// How clients talk.
    pub protocol: Protocol,
    /// Address of core 0; core N listens on the port + N. Port 0: any free port for each.
    pub listen: Endpoint,
    /// Address of core 0 as clients are told. Port 0: the port it really listens on.
    pub advertise: Endpoint,
    /// How clients encrypt.
    pub tls: Option<TlsConfig>,
    /// How clients log in.
    pub sasl: Option<SaslConfig>,
    /// Connections that are opened in a second at this listener; `None`: as many as come.
    pub connection_creation_rate_max: Option<u32>,
}

impl Listener {
    /// The listener as core `shard` has it.
    pub fn of_core(&self, shard: u16) -> CoreListener {
        CoreListener {
            name: self.name.clone(),
            listen: self.listen.of_core(shard),
            advertise: self.advertise.of_core(shard),
        }
    }

    /// What the operator should know about it.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.listen.is_loopback() {
            return warnings;
        }
        let missing = match self.protocol {
            Protocol::Plaintext => Some("authentication or encryption"),
            Protocol::SaslPlaintext => Some("encryption"),
            Protocol::Ssl | Protocol::SaslSsl => None,
        };
        if let Some(missing) = missing {
            let listen = &self.listen;
            warnings.push(format!("{listen} is reachable from other machines, without {missing}"));
        }
        if self.advertise.is_loopback() {
            warnings.push(format!(
                "clients on other machines are told to connect to {}, which is their own machine",
                self.advertise
            ));
        }
        warnings
    }
}

/// All listeners for clients, in the order of `listeners`.
pub(super) fn listeners(
    settings: &Settings,
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Listener>> {
    let entries = entries(settings, "listeners", problems)?;
    let advertised = entries_of_advertised(settings, problems)?;
    let before = problems.len();
    if entries.is_empty() {
        let hint = "add PLAINTEXT://:9092";
        problems.push(unfit(settings, "listeners", "names no listener for clients", hint));
    }
    if entries.len() > LISTENERS_MAX {
        let why = format!("names {} listeners, more than {LISTENERS_MAX}", entries.len());
        problems.push(unfit(settings, "listeners", why, "keep those that clients use"));
    }
    check_advertised(settings, &entries, &advertised, problems);
    let mut names = BTreeSet::new();
    let mut listeners = Vec::with_capacity(entries.len());
    for entry in &entries {
        let name = entry.name.as_deref().unwrap_or(NAME_DEFAULT);
        if !names.insert(name) {
            let why = format!("names {name} twice");
            let hint = "give each listener a name of its own and its protocol in \
                        listener.security.protocol.map";
            problems.push(unfit(settings, "listeners", why, hint));
            continue;
        }
        let Some(port) = entry.port else {
            let hint = "write HOST:PORT, as in :9092";
            problems.push(unfit(settings, "listeners", "has no port", hint));
            continue;
        };
        let Some(protocol) = protocol_of(settings, name, problems) else { continue };
        let listen = Endpoint { host: entry.host.clone(), port };
        let advertise = advertise(settings, name, &listen, &advertised, machine, problems);
        let Some(advertise) = advertise else { continue };
        let tls = security::tls(settings, name, protocol, problems);
        let sasl = security::sasl(settings, name, protocol, problems);
        // The one of all listeners holds for all of them together, not for each.
        let own_rate = settings.own(name, "max.connection.creation.rate");
        let connection_creation_rate_max =
            own_rate.and_then(|_| connections::creation_rate_max(&settings.at(name)));
        listeners.push(Listener {
            name: name.to_owned(),
            protocol,
            listen,
            advertise,
            tls,
            sasl,
            connection_creation_rate_max,
        });
    }
    for setting in settings.of_listeners() {
        let of = setting.listener.as_deref().unwrap_or_default();
        if !names.contains(of) {
            let why = format!("{} is for {of}, which is no name in listeners", setting.place());
            let hint = "use the name of a listener".to_owned();
            problems.push(Problem::Unfit { why, hint });
        }
    }
    if !settings.secret("sasl.jaas.config").is_empty() {
        let hint = "write listener.name.NAME.plain.sasl.jaas.config";
        problems.push(unfit(settings, "sasl.jaas.config", "is for no listener", hint));
    }
    check_revoked(settings, &listeners, problems);
    check_inter_broker(settings, &names, problems);
    (problems.len() == before).then_some(listeners)
}

/// Lists of revoked certificates are for those who are asked for one.
fn check_revoked(settings: &Settings, listeners: &[Listener], problems: &mut Vec<Problem>) {
    let asks = |listener: &Listener| {
        listener.tls.as_ref().is_some_and(|tls| tls.client_auth != ClientAuth::None)
    };
    let is_missing = !settings.text(security::REVOKED).is_empty() && !listeners.iter().any(asks);
    if is_missing {
        let why = "is set, but no listener asks clients for certificates";
        let hint = "set ssl.client.auth to required, for a listener with SASL with its name";
        problems.push(unfit(settings, security::REVOKED, why, hint));
    }
}

/// The entries of a key, without those meant for controllers.
fn entries(
    settings: &Settings,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Option<Vec<ListenerEntry>> {
    let of_controllers = settings.list("controller.listener.names");
    let parsed: Result<Vec<_>, _> =
        settings.list(key).iter().map(|text| ListenerEntry::parse(text)).collect();
    match parsed {
        Ok(mut entries) => {
            entries.retain(|entry| {
                let name = entry.name.as_deref().unwrap_or(NAME_DEFAULT);
                !of_controllers.iter().any(|other| other.eq_ignore_ascii_case(name))
            });
            Some(entries)
        }
        Err(error) => {
            let hint = "write HOST:PORT or PLAINTEXT://HOST:PORT";
            problems.push(unfit(settings, key, error, hint));
            None
        }
    }
}

fn entries_of_advertised(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<Vec<ListenerEntry>> {
    entries(settings, "advertised.listeners", problems)
}

/// What is advertised must be one of the listeners, once. An address without a name is that of the
/// only listener.
fn check_advertised(
    settings: &Settings,
    listeners: &[ListenerEntry],
    advertised: &[ListenerEntry],
    problems: &mut Vec<Problem>,
) {
    let is_listener = |name: &str| {
        listeners.iter().any(|entry| entry.name.as_deref().unwrap_or(NAME_DEFAULT) == name)
    };
    let mut seen = BTreeSet::new();
    let mut refuse = |why: String, hint: &str| {
        problems.push(unfit(settings, "advertised.listeners", why, hint));
    };
    for entry in advertised {
        match &entry.name {
            Some(name) if !is_listener(name) => refuse(
                format!("advertises {name}, which is no name in listeners"),
                "use the name of a listener",
            ),
            None if listeners.len() > 1 && !is_listener(NAME_DEFAULT) => {
                refuse(
                    "does not say which listener it advertises".into(),
                    "write NAME://HOST:PORT",
                );
            }
            _ => {}
        }
        if !seen.insert(entry.name.as_deref().unwrap_or(NAME_DEFAULT)) {
            refuse("advertises a listener twice".into(), "keep the one that clients use");
        }
    }
}

fn protocol_of(settings: &Settings, name: &str, problems: &mut Vec<Problem>) -> Option<Protocol> {
    let map = settings.list("listener.security.protocol.map").iter();
    let mut pairs = map.filter_map(|pair| pair.split_once(':'));
    let found = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    let Some((_, protocol)) = found else {
        let why = format!("names {name}, which listener.security.protocol.map does not know");
        let hint = "add the name to the map, or call the listener PLAINTEXT";
        problems.push(unfit(settings, "listeners", why, hint));
        return None;
    };
    protocol
        .trim()
        .parse()
        .map_err(|error| {
            let why = format!("gives {name} the protocol {}, which {error}", protocol.trim());
            let hint = "write one of these";
            problems.push(unfit(settings, "listener.security.protocol.map", why, hint));
        })
        .ok()
}

fn advertise(
    settings: &Settings,
    name: &str,
    listen: &Endpoint,
    advertised: &[ListenerEntry],
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> Option<Endpoint> {
    let host_of_machine =
        if listen.is_wildcard() { machine.host_name.clone() } else { listen.host.clone() };
    let is_of_it = |entry: &&ListenerEntry| match &entry.name {
        Some(named) => named == name,
        None => advertised.len() == 1 || name == NAME_DEFAULT,
    };
    let Some(entry) = advertised.iter().find(is_of_it) else {
        return Some(Endpoint { host: host_of_machine, port: listen.port });
    };
    let mut refuse = |why: String, hint: &str| {
        problems.push(unfit(settings, "advertised.listeners", why, hint));
        None
    };
    if entry.port == Some(0) {
        return refuse("advertises port 0".into(), "advertise the port that clients connect to");
    }
    // An empty host means the machine's name, as in Kafka; an address of zeros means nothing.
    if is_wildcard(&entry.host) && !entry.host.is_empty() {
        return refuse(
            format!("advertises {}, to which no client can connect", entry.host),
            "advertise a name or an address that clients can reach",
        );
    }
    // Without a name and beside others, the port is that of one of them only.
    let host = if entry.host.is_empty() { host_of_machine } else { entry.host.clone() };
    Some(Endpoint { host, port: entry.port.unwrap_or(listen.port) })
}

/// Brokers do not talk to each other yet, but a name that is wrong now would be wrong then.
fn check_inter_broker(settings: &Settings, names: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
    let name = settings.text("inter.broker.listener.name");
    let protocol = settings.text("security.inter.broker.protocol");
    if !name.is_empty() && !protocol.is_empty() {
        let why = "is set beside security.inter.broker.protocol";
        problems.push(unfit(settings, "inter.broker.listener.name", why, "keep one of them"));
    }
    let key = if name.is_empty() {
        "security.inter.broker.protocol"
    } else {
        "inter.broker.listener.name"
    };
    let wanted = if name.is_empty() { protocol } else { name };
    if !wanted.is_empty() && !names.contains(wanted.to_uppercase().as_str()) {
        let why = "is no name in listeners";
        problems.push(unfit(settings, key, why, "use the name of a listener"));
    }
}
