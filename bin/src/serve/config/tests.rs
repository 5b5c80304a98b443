//! Claims about the whole way of a configuration: from text, variables and flags to the checked
//! values.

use std::collections::BTreeMap;

use corelog_cluster::decide::delegation_tokens::TokenTimes;
use corelog_security::Protocol;
use corelog_shard::ShareSettings;

use super::keys::{self, Meaning, Scope};
use super::raw::RawConfig;
use super::share::ShareRules;
use super::*;
use crate::serve::config::problem::refusal;

mod authorization;
mod connections;
mod security;

fn machine() -> Machine {
    Machine { cpus_allowed: (0..4).collect(), host_name: "box".into() }
}

/// A configuration under test: each method adds to a layer.
#[derive(Default)]
struct Given(RawConfig);

impl Given {
    fn file(mut self, text: &str) -> Self {
        self.0.add_properties("server.properties", text);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.0.add_environment([(name.into(), value.into())]);
        self
    }

    fn set(mut self, argument: &str) -> Self {
        self.0.add_set(argument);
        self
    }

    fn result(&self) -> Result<Config, Vec<String>> {
        let shown = |problems: &[Problem]| -> Vec<String> {
            let text = refusal(problems).to_string();
            text.lines()
                .map(|line| line.trim_start_matches("configuration refused: ").to_owned())
                .collect()
        };
        if !self.0.problems.is_empty() {
            return Err(shown(&self.0.problems));
        }
        let settings = Settings::resolve(&self.0).map_err(|problems| shown(&problems))?;
        Config::check(&settings, &machine()).map_err(|problems| shown(&problems))
    }

    #[track_caller]
    fn config(&self) -> Config {
        self.result().unwrap_or_else(|problems| panic!("refused: {problems:#?}"))
    }

    fn settings(&self) -> Settings {
        Settings::resolve(&self.0).unwrap()
    }

    #[track_caller]
    fn refused(&self, expected: &[&str]) {
        assert_eq!(self.result().unwrap_err(), expected);
    }

    fn place(&self, name: &str) -> String {
        self.settings().setting(name).place()
    }
}

fn file(text: &str) -> Given {
    Given::default().file(text)
}

fn retention(text: &str) -> BTreeMap<String, String> {
    file(text).config().topics.defaults
}

fn endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint { host: host.into(), port }
}

/// The one that a broker has by default.
fn open_listener() -> Listener {
    Listener {
        name: "PLAINTEXT".into(),
        protocol: Protocol::Plaintext,
        listen: endpoint("127.0.0.1", 9092),
        advertise: endpoint("127.0.0.1", 9092),
        tls: None,
        sasl: None,
        connection_creation_rate_max: None,
    }
}

