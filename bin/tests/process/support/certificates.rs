//! Certificates made on the spot: an authority, a server and clients.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};

/// An authority and the folder with what it has made.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// A new authority; its certificate is in `ca.pem`.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a certificate");
        fs::write(folder.join("ca.pem"), issuer.pem()).expect("a file can be written");
        Self { issuer, folder: folder.to_owned() }
    }

    /// The authority's certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Writes key and certificate of somebody into one file. Servers are on this machine.
    pub(crate) fn make(&self, file: &str, name: &str, unit: &str) -> PathBuf {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).expect("names of hosts");
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key pair");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        let path = self.folder.join(file);
        let text = format!("{}{}", key.serialize_pem(), certificate.pem());
        fs::write(&path, text).expect("a file can be written");
        path
    }
}
