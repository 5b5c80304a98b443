//! Rights out of Kafka's keys.

use corelog_cluster::{Authorizer, Unmentioned};

use super::*;

const ON: &str = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n";

fn authorizer(text: &str) -> Option<Authorizer> {
    file(text).config().authorizer
}

#[test]
fn rights_count_where_the_authorizer_is_named() {
    assert_eq!(authorizer(""), None);
    assert_eq!(authorizer("authorizer.class.name=\nsuper.users=User:a"), None);
    assert_eq!(authorizer(ON), Some(Authorizer::default()));
    let given = authorizer(&format!(
        "{ON}super.users= User:CN=a,O=b; User:c ;\nallow.everyone.if.no.acl.found=true"
    ));
    let super_users = ["User:CN=a,O=b".to_owned(), "User:c".to_owned()].into();
    assert_eq!(given, Some(Authorizer { super_users, unmentioned: Unmentioned::Allowed }));
}

#[test]
fn authorizers_and_users_that_cannot_be_are_refused() {
    let refuse = |text: &str, part: &str| {
        let problems = file(text).result().unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(part), "{text}: {problems:?}");
    };
    refuse("authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "known words");
    refuse(&format!("{ON}super.users=alice"), "names \"alice\", which is no principal");
    refuse("super.users=User:", "which is no principal");
}

#[test]
fn a_listener_that_knows_its_clients_and_limits_none_is_warned_about() {
    let warnings = |text: &str| file(text).config().warnings();
    let sasl = "listeners=SASL_PLAINTEXT://127.0.0.1:9092\n";
    assert!(warnings(sasl)[0].starts_with("clients of SASL_PLAINTEXT say who they are"));
    let tls = "listeners=SSL://127.0.0.1:9092\nssl.keystore.location=/a\n";
    assert_eq!(warnings(tls), Vec::<String>::new());
    let mutual = format!("{tls}ssl.truststore.location=/b\nssl.client.auth=required\n");
    assert_eq!(warnings(&mutual).len(), 1);
    assert!(warnings(&format!("{sasl}{ON}"))[0].starts_with("super.users is empty"));
    assert_eq!(warnings(&format!("{sasl}{ON}super.users=User:a")), Vec::<String>::new());
}
