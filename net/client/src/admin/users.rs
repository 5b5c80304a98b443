//! Users that log in with SCRAM: listed, set and removed (KIP-554).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use corelog_security::scram::{Hash, SALT_BYTES};
use corelog_security::{Secret, random_bytes};
use corelog_wire::api::alter_user_scram_credentials::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use corelog_wire::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, ApiKey,
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, Text,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply};

/// By which mechanisms a user can log in, and how often its password is hashed for each.
pub type ScramUsers = BTreeMap<String, Vec<(Hash, i32)>>;

/// Kafka's number of a mechanism.
const fn code(hash: Hash) -> i8 {
    match hash {
        Hash::Sha256 => 1,
        Hash::Sha512 => 2,
    }
}

/// Lists the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListUsers;

impl Operation for ListUsers {
    type Request = DescribeUserScramCredentialsRequest<'static>;
    type Answer = ScramUsers;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeUserScramCredentialsRequest { users: None }
    }

    fn read(&self, reply: &Reply) -> Result<ScramUsers, ClientError> {
        let response: DescribeUserScramCredentialsResponse<'_> = reply.decode()?;
        let message = response.error_message.as_deref();
        let api = ApiKey::DescribeUserScramCredentials;
        ClientError::refused(api, "the users", response.error_code, message)?;
        let users = response.results.iter().map(|user| {
            let hashes = user.credential_infos.iter().filter_map(|info| {
                let hashes = [Hash::Sha256, Hash::Sha512];
                let hash = hashes.into_iter().find(|hash| code(*hash) == info.mechanism)?;
                Some((hash, info.iterations))
            });
            (user.user.clone().into_owned(), hashes.collect())
        });
        Ok(users.collect())
    }
}

/// Sets the password of a user. It is hashed here; the server never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPassword {
    /// The user.
    pub user: String,
    /// For which mechanism.
    pub hash: Hash,
    /// The password.
    pub password: Secret,
    /// How often it is hashed.
    pub iterations: NonZeroU32,
}

/// Removes the password of a user for one mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovePassword {
    /// The user.
    pub user: String,
    /// For which mechanism.
    pub hash: Hash,
}

fn altered(reply: &Reply, user: &str) -> Result<(), ClientError> {
    let response: AlterUserScramCredentialsResponse<'_> = reply.decode()?;
    let result = response.results.first().ok_or_else(|| reply.lacks(format!("user {user}")))?;
    let (api, about) = (ApiKey::AlterUserScramCredentials, format!("user {user}"));
    ClientError::refused(api, about, result.error_code, result.error_message.as_deref())
}

impl Operation for SetPassword {
    type Request = AlterUserScramCredentialsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let salt = random_bytes::<SALT_BYTES>();
        let salted = self.hash.salted(&self.password, &salt, self.iterations);
        let upsertion = ScramCredentialUpsertion {
            name: Text::Owned(self.user.clone()),
            mechanism: code(self.hash),
            iterations: i32::try_from(self.iterations.get()).unwrap_or(i32::MAX),
            salt: salt.to_vec().into(),
            salted_password: salted.into(),
        };
        AlterUserScramCredentialsRequest { deletions: Vec::new(), upsertions: vec![upsertion] }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        altered(reply, &self.user)
    }
}

impl Operation for RemovePassword {
    type Request = AlterUserScramCredentialsRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let (name, mechanism) = (Text::Owned(self.user.clone()), code(self.hash));
        let deletions = vec![ScramCredentialDeletion { name, mechanism }];
        AlterUserScramCredentialsRequest { deletions, upsertions: Vec::new() }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        altered(reply, &self.user)
    }
}