#[test]
fn nothing_typed_gives_the_documented_defaults() {
    let config = Given::default().config();
    assert_eq!(
        config,
        Config {
            broker_id: 1,
            rack: None,
            listeners: vec![open_listener()],
            cpus: vec![0, 1, 2, 3],
            poll_us: 0,
            data_dir: "./data".into(),
            metrics_listen: Some(endpoint("127.0.0.1", 9644)),
            topics: TopicRules {
                partitions: 1,
                replication_factor: 1,
                auto_create: true,
                allow_delete: true,
                defaults: BTreeMap::new(),
            },
            clients: ClientLimits {
                request_bytes_max: 100 << 20,
                frame_read_ms_max: 30_000,
                idle_ms_max: 600_000,
                connections_max: i32::MAX as u32,
                connections_per_address_max: i32::MAX as u32,
                connections_per_address_overrides: BTreeMap::new(),
                connection_creation_rate_max: None,
                backlog: 1024,
                receive_buffer_bytes: None,
                send_buffer_bytes: None,
                requests_queued_max: 500,
                failed_logins_max: 600,
                login_ms_max: 10_000,
                inflight_bytes_max: 128 << 20,
                answer_bytes_max: 64 << 20,
                answer_write_ms_max: 30_000,
                fetch_bytes_max: 57_671_680,
                fetch_sessions_max: 1000,
                described_partitions_max: 2000,
            },
            storage: StorageLimits {
                journal_file_bytes: 64 << 20,
                journal_files_max: 8,
                journal_sync: Some(SyncPath::Write),
                tail_memory_bytes: 128 << 20,
                disk_reserve_bytes: 1 << 30,
                retention_check_ms: 300_000,
                cleaner: CleanerSettings {
                    is_enabled: true,
                    backoff_ms: 15_000,
                    dedupe_bytes: 128 << 20,
                    load_percent_max: 90,
                    bytes_per_second_max: None,
                },
                producer_expiry_ms: 86_400_000,
                producer_expiry_check_ms: 600_000,
                verifies_transactions: true,
            },
            groups: GroupRules {
                bounds: GroupBounds::default(),
                coordinator: GroupConfig::default(),
                topic: InternalTopic::default(),
            },
            authorizer: None,
            tokens: TokenRules { key: None, times: TokenTimes::default(), check_ms: 3_600_000 },
            transactions: TransactionRules {
                coordinator: TransactionConfig::default(),
                topic: InternalTopic::default(),
            },
            share: ShareRules {
                settings: ShareSettings::default(),
                topic: InternalTopic::default(),
            },
        }
    );
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let given = Given::default();
    assert_eq!(given.place("num.partitions"), "num.partitions=1 (default)");
    let given = given.file("\nnum.partitions=2\n");
    assert_eq!(given.place("num.partitions"), "num.partitions=2 (server.properties:2)");
    let given = given.variable("CORELOG_NUM_PARTITIONS", "3");
    assert_eq!(given.place("num.partitions"), "num.partitions=3 (CORELOG_NUM_PARTITIONS)");
    let given = given.set("num.partitions=4");
    assert_eq!(given.place("num.partitions"), "num.partitions=4 (--set)");
}

#[test]
fn a_flag_under_a_weaker_name_wins_over_the_file_under_a_stronger_one() {
    let given = file("log.retention.ms=1000").set("log.retention.hours=1");
    assert_eq!(given.config().topics.defaults["retention.ms"], "3600000");
}

#[test]
fn assignors_may_have_the_names_of_kafkas_classes() {
    let class = |name: &str| format!("org.apache.kafka.coordinator.group.assignor.{name}Assignor");
    let text = format!("group.consumer.assignors={},uniform", class("Range"));
    let assignors = file(&text).config().groups.coordinator.consumer.assignors;
    assert_eq!(assignors, [Assignor::Range, Assignor::Uniform]);
    let text = format!("group.consumer.assignors={}", class("Uniform"));
    let assignors = file(&text).config().groups.coordinator.consumer.assignors;
    assert_eq!(assignors, [Assignor::Uniform]);
}

#[test]
fn milliseconds_win_over_minutes_and_minutes_over_hours() {
    for (text, milliseconds) in [
        ("log.retention.hours=168", "604800000"),
        ("log.retention.hours=1\nlog.retention.minutes=2", "120000"),
        ("log.retention.minutes=2\nlog.retention.hours=1", "120000"),
        ("log.retention.hours=1\nlog.retention.ms=5\nlog.retention.minutes=2", "5"),
        ("log.retention.hours=-1", "-1"),
    ] {
        let expected = [("retention.ms".to_owned(), milliseconds.to_owned())];
        assert_eq!(retention(text), expected.into(), "{text}");
    }
}

