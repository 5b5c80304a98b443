//! Claims about rights: what a user may not do is refused, API by API, and what it may do is done.

mod samples;

use std::num::NonZeroU32;
use std::time::Duration;

use corelog_client::admin::{CreateAcls, DeleteAcls, SetPassword};
use corelog_client::blocking::{Admin, Cluster, Connection};
use corelog_client::consumer::{From, Partitions};
use corelog_client::producer::Message;
use corelog_client::security::{ClientSecurity, Login};
use corelog_client::{
    ClientConfig, ClientError, Consumer, ConsumerConfig, Endpoint, Producer, ProducerConfig,
};
use corelog_cluster::acl::{CLUSTER_NAME, WILDCARD};
use corelog_cluster::{AclOperation, PatternType, Permission, ResourceType};
use corelog_model::ErrorCode;
use corelog_security::Secret;
use corelog_security::scram::Hash;
use corelog_server::authorize::table::{self, RIGHTS, Right};
use corelog_wire::APIS;
use corelog_wire::api::create_acls::AclCreation;
use corelog_wire::api::delete_acls::DeleteAclsFilter;

use crate::support::{Broker, DataFolder, Launch};

const STANDARD: &str = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";

struct Scene {
    _broker: Broker,
    endpoint: Endpoint,
    _folder: DataFolder,
}

impl Scene {
    /// A broker where `admin` may do everything and `alice` what she is given.
    fn begin() -> Self {
        let folder = DataFolder::new();
        let launch = Launch::new(folder.path(), folder.data());
        let endpoint = launch.endpoint();
        let users = "x.PlainLoginModule required user_admin=\"root\" user_alice=\"wonder\";";
        let listener = format!("SASL_PLAINTEXT://127.0.0.1:{}", endpoint.port());
        let mut launch = launch
            .set("listeners", &listener)
            .set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-512")
            .set("listener.name.sasl_plaintext.plain.sasl.jaas.config", users)
            .set("authorizer.class.name", STANDARD)
            .set("super.users", "User:admin")
            .set("delegation.token.secret.key", "a key")
            .set("offsets.topic.num.partitions", "1")
            .set("transaction.state.log.num.partitions", "1");
        Self { _broker: launch.start(), endpoint, _folder: folder }
    }

    fn config(login: Login) -> ClientConfig {
        let security = ClientSecurity { tls: None, login: Some(login) };
        ClientConfig { security, ..ClientConfig::default() }
    }

    fn connect(&self, user: &str, password: &str) -> Connection {
        let config = Self::config(plain(user, password));
        Connection::open(&self.endpoint, &config).expect("the password is right")
    }

    fn admin(&self) -> Admin {
        let config = Self::config(plain("admin", "root"));
        let cluster = Cluster::connect(std::slice::from_ref(&self.endpoint), config);
        Admin::new(cluster.expect("the broker answers"))
    }
}

fn plain(user: &str, password: &str) -> Login {
    Login::Plain { user: user.to_owned(), password: Secret::new(password) }
}

/// A binding of alice on the resource of this name.
fn binding(
    operation: AclOperation,
    resource: ResourceType,
    name: &str,
    permission: Permission,
) -> AclCreation<'static> {
    AclCreation {
        resource_type: resource.code(),
        resource_name: name.to_owned().into(),
        resource_pattern_type: PatternType::Literal.code(),
        principal: "User:alice".into(),
        host: WILDCARD.into(),
        operation: operation.code(),
        permission_type: permission.code(),
    }
}

