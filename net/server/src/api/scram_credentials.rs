//! DescribeUserScramCredentials and AlterUserScramCredentials: who can log in with SCRAM (KIP-554).
//! Clients send passwords hashed; what is kept of them is computed here.

use std::collections::BTreeMap;

use corelog_cluster::decide::scram_credentials::AlterScramCredentials;
use corelog_cluster::{Change, ClusterImage, Outcome, ScramCredential, ScramMechanism};
use corelog_model::ErrorCode;
use corelog_security::scram::{Hash, ScramKeys};
use corelog_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsResult, ScramCredentialUpsertion,
};
use corelog_wire::api::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use corelog_wire::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, Text,
};

use super::change::Ending;

/// The users that an alteration is about, each once and in order.
pub fn users(request: &AlterUserScramCredentialsRequest<'_>) -> Vec<String> {
    let deletions = request.deletions.iter().map(|deletion| &deletion.name);
    let upsertions = request.upsertions.iter().map(|upsertion| &upsertion.name);
    let names = deletions.chain(upsertions).map(|name| name.clone().into_owned());
    let names: std::collections::BTreeSet<_> = names.collect();
    names.into_iter().collect()
}

/// The change that a request asks for.
pub fn translate(request: &AlterUserScramCredentialsRequest<'_>) -> Change {
    let deletions = request.deletions.iter().map(|deletion| {
        let mechanism = ScramMechanism::from_code(deletion.mechanism);
        (deletion.name.clone().into_owned(), mechanism)
    });
    let upsertions = request.upsertions.iter().map(|upsertion| {
        let mechanism = ScramMechanism::from_code(upsertion.mechanism);
        (upsertion.name.clone().into_owned(), mechanism, credential(mechanism, upsertion))
    });
    let (deletions, upsertions) = (deletions.collect(), upsertions.collect());
    Change::AlterScramCredentials(AlterScramCredentials { deletions, upsertions })
}

fn credential(
    mechanism: Option<ScramMechanism>,
    upsertion: &ScramCredentialUpsertion<'_>,
) -> ScramCredential {
    let (salt, iterations) = (upsertion.salt.to_vec(), upsertion.iterations);
    let salted: &[u8] = upsertion.salted_password.as_ref();
    let hash = match mechanism {
        Some(ScramMechanism::Sha512) => Hash::Sha512,
        // What becomes of an unknown mechanism is decided elsewhere.
        Some(ScramMechanism::Sha256) | None => Hash::Sha256,
    };
    // A password that was not hashed as the mechanism does could never be proved.
    if mechanism.is_none_or(|mechanism| mechanism.key_bytes() != salted.len()) {
        let (stored_key, server_key) = (Vec::new(), Vec::new());
        return ScramCredential { salt, stored_key, server_key, iterations };
    }
    let rounds = iterations.unsigned_abs();
    let ScramKeys { salt, stored_key, server_key, .. } =
        ScramKeys::of_salted(hash, salted, salt, rounds);
    ScramCredential { salt, stored_key, server_key, iterations }
}

/// Answers an alteration, given the users that it was about.
pub fn altered(users: Vec<String>, ending: Ending) -> AlterUserScramCredentialsResponse<'static> {
    let result = |user: String, code: ErrorCode, message: Option<String>| {
        let error_message = message.map(Text::Owned);
        AlterUserScramCredentialsResult {
            user: Text::Owned(user),
            error_code: code.code(),
            error_message,
        }
    };
    let results = match ending {
        Ending::Decided(Outcome::AlterScramCredentials(results)) => {
            let results = results.into_iter().map(|(user, altered)| match altered {
                Ok(()) => result(user, ErrorCode::None, None),
                Err(error) => result(user, error.code(), Some(error.to_string())),
            });
            results.collect()
        }
        ending => {
            let failure = ending.into_failure();
            let failed = |user| result(user, failure.code, Some(failure.message.clone()));
            users.into_iter().map(failed).collect()
        }
    };
    AlterUserScramCredentialsResponse { results, ..Default::default() }
}

/// Answers an alteration of which everything is refused alike.
pub(crate) fn unaltered(
    users: Vec<String>,
    code: ErrorCode,
) -> AlterUserScramCredentialsResponse<'static> {
    let results = users.into_iter().map(|user| AlterUserScramCredentialsResult {
        user: Text::Owned(user),
        error_code: code.code(),
        error_message: Some(Text::Borrowed(code.message())),
    });
    AlterUserScramCredentialsResponse { results: results.collect(), ..Default::default() }
}

