//! TLS and SASL out of Kafka's keys.

use corelog_security::scram::Hash;
use corelog_security::tls::{ClientAuth, Versions};
use corelog_security::{Mechanism, Secret};

use super::super::security::{SaslConfig, Store, TlsConfig};
use super::*;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                     username=\"x\" user_alice=\"hunter2\" user_bob=builder;";

fn listener(text: &str) -> Listener {
    file(text).config().listeners.remove(0)
}

fn tls(text: &str) -> TlsConfig {
    listener(text).tls.expect("the listener has TLS")
}

fn sasl(text: &str) -> SaslConfig {
    listener(text).sasl.expect("the listener has SASL")
}

/// Checks that a configuration has one problem, that it says this, and shows no secret.
#[track_caller]
fn refuse(text: &str, part: &str) {
    let problems = file(text).result().unwrap_err();
    assert!(problems.len() == 1 && problems[0].contains(part), "{text}: {problems:?}");
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn a_listener_takes_its_own_keys_before_those_of_all() {
    let text = "listeners=SSL://:9093\nssl.keystore.location=/a\nssl.truststore.location=/b\n\
                ssl.client.auth=required\nssl.enabled.protocols=TLSv1.3\n";
    let config = tls(text);
    let trust_store = Some(Store::File("/b".into()));
    assert_eq!((config.key_store, config.trust_store), (Store::File("/a".into()), trust_store));
    assert_eq!((config.client_auth, config.versions), (ClientAuth::Required, Versions::Only13));
    let own = format!(
        "{text}listener.name.ssl.ssl.keystore.location=/c\nlistener.name.ssl.ssl.client.auth=none"
    );
    let config = tls(&own);
    assert_eq!(config.key_store, Store::File("/c".into()));
    assert_eq!(config.client_auth, ClientAuth::None);
}

#[test]
fn lists_of_revoked_certificates_need_a_listener_that_asks_for_certificates() {
    let text = "listeners=SSL://:9093\nssl.keystore.location=/a\nssl.truststore.location=/b\n";
    let set = "corelog.ssl.crl.location=/crl.pem\n";
    assert_eq!(tls(&format!("{text}ssl.client.auth=required")).revoked, None);
    let revoked = tls(&format!("{text}ssl.client.auth=requested\n{set}")).revoked;
    assert_eq!(revoked, Some("/crl.pem".into()));
    refuse(&format!("{text}{set}"), "no listener asks clients for certificates");
    refuse(set, "no listener asks clients for certificates");
    let own = "listener.name.ssl.corelog.ssl.crl.location=/crl.pem\n";
    refuse(&format!("{text}{own}"), "SSL asks clients for no certificates");
}

#[test]
fn a_key_store_may_stand_in_the_configuration() {
    let config = tls("listeners=SSL://:9093\nssl.keystore.key=hunter2\n\
                      ssl.keystore.certificate.chain=-----BEGIN\\n");
    let chain = ("-----BEGIN".to_owned(), Secret::new("hunter2"));
    assert_eq!(config.key_store, Store::Inline(chain));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn listeners_without_tls_and_sasl_have_none() {
    let listener = listener("listeners=PLAINTEXT://:9092\nssl.keystore.location=/a");
    assert_eq!((listener.tls, listener.sasl), (None, None));
}

#[test]
fn tls_that_cannot_be_is_refused() {
    let tls = "listeners=SSL://:9093\n";
    refuse(tls, "ssl.keystore.location= (default) is missing, but SSL has TLS");
    refuse(&format!("{tls}ssl.keystore.key=hunter2"), "is only half of a key store");
    let stored = format!("{tls}ssl.keystore.location=/a\n");
    refuse(&format!("{stored}ssl.keystore.key=hunter2"), "is set beside the key store itself");
    refuse(&format!("{stored}ssl.keystore.type=JKS"), "is not PEM");
    refuse(&format!("{stored}ssl.keystore.password=hunter2"), "ssl.keystore.password=[hidden]");
    refuse(&format!("{stored}ssl.key.password=hunter2"), "ssl.key.password=[hidden]");
    refuse(&format!("{stored}ssl.client.auth=required"), "needs authorities");
    refuse(&format!("{stored}ssl.enabled.protocols="), "is empty");
    refuse(&format!("{stored}ssl.enabled.protocols=TLSv1"), "names \"TLSv1\"");
    refuse(&format!("{stored}ssl.principal.mapping.rules=x"), "neither DEFAULT nor RULE");
    refuse(
        &format!("{stored}ssl.cipher.suites=NULL"),
        "cipher suites are those of the TLS library",
    );
    let trusted = format!("{stored}ssl.truststore.location=/a\nssl.truststore.certificates=x");
    refuse(&trusted, "is set beside ssl.truststore.certificates");
}

#[test]
fn with_sasl_certificates_are_asked_for_only_by_the_listener_itself() {
    let text = "listeners=SASL_SSL://:9093\nssl.keystore.location=/a\n\
                ssl.truststore.location=/b\nssl.client.auth=required\n";
    assert_eq!(tls(text).client_auth, ClientAuth::None);
    let own = format!("{text}listener.name.sasl_ssl.ssl.client.auth=required");
    assert_eq!(tls(&own).client_auth, ClientAuth::Required);
}

#[test]
fn users_of_plain_are_those_of_the_login_module() {
    let config = sasl(&format!(
        "listeners=SASL_PLAINTEXT://:9092\nsasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN\n\
         connections.max.reauth.ms=60000\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config={PLAIN}",
    ));
    assert_eq!(
        config.mechanisms.iter().map(|it| it.name()).collect::<Vec<_>>(),
        ["SCRAM-SHA-512", "PLAIN"]
    );
    assert_eq!(config.plain.0["alice"], Secret::new("hunter2"));
    assert_eq!(config.plain.0.len(), 2);
    assert_eq!(config.login_time_max, Some(Duration::from_secs(60)));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn by_default_other_machines_reach_neither_listeners_nor_metrics() {
    let config = file("").config();
    assert!(config.listeners.iter().all(|listener| listener.listen.is_loopback()));
    assert!(config.metrics_listen.as_ref().is_some_and(Endpoint::is_loopback));
    assert_eq!(config.warnings(), [""; 0]);
    let config = file("corelog.metrics.listen=0.0.0.0:9644\nlisteners=PLAINTEXT://:9092").config();
    let warnings = config.warnings();
    let warns = |part| warnings.iter().any(|warning: &String| warning.contains(part));
    assert!(warns("9092 is reachable from other machines, without authentication"), "{warnings:?}");
    assert!(warns("9644 shows metrics to other machines, without authentication"), "{warnings:?}");
}

#[test]
fn only_scram_is_offered_unless_more_is_asked_for() {
    let mechanisms = [Mechanism::Scram(Hash::Sha256), Mechanism::Scram(Hash::Sha512)];
    assert_eq!(sasl("listeners=SASL_PLAINTEXT://:9092").mechanisms, mechanisms);
}

#[test]
fn scram_needs_no_further_keys() {
    let config = sasl("listeners=SASL_PLAINTEXT://:9092");
    assert!(config.mechanisms.iter().all(|it| matches!(it, Mechanism::Scram(_))));
    assert_eq!((config.login_time_max, config.receive_bytes_max), (None, 65_536));
}

#[test]
fn keys_of_tokens_are_a_file() {
    let text = "listeners=SASL_PLAINTEXT://:9092\nsasl.enabled.mechanisms=OAUTHBEARER\n\
                sasl.oauthbearer.jwks.endpoint.url=";
    let tokens = sasl(&format!("{text}file:/keys.json")).tokens.unwrap();
    assert_eq!(tokens.keys, PathBuf::from("/keys.json"));
    for url in ["", "https://id.example/keys", "file:keys.json"] {
        refuse(&format!("{text}{url}"), "is not the URL of a file");
    }
}

#[test]
fn sasl_that_cannot_be_is_refused() {
    let sasl = "listeners=SASL_PLAINTEXT://:9092\nsasl.enabled.mechanisms=";
    refuse(sasl, "is empty, but SASL_PLAINTEXT has SASL");
    refuse(&format!("{sasl}GSSAPI"), "names \"GSSAPI\"");
    let of = "listener.name.sasl_plaintext.plain.sasl.jaas.config";
    refuse(&format!("{sasl}PLAIN"), &format!("PLAIN is offered, but {of} names no user"));
    refuse(&format!("{sasl}PLAIN\n{of}=hunter2"), "does not begin with the class");
    refuse(&format!("sasl.jaas.config={PLAIN}"), "sasl.jaas.config=[hidden]");
}

#[test]
fn keys_for_a_listener_that_is_none_are_refused() {
    refuse("listener.name.other.ssl.client.auth=required", "is for OTHER, which is no name");
    refuse("listener.name.plaintext.ssl.client.aut=required", "there is no key");
    refuse("listener.name.plaintext.num.partitions=2", "there is no key");
    refuse("listener.name.plaintext.principal.builder.class=x", "written in Java");
    let ignored = "listener.name.plaintext.gssapi.sasl.kerberos.service.name=x";
    assert!(file(ignored).result().is_ok());
}

#[test]
fn delegation_tokens_need_a_key_which_is_never_shown() {
    let tokens = |text: &str| file(text).config().tokens;
    assert_eq!(tokens("").key, None);
    assert_eq!(tokens("delegation.token.secret.key=").key, None);
    let text = "delegation.token.secret.key=hunter2\ndelegation.token.max.lifetime.ms=2000\n\
                delegation.token.expiry.time.ms=1000\n\
                delegation.token.expiry.check.interval.ms=500\n";
    let tokens = tokens(text);
    assert_eq!(tokens.key, Some(Secret::new("hunter2")));
    assert_eq!((tokens.times.lifetime_ms_max, tokens.times.expiry_ms), (2000, 1000));
    assert_eq!(tokens.check_ms, 500);
    assert!(!format!("{tokens:?}").contains("hunter2"));
    refuse("delegation.token.expiry.time.ms=0", "delegation.token.expiry.time.ms");
}