fn everything_of(user: &'static str) -> DeleteAclsFilter<'static> {
    DeleteAclsFilter {
        resource_type_filter: 1,
        pattern_type_filter: 1,
        principal_filter: Some(user.into()),
        operation: 1,
        permission_type: 1,
        ..Default::default()
    }
}

/// Alice has these bindings and no others.
fn give(admin: &mut Admin, creations: Vec<AclCreation<'static>>) {
    let delete = DeleteAcls { filters: vec![everything_of("User:alice")] };
    admin.delete_acls(&delete).expect("rights are taken");
    admin.create_acls(&CreateAcls { creations }).expect("rights are given");
}

/// The name of the resource that the sample of a line is about.
fn resource_of(right: &Right) -> &'static str {
    match *right {
        table::METADATA_CREATE => samples::ASKED_FOR[0],
        table::CREATE_TOPICS | table::CREATE_TOPICS_CONFIGS => "made",
        table::DELETE_TOPICS => "no-such",
        table::DELETE_TOPICS_NAME | table::DELETE_GROUPS => samples::GONE,
        table::DESCRIBE_TRANSACTIONS | table::LIST_TRANSACTIONS => samples::OPEN_ID,
        table::MEMBER_HEARTBEAT | table::DESCRIBE_MEMBERS => samples::MEMBERS,
        table::SHARE_HEARTBEAT
        | table::SHARE_DESCRIBE
        | table::SHARE_FETCH
        | table::SHARE_ACKNOWLEDGE
        | table::SHARE_OFFSETS => samples::SHARES,
        table::ALTER_SHARE_OFFSETS | table::DELETE_SHARE_OFFSETS => samples::IDLE,
        table::CREATE_TOKENS => "User:bob",
        table::DESCRIBE_TOKENS => samples::token(),
        table::DESCRIBE_TOKENS_OF => "User:admin",
        Right { resource: ResourceType::Topic, .. } => samples::TOPIC,
        Right { resource: ResourceType::Group, .. } => samples::GROUP,
        Right { resource: ResourceType::TransactionalId, .. } => samples::ID,
        Right { resource: ResourceType::Cluster, .. } => CLUSTER_NAME,
        other => panic!("no API has rights on {other:?}"),
    }
}

/// The other rights that the sample of a line needs, so that only the line itself can be missing.
fn others(right: &Right) -> &'static [Right] {
    match *right {
        table::PRODUCE_IN_TRANSACTION => &[table::PRODUCE],
        table::METADATA_CREATE | table::METADATA_CREATE_ANY => &[table::METADATA],
        table::SHARE_HEARTBEAT => &[table::SHARE_HEARTBEAT_TOPIC],
        table::SHARE_HEARTBEAT_TOPIC => &[table::SHARE_HEARTBEAT],
        table::SHARE_DESCRIBE => &[table::SHARE_DESCRIBE_TOPIC],
        table::SHARE_DESCRIBE_TOPIC => &[table::SHARE_DESCRIBE],
        table::SHARE_FETCH => &[table::SHARE_FETCH_TOPIC],
        table::SHARE_FETCH_TOPIC => &[table::SHARE_FETCH],
        table::SHARE_ACKNOWLEDGE => &[table::SHARE_ACKNOWLEDGE_TOPIC],
        table::SHARE_ACKNOWLEDGE_TOPIC => &[table::SHARE_ACKNOWLEDGE],
        table::SHARE_OFFSETS => &[table::SHARE_OFFSETS_TOPIC],
        table::SHARE_OFFSETS_TOPIC => &[table::SHARE_OFFSETS],
        table::ALTER_SHARE_OFFSETS => &[table::ALTER_SHARE_OFFSETS_TOPIC],
        table::ALTER_SHARE_OFFSETS_TOPIC => &[table::ALTER_SHARE_OFFSETS],
        table::DELETE_SHARE_OFFSETS => &[table::DELETE_SHARE_OFFSETS_TOPIC],
        table::DELETE_SHARE_OFFSETS_TOPIC => &[table::DELETE_SHARE_OFFSETS],
        table::OFFSET_COMMIT => &[table::OFFSET_COMMIT_TOPIC],
        table::OFFSET_COMMIT_TOPIC => &[table::OFFSET_COMMIT],
        table::OFFSET_FETCH => &[table::OFFSET_FETCH_TOPIC],
        table::OFFSET_FETCH_TOPIC => &[table::OFFSET_FETCH],
        table::CREATE_TOPICS | table::CREATE_TOPICS_ANY => &[table::CREATE_TOPICS_CONFIGS],
        table::CREATE_TOPICS_CONFIGS => &[table::CREATE_TOPICS],
        table::DELETE_TOPICS_NAME => &[table::DELETE_TOPICS_ANY],
        table::ADD_PARTITIONS => &[table::ADD_PARTITIONS_TOPIC],
        table::ADD_PARTITIONS_TOPIC => &[table::ADD_PARTITIONS],
        table::ADD_OFFSETS => &[table::ADD_OFFSETS_GROUP],
        table::ADD_OFFSETS_GROUP => &[table::ADD_OFFSETS],
        table::COMMIT_IN_TRANSACTION => {
            &[table::COMMIT_IN_TRANSACTION_GROUP, table::COMMIT_IN_TRANSACTION_TOPIC]
        }
        table::COMMIT_IN_TRANSACTION_GROUP => {
            &[table::COMMIT_IN_TRANSACTION, table::COMMIT_IN_TRANSACTION_TOPIC]
        }
        table::COMMIT_IN_TRANSACTION_TOPIC => {
            &[table::COMMIT_IN_TRANSACTION, table::COMMIT_IN_TRANSACTION_GROUP]
        }
        table::OFFSET_DELETE => &[table::OFFSET_DELETE_TOPIC],
        table::OFFSET_DELETE_TOPIC => &[table::OFFSET_DELETE],
        table::DESCRIBE_TRANSACTIONS_TOPIC => &[table::DESCRIBE_TRANSACTIONS],
        table::MEMBER_HEARTBEAT => &[table::MEMBER_HEARTBEAT_TOPIC],
        table::MEMBER_HEARTBEAT_TOPIC => &[table::MEMBER_HEARTBEAT],
        table::DESCRIBE_MEMBERS => &[table::DESCRIBE_MEMBERS_TOPIC],
        table::DESCRIBE_MEMBERS_TOPIC => &[table::DESCRIBE_MEMBERS],
        _ => &[],
    }
}

