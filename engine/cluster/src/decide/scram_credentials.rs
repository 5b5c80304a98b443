//! Sets and removes the passwords of users for SCRAM (KIP-554). A user succeeds or fails as a
//! whole, with all its mechanisms.

use std::collections::BTreeMap;

use corelog_model::ErrorCode;
use thiserror::Error;

use crate::image::ClusterImage;
use crate::record::MetadataRecord;
use crate::scram::{ScramCredential, ScramMechanism, ScramUser};

/// The fewest rounds of hashing that a password may have, as in Kafka.
pub const ITERATIONS_MIN: i32 = 4096;

/// The most rounds of hashing, as in Kafka: clients do them at each login.
pub const ITERATIONS_MAX: i32 = 16_384;

/// The most bytes of a user's name.
pub const USER_BYTES_MAX: usize = 1024;

/// The most bytes of a salt.
pub const SALT_BYTES_MAX: usize = 1024;

/// How many credentials the cluster may have.
pub const CREDENTIALS_MAX: usize = 100_000;

/// A request to alter credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlterScramCredentials {
    /// Which are removed. `None`: the client named a mechanism that is unknown.
    pub deletions: Vec<(String, Option<ScramMechanism>)>,
    /// Which are set.
    pub upsertions: Vec<(String, Option<ScramMechanism>, ScramCredential)>,
}

/// Why the credentials of a user are not altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AlterScramError {
    /// `UNACCEPTABLE_CREDENTIAL`
    #[error("the name of a user has 1 to {USER_BYTES_MAX} bytes")]
    UserName,
    /// `UNSUPPORTED_SASL_MECHANISM`
    #[error("unknown SCRAM mechanism")]
    UnknownMechanism,
    /// `UNACCEPTABLE_CREDENTIAL`
    #[error("too few iterations, at least {ITERATIONS_MIN} are needed")]
    TooFewIterations,
    /// `UNACCEPTABLE_CREDENTIAL`
    #[error("too many iterations, {ITERATIONS_MAX} are the most")]
    TooManyIterations,
    /// `UNACCEPTABLE_CREDENTIAL`
    #[error("the salt has 1 to {SALT_BYTES_MAX} bytes, and the password is hashed")]
    Malformed,
    /// `UNACCEPTABLE_CREDENTIAL`
    #[error("the cluster has {CREDENTIALS_MAX} credentials, which is the most")]
    TooMany,
    /// `RESOURCE_NOT_FOUND`
    #[error("attempt to delete a user credential that does not exist")]
    NotFound,
    /// `DUPLICATE_RESOURCE`
    #[error("a user credential cannot be altered twice in the same request")]
    Duplicate,
}

impl AlterScramError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UserName
            | Self::TooFewIterations
            | Self::TooManyIterations
            | Self::Malformed
            | Self::TooMany => ErrorCode::UnacceptableCredential,
            Self::UnknownMechanism => ErrorCode::UnsupportedSaslMechanism,
            Self::NotFound => ErrorCode::ResourceNotFound,
            Self::Duplicate => ErrorCode::DuplicateResource,
        }
    }
}

/// A user, and what became of the credentials that were to be altered.
pub type UserResult = (String, Result<(), AlterScramError>);

/// Decides which credentials change: the records, and one result for each user, by name.
pub fn alter_scram_credentials(
    image: &ClusterImage,
    request: &AlterScramCredentials,
) -> (Vec<MetadataRecord>, Vec<UserResult>) {
    let mut users: BTreeMap<&str, Result<Vec<MetadataRecord>, AlterScramError>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut added = 0;
    let deletions = request.deletions.iter().map(|(name, mechanism)| (name, *mechanism, None));
    let upsertions = request.upsertions.iter();
    let upsertions = upsertions.map(|(name, mechanism, new)| (name, *mechanism, Some(new)));
    for (name, mechanism, new) in deletions.chain(upsertions) {
        let is_first = seen.insert((name, mechanism.map(ScramMechanism::code)));
        let made = check(name, mechanism).and_then(|of| match new {
            _ if !is_first => Err(AlterScramError::Duplicate),
            None => remove(image, of),
            Some(new) => {
                added += usize::from(image.scram_credential(&of).is_none());
                set(image, added, of, new)
            }
        });
        let user = users.entry(name).or_insert_with(|| Ok(Vec::new()));
        match (user.as_mut(), made) {
            (Ok(records), Ok(record)) => records.push(record),
            (Ok(_), Err(error)) => *user = Err(error),
            (Err(_), _) => {}
        }
    }
    let mut records = Vec::new();
    let results = users.into_iter().map(|(name, made)| {
        let result = made.map(|made| records.extend(made));
        (name.to_owned(), result)
    });
    let results = results.collect();
    (records, results)
}

fn check(name: &str, mechanism: Option<ScramMechanism>) -> Result<ScramUser, AlterScramError> {
    if name.is_empty() || name.len() > USER_BYTES_MAX {
        return Err(AlterScramError::UserName);
    }
    let mechanism = mechanism.ok_or(AlterScramError::UnknownMechanism)?;
    Ok(ScramUser { name: name.to_owned(), mechanism })
}

fn remove(image: &ClusterImage, of: ScramUser) -> Result<MetadataRecord, AlterScramError> {
    match image.scram_credential(&of) {
        Some(_) => Ok(MetadataRecord::ScramCredentialRemoved { of }),
        None => Err(AlterScramError::NotFound),
    }
}

fn set(
    image: &ClusterImage,
    added: usize,
    of: ScramUser,
    new: &ScramCredential,
) -> Result<MetadataRecord, AlterScramError> {
    if new.iterations < ITERATIONS_MIN {
        return Err(AlterScramError::TooFewIterations);
    }
    if new.iterations > ITERATIONS_MAX {
        return Err(AlterScramError::TooManyIterations);
    }
    let key_bytes = of.mechanism.key_bytes();
    let has_keys = new.stored_key.len() == key_bytes && new.server_key.len() == key_bytes;
    if new.salt.is_empty() || new.salt.len() > SALT_BYTES_MAX || !has_keys {
        return Err(AlterScramError::Malformed);
    }
    if image.scram_credentials().len() + added > CREDENTIALS_MAX {
        return Err(AlterScramError::TooMany);
    }
    Ok(MetadataRecord::ScramCredentialSet { of, credential: new.clone() })
}
