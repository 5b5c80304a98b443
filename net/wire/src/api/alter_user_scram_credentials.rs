//! AlterUserScramCredentials, key 51: set and delete the SCRAM passwords of users.

use crate::{Bytes, Text};

message! {
    /// API 51, version 0, flexible from 0.
    AlterUserScramCredentialsRequest<'a> {
        deletions: Vec<ScramCredentialDeletion<'a>>;
        upsertions: Vec<ScramCredentialUpsertion<'a>>;
    }

    /// A password to delete.
    ScramCredentialDeletion<'a> {
        name: Text<'a>;
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8;
    }

    /// A password to set.
    ScramCredentialUpsertion<'a> {
        name: Text<'a>;
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8;
        iterations: i32;
        salt: Bytes<'a>;
        /// A secret, never to be logged.
        salted_password: Bytes<'a>;
    }

    /// API 51, version 0, flexible from 0.
    AlterUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<AlterUserScramCredentialsResult<'a>>;
    }

    /// What became of the passwords of one user.
    AlterUserScramCredentialsResult<'a> {
        user: Text<'a>;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api! {
    AlterUserScramCredentials:
    AlterUserScramCredentialsRequest<'q> => AlterUserScramCredentialsResponse<'r>
}