fn given(right: &Right) -> AclCreation<'static> {
    let wildcard = right.resource != ResourceType::Cluster;
    let name = if wildcard { WILDCARD } else { CLUSTER_NAME };
    binding(right.operation, right.resource, name, Permission::Allow)
}

/// Rights near the one that is needed, and not it.
fn wrong(right: &Right) -> Vec<(&'static str, AclCreation<'static>)> {
    // Neither implies another one.
    let operation = match right.operation {
        AclOperation::DescribeConfigs => AclOperation::Create,
        _ => AclOperation::DescribeConfigs,
    };
    let (resource, name) = (right.resource, resource_of(right));
    let mut wrong =
        vec![("another operation", binding(operation, resource, name, Permission::Allow))];
    // On any topic means on any topic, and there is but one cluster.
    if *right != table::INIT_PRODUCER_TOPIC && resource != ResourceType::Cluster {
        let other = binding(right.operation, resource, "another", Permission::Allow);
        wrong.push(("another resource", other));
    }
    let elsewhere = match resource {
        ResourceType::Topic => ResourceType::Group,
        _ => ResourceType::Topic,
    };
    // A right on topics may be the other way to do the same.
    if !RIGHTS.iter().any(|it| it.api == right.api && it.resource == elsewhere) {
        let other = binding(right.operation, elsewhere, WILDCARD, Permission::Allow);
        wrong.push(("another type of resources", other));
    }
    wrong
}

#[test]
fn every_api_needs_exactly_the_rights_of_the_table() {
    let scene = Scene::begin();
    let (mut admin, mut root) = (scene.admin(), scene.connect("admin", "root"));
    let mut alice = scene.connect("alice", "wonder");
    samples::set_up(&mut root);
    samples::make_token(&mut root);
    for right in RIGHTS.iter().filter(|right| right.api.info().advertised.is_some()) {
        let others: Vec<_> = others(right).iter().map(given).collect();
        let exact = binding(right.operation, right.resource, resource_of(right), Permission::Allow);
        let denied = AclCreation { permission_type: Permission::Deny.code(), ..exact.clone() };
        let mut cases = vec![("no right", vec![], false)];
        cases.extend(wrong(right).into_iter().map(|(what, it)| (what, vec![it], false)));
        if *right != table::INIT_PRODUCER_TOPIC {
            cases.push(("the right, denied", vec![exact.clone(), denied], false));
        }
        cases.push(("the right", vec![exact], true));
        for (what, bindings, expected) in cases {
            give(&mut admin, [others.clone(), bindings].concat());
            let allowed = samples::ask(&mut alice, &mut root, right);
            assert_eq!(allowed, expected, "with {what}: {right:?}");
        }
    }
    for api in APIS.iter().filter(|api| api.advertised.is_some()) {
        let is_free = table::FREE.iter().any(|(free, _)| *free == api.key);
        let is_walked = RIGHTS.iter().any(|right| right.api == api.key);
        assert!(is_free || is_walked, "{} has no line in the table of rights", api.name);
    }
}