#[test]
fn broker_keys_become_topic_configs_only_where_the_operator_set_them() {
    let defaults = retention(
        "log.cleanup.policy=compact,delete\nlog.roll.hours=2\nmessage.max.bytes=2000\n\
         compression.type=zstd\nlog.cleaner.min.cleanable.ratio=0.25\nnum.partitions=7",
    );
    let expected = [
        ("cleanup.policy", "compact,delete"),
        ("compression.type", "zstd"),
        ("max.message.bytes", "2000"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("segment.ms", "7200000"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(defaults, expected.into());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    file("nmu.partitions=1\n\nlog.retention.hour=1\nretention.ms=1").refused(&[
        "server.properties:1: there is no key \"nmu.partitions\": the nearest known key is \
         num.partitions; --print-config lists all keys",
        "server.properties:3: there is no key \"log.retention.hour\": the nearest known key is \
         log.retention.hours; --print-config lists all keys",
        "server.properties:4: there is no key \"retention.ms\": the nearest known key is \
         log.retention.ms; --print-config lists all keys",
    ]);
}

#[test]
fn unknown_variables_are_refused_and_other_programs_variables_are_not_ours() {
    Given::default().variable("CORELOG_NUM_PARTITION", "1").variable("KAFKA_HEAP", "x").refused(&[
        "the environment variable CORELOG_NUM_PARTITION is unknown: unset it; the nearest known \
         variable is CORELOG_NUM_PARTITIONS",
    ]);
    let given = Given::default()
        .variable("CORELOG_LOG", "debug")
        .variable("CORELOG_BOOTSTRAP", "a:1")
        .variable("CORELOG_SASL_PASSWORD", "wonder")
        .variable("CORELOG_POLL_US", "50")
        .variable("OTHER", "x");
    assert_eq!(given.config().poll_us, 50);
}

#[test]
fn variables_that_kubernetes_sets_are_no_configuration() {
    let address = "tcp://10.0.0.1:9092";
    let given = Given::default()
        .variable("CORELOG_SERVICE_HOST", "10.0.0.1")
        .variable("CORELOG_SERVICE_PORT_KAFKA", "9092")
        .variable("CORELOG_METRICS_PORT", address)
        .variable("CORELOG_PORT_9092_TCP_ADDR", "10.0.0.1");
    assert_eq!(given.config(), Given::default().config());
    assert_eq!(given.0.ignored.len(), 4);
    assert!(Given::default().variable("CORELOG_METRICS_PORT", "9644").result().is_err());
}

#[test]
fn the_last_of_a_repeated_key_counts_with_a_warning() {
    let given = file("num.partitions=1\nbroker.id=3\nnum.partitions=2");
    assert_eq!(given.config().topics.partitions, 2);
    assert_eq!(
        given.0.warnings,
        ["server.properties:1: num.partitions is given again in line 3; the last one counts"]
    );
}

#[test]
fn broker_id_is_another_name_of_node_id_and_must_agree() {
    assert_eq!(file("broker.id=0").config().broker_id, 0);
    assert_eq!(file("broker.id=5\nnode.id=5").config().broker_id, 5);
    file("broker.id=5\nnode.id=6").refused(&[
        "server.properties:1: broker.id=5 and server.properties:2: node.id=6 disagree: remove one \
         of them",
    ]);
    file("node.id=-1").refused(&[
        "server.properties:1: node.id=\"-1\" is out of bounds: write a number from 0 to 2147482",
    ]);
}

#[test]
fn one_key_set_twice_on_the_command_line_must_agree() {
    let given = Given::default().set("num.partitions=2").set("num.partitions=2");
    assert_eq!(given.config().topics.partitions, 2);
    given.set("num.partitions=3").refused(&[
        "--set: num.partitions=2 and --set: num.partitions=3 disagree: remove one of them",
    ]);
}

#[test]
fn a_set_without_an_equals_sign_is_refused() {
    Given::default()
        .set("num.partitions")
        .refused(&["--set \"num.partitions\" has no equals sign: write --set key=value"]);
}

#[test]
fn all_problems_are_shown_at_once() {
    file("num.partitions=many\nauto.create.topics.enable=yes\ncorelog.poll.us=2h").refused(&[
        "server.properties:1: num.partitions=\"many\" is not a whole number: write digits only",
        "server.properties:2: auto.create.topics.enable=\"yes\" is neither true nor false: write \
         true or false",
        "server.properties:3: corelog.poll.us=\"2h\" is out of bounds: write a number from 0 to \
         1000000",
    ]);
}

#[test]
fn a_value_that_loses_to_a_flag_must_still_be_valid() {
    assert!(file("num.partitions=x").set("num.partitions=1").result().is_err());
}

#[test]
fn controllers_of_kafka_are_not_listened_for() {
    let config = file(
        "process.roles=broker,controller\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
         controller.listener.names=CONTROLLER\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
    )
    .config();
    assert_eq!(config.listeners[0].listen, endpoint("", 9092));
    assert_eq!(config.listeners[0].advertise, endpoint("localhost", 9092));
    assert_eq!(config.warnings().len(), 2);
}

#[test]
fn an_address_without_a_host_advertises_the_machine() {
    let config = file("listeners=PLAINTEXT://0.0.0.0:9000").config();
    assert_eq!(config.listeners[0].advertise, endpoint("box", 9000));
    let config = file("listeners=:9000\nadvertised.listeners=broker.example").config();
    assert_eq!(config.listeners[0].advertise, endpoint("broker.example", 9000));
}

#[test]
fn a_named_plaintext_listener_needs_its_name_in_the_map() {
    let map = "listener.security.protocol.map=IN:PLAINTEXT,OUT:SASL_SSL\nlisteners=";
    assert_eq!(file(&format!("{map}in://a:1")).config().listeners[0].listen, endpoint("a", 1));
    file(&format!("{map}PLAINTEXT://a:1")).refused(&[
        "listeners=PLAINTEXT://a:1 (server.properties:2) names PLAINTEXT, which \
         listener.security.protocol.map does not know: add the name to the map, or call the \
         listener PLAINTEXT",
    ]);
}

#[test]
fn listeners_that_cannot_be_served_are_refused() {
    for (text, part) in [
        ("listeners=", "names no listener for clients"),
        ("listeners=a:1,b:2", "names PLAINTEXT twice"),
        ("listeners=A://a:1", "which listener.security.protocol.map does not know"),
        ("listener.security.protocol.map=PLAINTEXT:TLS", "which is none of PLAINTEXT, SSL"),
        ("listeners=PLAINTEXT://a", "has no port"),
        ("listeners=PLAINTEXT://a:x", "a port that is not a number"),
        ("advertised.listeners=0.0.0.0:9092", "to which no client can connect"),
        ("advertised.listeners=a:0", "advertises port 0"),
        ("advertised.listeners=a,b", "advertises a listener twice"),
        ("advertised.listeners=SSL://a:1", "advertises SSL, which is no name in listeners"),
        ("inter.broker.listener.name=SSL", "is no name in listeners"),
        ("security.inter.broker.protocol=SSL", "is no name in listeners"),
        (
            "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT",
            "is set beside security.inter.broker.protocol",
        ),
    ] {
        let problems = file(text).result().unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(part), "{text}: {problems:?}");
    }
}

#[test]
fn every_listener_is_advertised_by_its_own_entry() {
    let map = "listener.security.protocol.map=IN:PLAINTEXT,OUT:PLAINTEXT\n";
    let listeners = "listeners=IN://10.0.0.1:9000,OUT://:9100\n";
    let advertised = |text: &str| {
        let config = file(&format!("{map}{listeners}advertised.listeners={text}")).config();
        config.listeners.into_iter().map(|it| it.advertise).collect::<Vec<_>>()
    };
    let inside = endpoint("10.0.0.1", 9000);
    assert_eq!(advertised("OUT://b.example"), [inside.clone(), endpoint("b.example", 9100)]);
    assert_eq!(advertised("OUT://c:1,IN://d:2"), [endpoint("d", 2), endpoint("c", 1)]);
    assert_eq!(advertised(""), [inside, endpoint("box", 9100)]);
    let one = file("listener.security.protocol.map=OUT:PLAINTEXT\nlisteners=OUT://:9100")
        .set("advertised.listeners=b.example");
    assert_eq!(one.config().listeners[0].advertise, endpoint("b.example", 9100));
    file(&format!("{map}{listeners}advertised.listeners=b.example")).refused(&[
        "advertised.listeners=b.example (server.properties:3) does not say which listener it \
         advertises: write NAME://HOST:PORT",
    ]);
}

#[test]
fn listeners_leave_room_for_the_cores_of_each_other() {
    let map = "listener.security.protocol.map=IN:PLAINTEXT,OUT:PLAINTEXT\nlisteners=";
    file(&format!("{map}IN://:9092,OUT://:9095")).refused(&[
        "listeners=IN://:9092,OUT://:9095 (server.properties:2) gives IN and OUT the same ports: \
         each takes 4, one for each core: leave 4 ports between them",
    ]);
    for fits in ["IN://:9092,OUT://:9096", "IN://a:1,OUT://b:1", "IN://a:0,OUT://a:0"] {
        assert!(file(&format!("{map}{fits}")).result().is_ok(), "{fits}");
    }
}

#[test]
fn every_core_is_a_node_with_its_own_port() {
    let config = file("node.id=7\nlisteners=10.0.0.1:9000\nadvertised.listeners=a:7000")
        .set("corelog.cores=3,1-1")
        .config();
    let core = |shard, cpu| CoreAddress {
        shard,
        cpu,
        node: 7000 + u32::from(shard),
        listeners: vec![CoreListener {
            name: "PLAINTEXT".into(),
            listen: endpoint("10.0.0.1", 9000 + shard),
            advertise: endpoint("a", 7000 + shard),
        }],
    };
    assert_eq!(config.cores(), [core(0, 3), core(1, 1)]);
}

#[test]
fn the_ports_of_all_cores_lie_below_65536() {
    assert_eq!(
        file("listeners=a:65532").config().cores()[3].listeners[0].listen,
        endpoint("a", 65535)
    );
    file("listeners=a:65533").refused(&[
        "listeners=a:65533 (server.properties:1) leaves no port for each of 4 cores below 65536: \
         use port 65532 or lower, or fewer cores",
        "advertised.listeners= (default) leaves no port for each of 4 cores below 65536: use port \
         65532 or lower, or fewer cores",
    ]);
    assert_eq!(file("listeners=a:0").config().cores()[3].listeners[0].listen, endpoint("a", 0));
}

#[test]
fn the_metrics_port_is_none_of_the_cores_ports() {
    file("listeners=:9641").refused(&[
        "corelog.metrics.listen=127.0.0.1:9644 (default) is a port of the cores, who listen on \
         9641 to 9644: choose a port outside of them",
    ]);
    assert!(file("listeners=:9640").result().is_ok());
    assert!(file("listeners=10.0.0.1:9641").result().is_ok());
    assert_eq!(file("corelog.metrics.listen=").config().metrics_listen, None);
    assert!(file("corelog.metrics.listen=9644").result().is_err());
}

#[test]
fn cores_beyond_the_affinity_are_refused_with_what_there_is() {
    Given::default().set("corelog.cores=8").refused(&[
        "corelog.cores=8 (--set) asks for 8 cores, but this process may run on CPUs 0-3 only: \
         choose other CPUs, or widen the affinity of the process (taskset, cpuset)",
    ]);
}

#[test]
fn no_core_is_refused_with_the_way_to_write_cpu_0() {
    Given::default().set("corelog.cores=0").refused(&[
        "corelog.cores=0 (--set) is a number of cores, and leaves none to run on: write 0-0 for \
         CPU 0 alone, or all, or a number of cores from 1",
    ]);
}

#[test]
fn sizes_that_do_not_fit_into_each_other_are_refused() {
    for (text, part) in [
        ("corelog.inflight.bytes=64MiB", "socket.request.max.bytes=104857600 (default) does not"),
        ("fetch.max.bytes=200000000", "fetch.max.bytes=200000000 (server.properties:1) does not"),
        ("message.max.bytes=104857601", "fit into socket.request.max.bytes=104857600"),
        ("corelog.journal.file.bytes=1MiB", "fit into corelog.journal.file.bytes=1048576"),
        ("corelog.tail.memory.bytes=1048576", "fit into corelog.tail.memory.bytes=1048576"),
        ("corelog.journal.file.bytes=67108865", "is not a multiple of 4096"),
    ] {
        let problems = file(text).result().unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(part)), "{text}: {problems:?}");
    }
}

