//! Lists of revoked certificates (CRL, RFC 5280), out of PEM texts. A list counts until the time at
//! which the next one is due: nobody knows what has been revoked since.

use std::time::Duration;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use crate::tls::TlsError;

const WHAT: &str = "list of revoked certificates";

/// The lists of a text, at least one.
pub(crate) fn lists(pem: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let parsed: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(pem.as_bytes()).collect();
    let parsed = parsed.map_err(|error| unreadable(error.to_string()))?;
    if parsed.is_empty() {
        return Err(unreadable("it has no X509 CRL in PEM".to_owned()));
    }
    Ok(parsed)
}

/// Refuses a text with a list that does not count any more at `now`, a time since 1970.
pub fn check_times(pem: &str, now: Duration) -> Result<(), TlsError> {
    for list in lists(pem)? {
        let list =
            CertificateList::from_der(&list).map_err(|error| unreadable(error.to_string()))?;
        let Some(end) = list.tbs_cert_list.next_update else {
            return Err(unreadable("it does not say when the next one is due".to_owned()));
        };
        if end.to_unix_duration() <= now {
            let issuer = list.tbs_cert_list.issuer.to_string();
            return Err(TlsError::ListExpired { issuer, end: end.to_date_time().to_string() });
        }
    }
    Ok(())
}

fn unreadable(why: String) -> TlsError {
    TlsError::Pem { what: WHAT, why }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        IsCa, KeyIdMethod, KeyPair, SerialNumber, date_time_ymd,
    };

    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn list_until(year: i32) -> String {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap());
        let parameters = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.signed_by(&issuer.unwrap()).unwrap().pem().unwrap()
    }

    #[test]
    fn a_list_counts_until_the_next_one_is_due() {
        let list = list_until(1971);
        assert_eq!(check_times(&list, Duration::from_secs(YEAR.as_secs() - 1)), Ok(()));
        let late = check_times(&list, YEAR).unwrap_err();
        assert!(late.to_string().contains("1971-01-01T00:00:00Z"), "{late}");
        let both = format!("{}{list}", list_until(1980));
        assert_eq!(check_times(&both, YEAR), Err(late), "all of them must count");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(lists("").is_err() && lists("-----BEGIN X509 CRL-----").is_err());
        let garbage = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
        assert!(check_times(garbage, YEAR).is_err());
    }
}
