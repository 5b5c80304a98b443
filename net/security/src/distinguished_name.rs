//! The subject of a certificate as a text, as Java writes it (RFC 2253): Kafka's mapping rules and
//! the names in ACLs are written for this form.

use std::fmt::Write;

use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{BmpString, TeletexStringRef};
use x509_cert::der::{Decode, Encode, Tag, Tagged};

/// The attributes that have a keyword; all others are written as numbers.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// Why a certificate has no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read: {0}")]
pub struct UnreadableCertificate(String);

/// The subject of a certificate in DER, the most specific part first.
pub fn subject_of(certificate: &[u8]) -> Result<String, UnreadableCertificate> {
    let unreadable = |error: x509_cert::der::Error| UnreadableCertificate(error.to_string());
    let certificate = Certificate::from_der(certificate).map_err(unreadable)?;
    let mut text = String::new();
    for name in certificate.tbs_certificate.subject.0.iter().rev() {
        if !text.is_empty() {
            text.push(',');
        }
        for (position, attribute) in name.0.iter().enumerate() {
            if position > 0 {
                text.push('+');
            }
            write_attribute(&mut text, attribute).map_err(unreadable)?;
        }
    }
    Ok(text)
}

fn write_attribute(
    text: &mut String,
    attribute: &AttributeTypeAndValue,
) -> Result<(), x509_cert::der::Error> {
    let number = attribute.oid.to_string();
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == number);
    match (keyword, string_of(attribute)) {
        (Some((_, keyword)), Some(value)) => {
            text.push_str(keyword);
            text.push('=');
            write_escaped(text, &value);
        }
        (keyword, _) => {
            text.push_str(keyword.map_or(number.as_str(), |(_, keyword)| keyword));
            text.push_str("=#");
            for byte in attribute.value.to_der()? {
                write!(text, "{byte:02x}").expect("a text takes everything");
            }
        }
    }
    Ok(())
}

/// The value, if it is one of the kinds of text.
fn string_of(attribute: &AttributeTypeAndValue) -> Option<String> {
    let value = &attribute.value;
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(value.value().to_vec()).ok()
        }
        Tag::TeletexString => {
            value.decode_as::<TeletexStringRef<'_>>().ok().map(|it| it.to_string())
        }
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|it| it.to_string()),
        _ => None,
    }
}

fn write_escaped(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (position, character) in value.chars().enumerate() {
        let is_edge_space = character == ' ' && (position == 0 || position == last);
        if is_edge_space
            || matches!(character, ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\')
        {
            text.push('\\');
        }
        match character {
            '\0' => text.push_str("\\00"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};

    use super::*;

    fn subject(parts: &[(DnType, &str)]) -> String {
        let mut parameters = CertificateParams::default();
        parameters.custom_extensions = Vec::<CustomExtension>::new();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in parts {
            parameters.distinguished_name.push(kind.clone(), *value);
        }
        let key = KeyPair::generate().unwrap();
        subject_of(parameters.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn the_most_specific_part_comes_first() {
        let parts = [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Example"),
            (DnType::OrganizationalUnitName, "Log"),
            (DnType::CommonName, "größe"),
        ];
        assert_eq!(subject(&parts), "CN=größe,OU=Log,O=Example,C=DE");
        assert_eq!(subject(&[]), "");
    }

    #[test]
    fn signs_that_mean_something_are_escaped() {
        let name = subject(&[(DnType::CommonName, " a,b=c+d\"e\\f<g>;#  ")]);
        assert_eq!(name, "CN=\\ a\\,b\\=c\\+d\\\"e\\\\f\\<g\\>\\;\\# \\ ");
    }

    #[test]
    fn attributes_without_a_keyword_are_numbers() {
        let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        let name = subject(&[(DnType::CommonName, "a"), (email, "b")]);
        assert_eq!(name, "1.2.840.113549.1.9.1=#0c0162,CN=a");
    }

    #[test]
    fn what_is_no_certificate_has_no_name() {
        assert!(subject_of(b"").is_err() && subject_of(&[0x30, 0x80, 1, 2]).is_err());
    }
}
