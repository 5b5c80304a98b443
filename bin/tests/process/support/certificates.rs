//! Certificates made on the spot: an authority, a server and clients.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

/// An authority and the folder with what it has made.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// The serial number of the certificate in each file.
    serials: RefCell<BTreeMap<String, u64>>,
}

impl Authority {
    /// A new authority; its certificate is in `ca.pem`.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a certificate");
        fs::write(folder.join("ca.pem"), issuer.pem()).expect("a file can be written");
        Self { issuer, folder: folder.to_owned(), serials: RefCell::default() }
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
        let serial = self.serials.borrow().len() as u64 + 1;
        self.serials.borrow_mut().insert(file.to_owned(), serial);
        parameters.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().expect("a key pair");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        let path = self.folder.join(file);
        let text = format!("{}{}", key.serialize_pem(), certificate.pem());
        fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Writes into `crl.pem` that the certificates in these files are revoked. It counts until the
    /// first day of a year.
    pub(crate) fn revoke(&self, files: &[&str], until: i32) -> PathBuf {
        let issued = date_time_ymd(2020, 1, 1);
        let revoked = |file: &&str| RevokedCertParams {
            serial_number: SerialNumber::from(self.serials.borrow()[*file]),
            revocation_time: issued,
            reason_code: None,
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update: issued,
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: files.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = parameters.signed_by(&self.issuer).expect("a list");
        let path = self.folder.join("crl.pem");
        fs::write(&path, list.pem().expect("a text")).expect("a file can be written");
        path
    }
}
