//! TLS settings out of PEM texts, for servers and for clients.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::Secret;
use crate::revocation::lists;
use crate::unnamed_server::AnyName;

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A text is no PEM, or has none of what it should have.
    #[error("the {what} cannot be read: {why}")]
    Pem {
        /// Which text.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The private key is behind a password.
    #[error("the private key is encrypted, which is not supported")]
    EncryptedKey,
    /// The next list of revoked certificates is overdue.
    #[error("the list of revoked certificates of {issuer} counts until {end} only")]
    ListExpired {
        /// Whose list it is.
        issuer: String,
        /// When the next one was due.
        end: String,
    },
    /// What was read cannot be used.
    #[error("{0}")]
    Unusable(String),
}

/// A certificate with those that vouch for it, and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificates, that of the owner first.
    pub chain: String,
    /// The private key, PKCS#8, PKCS#1 or SEC1.
    pub key: Secret,
}

/// Whether clients show certificates (`ssl.client.auth`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No.
    #[default]
    None,
    /// Those who want.
    Requested,
    /// All of them.
    Required,
}

/// Versions of TLS. Never none: such a value cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3
    Both,
    /// 1.2 only
    Only12,
    /// 1.3 only
    Only13,
}

impl Versions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self {
            Self::Both => &BOTH,
            Self::Only12 => &BOTH[1..],
            Self::Only13 => &BOTH[..1],
        }
    }
}

/// What a listener with TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Who the server is.
    pub identity: Identity,
    /// Authorities that vouch for clients, in PEM.
    pub trusted: Option<String>,
    /// Lists of revoked certificates, in PEM; one of each authority in the chain of a client, or it
    /// does not come in. Beyond their time nobody does.
    pub revoked: Option<String>,
    /// Whether clients show certificates; needs `trusted`, unless none do.
    pub client_auth: ClientAuth,
    /// Which versions are spoken.
    pub versions: Versions,
}

/// How a client checks the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerNames {
    /// The certificate must be for the host that was asked for.
    #[default]
    Checked,
    /// Any certificate of a trusted authority will do
    /// (`ssl.endpoint.identification.algorithm` empty).
    Ignored,
}

/// What a client with TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// Authorities that vouch for servers, in PEM.
    pub trusted: String,
    /// Who the client is, if servers ask.
    pub identity: Option<Identity>,
    /// Whether the host's name is checked.
    pub server_names: ServerNames,
    /// Which versions are spoken.
    pub versions: Versions,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable(error: impl std::fmt::Display) -> TlsError {
    TlsError::Unusable(error.to_string())
}

impl ServerTls {
    /// The settings as connections use them. Sessions are resumed only between connections of one
    /// value, so a new one asks everybody anew.
    pub fn build(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let (chain, key) = self.identity.parse()?;
        let builder = ServerConfig::builder_with_provider(provider());
        let builder =
            builder.with_protocol_versions(self.versions.supported()).map_err(unusable)?;
        let builder = if self.client_auth == ClientAuth::None {
            builder.with_no_client_auth()
        } else {
            let trusted = self.trusted.as_deref().unwrap_or_default();
            let roots = Arc::new(roots(trusted)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = match &self.revoked {
                Some(pem) => verifier.with_crls(lists(pem)?).enforce_revocation_expiration(),
                None => verifier,
            };
            let verifier = match self.client_auth {
                ClientAuth::Requested => verifier.allow_unauthenticated(),
                ClientAuth::Required | ClientAuth::None => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        };
        Ok(Arc::new(builder.with_single_cert(chain, key).map_err(unusable)?))
    }
}

impl ClientTls {
    /// The settings as connections use them.
    pub fn build(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder =
            builder.with_protocol_versions(self.versions.supported()).map_err(unusable)?;
        let roots = Arc::new(roots(&self.trusted)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
        let verifier = verifier.build().map_err(unusable)?;
        let verifier: Arc<dyn ServerCertVerifier> = match self.server_names {
            ServerNames::Checked => verifier,
            ServerNames::Ignored => Arc::new(AnyName::of(verifier)),
        };
        // Both ways check the chain: what is "dangerous" here is only that the check is ours.
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.parse()?;
                builder.with_client_auth_cert(chain, key).map_err(unusable)?
            }
        };
        Ok(Arc::new(config))
    }
}

impl Identity {
    fn parse(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = certificates("certificate chain", &self.chain)?;
        let key = self.key.reveal();
        if key.contains("ENCRYPTED") {
            return Err(TlsError::EncryptedKey);
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        // The error is not shown: it might quote what it could not read.
        let why = || "it has no private key in PEM".to_owned();
        Ok((chain, key.map_err(|_| TlsError::Pem { what: "private key", why: why() })?))
    }
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let parsed = parsed.map_err(|error| TlsError::Pem { what, why: error.to_string() })?;
    if parsed.is_empty() {
        return Err(TlsError::Pem { what, why: "it has no certificate in PEM".to_owned() });
    }
    Ok(parsed)
}

fn roots(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("trust store", pem)? {
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}