/// Sends a record and reads the topic from its beginning, as carol.
async fn write_and_read(config: ClientConfig, endpoint: Endpoint) -> Result<usize, ClientError> {
    let cluster = corelog_client::Cluster::connect(&[endpoint], config).await?;
    let producer = Producer::new(&cluster, ProducerConfig::default()).await?;
    producer.send(&Message::of_value(samples::TOPIC, b"v")).await?.await?;
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    consumer.assign(samples::TOPIC, Partitions::All, From::Beginning).await?;
    let mut found = 0;
    while found == 0 {
        found += consumer.poll(Duration::from_millis(200)).await?.len();
    }
    Ok(found)
}

#[test]
fn a_user_of_scram_is_refused_and_then_allowed_to_write_and_read() {
    let scene = Scene::begin();
    let mut admin = scene.admin();
    samples::set_up(&mut scene.connect("admin", "root"));
    let set = SetPassword {
        user: "carol".to_owned(),
        hash: Hash::Sha512,
        password: Secret::new("first"),
        iterations: NonZeroU32::new(4096).expect("not zero"),
    };
    admin.set_password(&set).expect("super users may set passwords");
    let login = Login::Scram {
        hash: Hash::Sha512,
        user: "carol".to_owned(),
        password: Secret::new("first"),
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime can be made");
    let works = || {
        let config = Scene::config(login.clone());
        runtime.block_on(write_and_read(config, scene.endpoint.clone()))
    };
    let refused = works().unwrap_err();
    let expected = [ErrorCode::ClusterAuthorizationFailed, ErrorCode::TopicAuthorizationFailed];
    assert!(refused.code().is_some_and(|code| expected.contains(&code)), "{refused}");
    let right = |operation| AclCreation {
        principal: "User:carol".into(),
        resource_pattern_type: PatternType::Prefixed.code(),
        ..binding(operation, ResourceType::Topic, samples::TOPIC, Permission::Allow)
    };
    let creations = vec![right(AclOperation::Write)];
    admin.create_acls(&CreateAcls { creations }).expect("rights are given");
    let refused = works().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TopicAuthorizationFailed), "to read: {refused}");
    let creations = vec![right(AclOperation::Read)];
    admin.create_acls(&CreateAcls { creations }).expect("rights are given");
    assert_eq!(works(), Ok(2), "both records are there");
    // Carol may not give herself more.
    let cluster = Cluster::connect(std::slice::from_ref(&scene.endpoint), Scene::config(login));
    let mut carol = Admin::new(cluster.expect("the password is right"));
    let refused = carol.set_password(&set).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::ClusterAuthorizationFailed));
    let creations = vec![right(AclOperation::All)];
    let refused = carol.create_acls(&CreateAcls { creations }).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::ClusterAuthorizationFailed));
    let topics: Vec<String> =
        carol.list_topics().expect("what is seen").into_iter().map(|(name, _)| name).collect();
    assert_eq!(topics, [samples::TOPIC], "the others are hidden");
}

#[test]
fn rights_survive_a_restart_and_mean_nothing_without_an_authorizer() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data())
        .set("authorizer.class.name", STANDARD)
        .set("super.users", "User:ANONYMOUS");
    let endpoint = launch.endpoint();
    let connect = || {
        let cluster = Cluster::connect(std::slice::from_ref(&endpoint), ClientConfig::default());
        Admin::new(cluster.expect("the broker answers"))
    };
    let broker = launch.start();
    let creations = vec![binding(AclOperation::Read, ResourceType::Topic, "t", Permission::Allow)];
    connect().create_acls(&CreateAcls { creations: creations.clone() }).expect("a right is given");
    broker.kill();
    let broker = launch.start();
    let found = connect().list_acls(&everything_of("User:alice")).expect("rights are told");
    assert_eq!(found, creations);
    broker.kill();
    let mut launch = launch.set("authorizer.class.name", "");
    let _broker = launch.start();
    let refused = connect().list_acls(&everything_of("User:alice")).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::SecurityDisabled));
}