/// Answers who can log in, by which mechanisms.
pub fn describe(
    request: &DescribeUserScramCredentialsRequest<'_>,
    image: &ClusterImage,
) -> DescribeUserScramCredentialsResponse<'static> {
    let mut known: BTreeMap<&str, Vec<CredentialInfo>> = BTreeMap::new();
    for (of, credential) in image.scram_credentials() {
        let (mechanism, iterations) = (of.mechanism.code(), credential.iterations);
        known.entry(&of.name).or_default().push(CredentialInfo { mechanism, iterations });
    }
    let asked = request.users.iter().flatten().map(|user| &*user.name);
    let mut asked: Vec<(&str, usize)> = asked.map(|name| (name, 1)).collect();
    asked.sort_unstable();
    asked.dedup_by(|later, first| {
        let is_same = later.0 == first.0;
        first.1 += usize::from(is_same);
        is_same
    });
    if asked.is_empty() {
        asked = known.keys().map(|name| (*name, 1)).collect();
    }
    let results = asked.into_iter().map(|(name, times)| {
        let refused = |code: ErrorCode, message: &str| DescribeUserScramCredentialsResult {
            user: Text::Owned(name.to_owned()),
            error_code: code.code(),
            error_message: Some(Text::Owned(message.to_owned())),
            credential_infos: Vec::new(),
        };
        match known.remove(name) {
            _ if times > 1 => {
                refused(ErrorCode::DuplicateResource, "the user is asked for more than once")
            }
            None => refused(ErrorCode::ResourceNotFound, "the user has no credentials"),
            Some(credential_infos) => DescribeUserScramCredentialsResult {
                user: Text::Owned(name.to_owned()),
                credential_infos,
                ..Default::default()
            },
        }
    });
    DescribeUserScramCredentialsResponse { results: results.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::ScramUser;
    use corelog_wire::api::alter_user_scram_credentials::ScramCredentialDeletion;
    use corelog_wire::api::describe_user_scram_credentials::UserName;

    use super::*;
    use crate::api::scene::{cluster, decided};

    fn upsert(
        name: &'static str,
        mechanism: i8,
        salted: &'static [u8],
    ) -> AlterUserScramCredentialsRequest<'static> {
        let upsertion = ScramCredentialUpsertion {
            name: name.into(),
            mechanism,
            iterations: 4096,
            salt: (&b"salt"[..]).into(),
            salted_password: salted.into(),
        };
        AlterUserScramCredentialsRequest { deletions: vec![], upsertions: vec![upsertion] }
    }

    /// Carries a request out: the image after it, and the codes of its users.
    fn carry_out(
        image: &ClusterImage,
        request: &AlterUserScramCredentialsRequest<'_>,
    ) -> (ClusterImage, Vec<(String, i16)>) {
        let (ending, image) = decided(image, translate(request));
        let response = altered(users(request), ending);
        let codes = response.results.into_iter();
        (image, codes.map(|it| (it.user.into_owned(), it.error_code)).collect())
    }

    /// A user, the error code, mechanisms and iterations.
    type DescribedUser = (String, i16, Vec<(i8, i32)>);

    fn described(image: &ClusterImage, names: &[&'static str]) -> Vec<DescribedUser> {
        let users = names.iter().map(|name| UserName { name: Text::Borrowed(*name) }).collect();
        let request = DescribeUserScramCredentialsRequest { users: Some(users) };
        let results = describe(&request, image).results.into_iter().map(|it| {
            let infos = it.credential_infos.iter().map(|info| (info.mechanism, info.iterations));
            (it.user.into_owned(), it.error_code, infos.collect())
        });
        results.collect()
    }

    #[test]
    fn what_is_set_is_described_and_proves_the_password() {
        let (image, codes) = carry_out(&cluster(&[1]), &upsert("bob", 2, &[7; 64]));
        assert_eq!(codes, [("bob".to_owned(), 0)]);
        assert_eq!(described(&image, &[]), [("bob".to_owned(), 0, vec![(2, 4096)])]);
        let of = ScramUser { name: "bob".to_owned(), mechanism: ScramMechanism::Sha512 };
        let keys = ScramKeys::of_salted(Hash::Sha512, &[7; 64], b"salt".to_vec(), 4096);
        assert_eq!(image.scram_credential(&of).unwrap().stored_key, keys.stored_key);
        assert_eq!(image.scram_credential(&of).unwrap().server_key, keys.server_key);
        let deletion = ScramCredentialDeletion { name: "bob".into(), mechanism: 2 };
        let request =
            AlterUserScramCredentialsRequest { deletions: vec![deletion], upsertions: vec![] };
        let (image, codes) = carry_out(&image, &request);
        assert_eq!((codes, described(&image, &[])), (vec![("bob".to_owned(), 0)], vec![]));
        let (_, codes) = carry_out(&image, &request);
        assert_eq!(codes, [("bob".to_owned(), ErrorCode::ResourceNotFound.code())]);
    }

    #[test]
    fn passwords_that_are_not_hashed_and_unknown_mechanisms_are_refused() {
        let image = cluster(&[1]);
        for (request, code) in [
            (upsert("bob", 1, b"secret"), ErrorCode::UnacceptableCredential),
            (upsert("bob", 2, &[7; 32]), ErrorCode::UnacceptableCredential),
            (upsert("bob", 3, &[7; 32]), ErrorCode::UnsupportedSaslMechanism),
        ] {
            let (after, codes) = carry_out(&image, &request);
            assert_eq!(codes, [("bob".to_owned(), code.code())]);
            assert_eq!(described(&after, &[]), vec![]);
        }
    }

    #[test]
    fn users_are_described_in_order_and_each_once() {
        let (image, _) = carry_out(&cluster(&[1]), &upsert("bob", 1, &[7; 32]));
        let expected = [
            ("alice".to_owned(), ErrorCode::ResourceNotFound.code(), vec![]),
            ("bob".to_owned(), ErrorCode::DuplicateResource.code(), vec![]),
        ];
        assert_eq!(described(&image, &["bob", "alice", "bob"]), expected);
    }

    #[test]
    fn every_user_of_a_late_change_is_told() {
        let response = altered(vec!["a".into(), "b".into()], Ending::TimedOut);
        let codes: Vec<_> = response.results.iter().map(|it| it.error_code).collect();
        assert_eq!(codes, [ErrorCode::RequestTimedOut.code(); 2]);
    }
}
