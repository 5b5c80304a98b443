//! DescribeUserScramCredentials, key 50: which users can log in with SCRAM.

use crate::Text;

message! {
    /// API 50, version 0, flexible from 0.
    DescribeUserScramCredentialsRequest<'a> {
        /// Null and empty are every user.
        users: Option<Vec<UserName<'a>>>;
    }

    /// A user.
    UserName<'a> {
        name: Text<'a>;
    }

    /// API 50, version 0, flexible from 0.
    DescribeUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        results: Vec<DescribeUserScramCredentialsResult<'a>>;
    }

    /// A user and the mechanisms.
    DescribeUserScramCredentialsResult<'a> {
        user: Text<'a>;
        error_code: i16;
        error_message: Option<Text<'a>>;
        credential_infos: Vec<CredentialInfo>;
    }

    /// A mechanism that the user has a password for.
    CredentialInfo {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8;
        iterations: i32;
    }
}

api! {
    DescribeUserScramCredentials:
    DescribeUserScramCredentialsRequest<'q> => DescribeUserScramCredentialsResponse<'r>
}