#[test]
fn one_directory_holds_the_data() {
    assert_eq!(file("log.dir=/a").config().data_dir, PathBuf::from("/a"));
    assert_eq!(file("log.dirs=/b\nlog.dir=/a").config().data_dir, PathBuf::from("/b"));
    assert!(file("log.dirs=/a,/b").result().unwrap_err()[0].contains("several directories"));
    assert!(file("log.dirs=").result().unwrap_err()[0].contains("names no directory"));
}

#[test]
fn keys_without_effect_are_listed_and_their_values_forgotten() {
    let given = file("zookeeper.connect=a:1\npassword.encoder.secret=hunter2\nnum.io.threads=8");
    assert_eq!(given.config(), Given::default().config());
    let keys: Vec<&str> = given.0.ignored.iter().map(|ignored| ignored.key.as_str()).collect();
    assert_eq!(keys, ["zookeeper.connect", "password.encoder.secret", "num.io.threads"]);
    assert!(!format!("{given:?}", given = given.0).contains("hunter2"));
}

#[test]
fn protections_that_would_be_missing_are_refused_not_ignored() {
    file("remote.log.storage.system.enable=true").refused(&["server.properties:1: \
         remote.log.storage.system.enable=true has no effect here: there is no tiered storage: \
         remove the key if that is acceptable"]);
    assert!(file("process.roles=controller").result().is_err());
    assert!(file("remote.log.storage.system.enable=false").result().is_ok());
}

