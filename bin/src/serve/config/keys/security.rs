//! Kafka's keys about TLS and SASL. Each may also be set for one listener, as
//! `listener.name.NAME.KEY`; some only so, with the mechanism in front of the key.

use super::Unit::{Bytes, Count, Milliseconds, Other};
use super::{Key, Kind};

const DELAY_OR_NONE: Kind = Kind::Integer { min: 0, max: i64::MAX, unit: Milliseconds };

const TOKEN_TIME: Kind = Kind::Integer { min: 1, max: i64::MAX, unit: Milliseconds };

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "ssl.keystore.type",
        Kind::Text,
        "PEM",
        "Format of ssl.keystore.location. Only PEM is read.",
    ),
    Key::broker(
        "ssl.keystore.location",
        Kind::Text,
        "",
        "File with the private key and the certificates of this server, in PEM.",
    ),
    Key::broker(
        "ssl.keystore.certificate.chain",
        Kind::Text,
        "",
        "The certificates of this server in PEM, instead of ssl.keystore.location.",
    ),
    Key::broker(
        "ssl.keystore.key",
        Kind::Password,
        "",
        "The private key in PEM, beside ssl.keystore.certificate.chain.",
    ),
    Key::broker(
        "ssl.keystore.password",
        Kind::Password,
        "",
        "Must be empty: PEM files have no password.",
    ),
    Key::broker(
        "ssl.key.password",
        Kind::Password,
        "",
        "Must be empty: encrypted private keys are not read.",
    ),
    Key::broker(
        "ssl.truststore.type",
        Kind::Text,
        "PEM",
        "Format of ssl.truststore.location. Only PEM is read.",
    ),
    Key::broker(
        "ssl.truststore.location",
        Kind::Text,
        "",
        "File with the authorities that vouch for clients, in PEM.",
    ),
    Key::broker(
        "ssl.truststore.certificates",
        Kind::Text,
        "",
        "The authorities in PEM, instead of ssl.truststore.location.",
    ),
    Key::broker(
        "ssl.truststore.password",
        Kind::Password,
        "",
        "Must be empty: PEM files have no password.",
    ),
    Key::broker(
        "ssl.client.auth",
        Kind::Choice(&["none", "requested", "required"]),
        "none",
        "Whether clients show certificates. With SASL only if set for the listener itself.",
    ),
    Key::broker(
        "corelog.ssl.crl.location",
        Kind::Text,
        "",
        "File with lists of revoked certificates (CRL) in PEM, one of each authority in the chains \
         of clients. Without a list that counts no certificate of that authority does.",
    ),
    Key::broker(
        "ssl.enabled.protocols",
        Kind::Choices(&["TLSv1.2", "TLSv1.3"]),
        "TLSv1.2,TLSv1.3",
        "Versions of TLS that are spoken.",
    ),
    Key::broker(
        "ssl.principal.mapping.rules",
        Kind::Text,
        "DEFAULT",
        "How the subject of a client's certificate becomes the name of a user.",
    ),
    Key::broker(
        "sasl.enabled.mechanisms",
        Kind::Choices(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
        "SCRAM-SHA-256,SCRAM-SHA-512",
        "How clients may log in.",
    ),
    Key::broker(
        "sasl.jaas.config",
        Kind::Password,
        "",
        "Must be empty: write listener.name.NAME.MECHANISM.sasl.jaas.config.",
    ),
    Key::broker(
        "sasl.server.max.receive.size",
        Kind::Integer { min: 1024, max: 1 << 20, unit: Bytes },
        "65536",
        "Largest request of a client that has not logged in.",
    ),
    Key::broker(
        "connections.max.reauth.ms",
        DELAY_OR_NONE,
        "0",
        "How long a login counts; then the client must log in again. 0: for ever.",
    ),
    Key::broker(
        "sasl.oauthbearer.jwks.endpoint.url",
        Kind::Text,
        "",
        "The keys that sign tokens: a JSON Web Key Set in a file, as file:/PATH.",
    ),
    Key::broker(
        "sasl.oauthbearer.expected.issuer",
        Kind::Text,
        "",
        "The issuer that a token must name. Empty: any.",
    ),
    Key::broker(
        "sasl.oauthbearer.expected.audience",
        Kind::List,
        "",
        "The audiences of which a token must name one. Empty: any.",
    ),
    Key::broker(
        "sasl.oauthbearer.sub.claim.name",
        Kind::Text,
        "sub",
        "The claim of a token that names the user.",
    ),
    Key::broker(
        "sasl.oauthbearer.clock.skew.seconds",
        Kind::Integer { min: 0, max: 3600, unit: Other },
        "30",
        "How far the clocks of the issuer and of this server may differ.",
    ),
    Key::broker(
        "delegation.token.secret.key",
        Kind::Password,
        "",
        "The key that delegation tokens are made with, the same on every broker. Empty: none.",
    ),
    Key::broker(
        "delegation.token.max.lifetime.ms",
        TOKEN_TIME,
        "604800000",
        "How long a delegation token lives at most, however often it is renewed.",
    ),
    Key::broker(
        "delegation.token.expiry.time.ms",
        TOKEN_TIME,
        "86400000",
        "How long a delegation token counts before it must be renewed.",
    ),
    Key::broker(
        "delegation.token.expiry.check.interval.ms",
        Kind::Integer { min: 1, max: 2_147_483_647, unit: Milliseconds },
        "3600000",
        "How often delegation tokens that have expired are removed.",
    ),
    Key::broker(
        "connection.failed.authentication.delay.ms",
        Kind::Integer { min: 0, max: 60_000, unit: Milliseconds },
        "100",
        "How late a failed login is answered.",
    ),
    Key::broker(
        "corelog.failed.logins.per.ip.max",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Count },
        "600",
        "Failed logins of one address in a minute on a core; then its connections are closed.",
    ),
    Key::broker(
        "corelog.login.timeout.ms",
        Kind::Integer { min: 100, max: 600_000, unit: Milliseconds },
        "10s",
        "Within this time a client must have finished its TLS handshake and logged in.",
    ),
];

/// Keys that exist only for a mechanism of a listener.
pub(super) static OF_MECHANISMS: &[Key] = &[
    Key::broker(
        "plain.sasl.jaas.config",
        Kind::Password,
        "",
        "The users of PLAIN: a PlainLoginModule with user_NAME=\"PASSWORD\" for each.",
    ),
    Key::broker(
        "scram-sha-256.sasl.jaas.config",
        Kind::Password,
        "",
        "A ScramLoginModule; users are kept in the cluster, so it has no options.",
    ),
    Key::broker(
        "scram-sha-512.sasl.jaas.config",
        Kind::Password,
        "",
        "A ScramLoginModule; users are kept in the cluster, so it has no options.",
    ),
    Key::broker(
        "oauthbearer.sasl.jaas.config",
        Kind::Password,
        "",
        "An OAuthBearerLoginModule; it has no options.",
    ),
];
