//! Requests about delegation tokens.

use std::sync::OnceLock;

use super::*;

/// The id of a token of the one who may do everything. Ids are random.
static TOKEN: OnceLock<String> = OnceLock::new();

pub(crate) fn token() -> &'static str {
    TOKEN.get().expect("a token was made")
}

/// Makes the token that the lines ask about.
pub(crate) fn make_token(admin: &mut Connection) {
    let request = CreateDelegationTokenRequest { max_lifetime_ms: -1, ..Default::default() };
    let reply = call(admin, 3, &request);
    let made: CreateDelegationTokenResponse<'_> = reply.decode().expect("an answer");
    assert_eq!(made.error_code, 0);
    TOKEN.set(made.token_id.into_owned()).expect("one test asks about tokens");
}

pub(super) fn ask(client: &mut Connection, right: &Right) -> bool {
    match *right {
        table::CREATE_TOKENS => {
            let request = CreateDelegationTokenRequest {
                owner_principal_type: Some("User".into()),
                owner_principal_name: Some("bob".into()),
                max_lifetime_ms: -1,
                ..Default::default()
            };
            code!(client, 3, request, CreateDelegationTokenResponse<'_>)
        }
        table::DESCRIBE_TOKENS | table::DESCRIBE_TOKENS_OF => {
            let reply = call(client, 3, &DescribeDelegationTokenRequest { owners: None });
            let answer: DescribeDelegationTokenResponse<'_> = reply.decode().expect("an answer");
            assert_eq!(answer.error_code, 0);
            answer.tokens.iter().any(|it| it.token_id == token())
        }
        _ => panic!("there is no sample of {right:?}"),
    }
}