#[test]
fn the_default_of_every_key_is_valid_and_every_synonym_has_its_setting() {
    let settings = Given::default().settings();
    for key in keys::all() {
        assert_eq!(settings.setting(key.setting()).source, source::Source::Default, "{}", key.name);
        assert_eq!(key.doc.is_empty(), key.synonym.is_some(), "{} is documented", key.name);
    }
}

#[test]
fn no_name_and_no_variable_means_two_things() {
    let mut names = std::collections::BTreeSet::new();
    let mut variables = std::collections::BTreeSet::new();
    for key in keys::all() {
        assert!(names.insert(key.name), "{} is in the table twice", key.name);
        assert!(variables.insert(keys::variable_of(key.name)), "{} shares a variable", key.name);
        let by_variable = keys::find_variable(&keys::variable_of(key.name));
        assert!(matches!(by_variable, Some(Meaning::Known(found)) if found.name == key.name));
    }
    let configs: Vec<_> = keys::all().iter().map(|key| key.scope).collect();
    let of_topics: Vec<_> =
        configs.iter().filter(|scope| matches!(scope, Scope::TopicDefault(_))).collect();
    for scope in &of_topics {
        assert_eq!(of_topics.iter().filter(|other| other == &scope).count(), 1, "{scope:?}");
    }
}

#[test]
fn values_of_kafkas_keys_stay_plain_numbers() {
    file("log.segment.bytes=1GiB").refused(&[
        "server.properties:1: log.segment.bytes=\"1GiB\" has a unit, but Kafka's keys take plain \
         numbers: write 1073741824",
    ]);
    assert_eq!(
        file("corelog.journal.file.bytes=8MiB").config().storage.journal_file_bytes,
        8 << 20
    );
}
