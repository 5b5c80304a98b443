//! Passwords of users: which are set and removed, and which are refused.

use corelog_cluster::decide::scram_credentials::{
    AlterScramCredentials, AlterScramError, USER_BYTES_MAX, alter_scram_credentials,
};
use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{ClusterImage, MetadataRecord, ScramCredential, ScramMechanism, ScramUser};
use corelog_model::ErrorCode;

use ScramMechanism::{Sha256, Sha512};

fn credential(mechanism: ScramMechanism, iterations: i32) -> ScramCredential {
    ScramCredential {
        salt: vec![1, 2, 3],
        stored_key: vec![4; mechanism.key_bytes()],
        server_key: vec![5; mechanism.key_bytes()],
        iterations,
    }
}

fn set(name: &str, mechanism: ScramMechanism) -> AlterScramCredentials {
    let upsertions = vec![(name.to_owned(), Some(mechanism), credential(mechanism, 4096))];
    AlterScramCredentials { deletions: vec![], upsertions }
}

fn remove(name: &str, mechanism: ScramMechanism) -> AlterScramCredentials {
    let deletions = vec![(name.to_owned(), Some(mechanism))];
    AlterScramCredentials { deletions, upsertions: vec![] }
}

/// Carries the request out; every user of it must succeed.
fn carry_out(image: &ClusterImage, request: &AlterScramCredentials) -> ClusterImage {
    let (records, results) = alter_scram_credentials(image, request);
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
    image.fold(&records).unwrap()
}

fn users(image: &ClusterImage) -> Vec<(&str, ScramMechanism)> {
    image.scram_credentials().map(|(of, _)| (of.name.as_str(), of.mechanism)).collect()
}

/// A request about one user that is refused with this error, and changes nothing.
#[track_caller]
fn refuse(image: &ClusterImage, request: &AlterScramCredentials, error: AlterScramError) {
    let (records, results) = alter_scram_credentials(image, request);
    assert_eq!(records, []);
    assert!(results.iter().all(|(_, result)| *result == Err(error)), "{results:?}");
    assert_eq!(results.len(), 1);
}

#[test]
fn what_is_set_can_be_replaced_and_removed() {
    let image = carry_out(&ClusterImage::empty(), &set("bob", Sha256));
    let image = carry_out(&image, &set("bob", Sha512));
    let image = carry_out(&image, &set("alice", Sha512));
    assert_eq!(users(&image), [("alice", Sha512), ("bob", Sha256), ("bob", Sha512)]);
    let mut again = set("bob", Sha256);
    again.upsertions[0].2.iterations = 8192;
    let image = carry_out(&image, &again);
    let bob = ScramUser { name: "bob".into(), mechanism: Sha256 };
    assert_eq!(image.scram_credential(&bob).unwrap().iterations, 8192);
    let image = carry_out(&image, &remove("bob", Sha256));
    assert_eq!(users(&image), [("alice", Sha512), ("bob", Sha512)]);
    refuse(&image, &remove("bob", Sha256), AlterScramError::NotFound);
}

#[test]
fn credentials_survive_a_snapshot() {
    let image = carry_out(&ClusterImage::empty(), &set("bob", Sha256));
    assert_eq!(restore(image.version(), &snapshot(&image)), Ok(image));
}

#[test]
fn a_user_that_is_altered_twice_is_not_altered_at_all() {
    let image = carry_out(&ClusterImage::empty(), &set("bob", Sha256));
    let both = AlterScramCredentials {
        upsertions: set("bob", Sha256).upsertions,
        ..remove("bob", Sha256)
    };
    refuse(&image, &both, AlterScramError::Duplicate);
    let mut twice = set("bob", Sha512);
    twice.upsertions.extend(set("bob", Sha512).upsertions);
    refuse(&image, &twice, AlterScramError::Duplicate);
}

#[test]
fn one_wrong_mechanism_of_a_user_spoils_the_others_but_no_other_user() {
    let mut request = set("bob", Sha256);
    request.deletions = remove("bob", Sha512).deletions;
    request.upsertions.extend(set("alice", Sha512).upsertions);
    let (records, results) = alter_scram_credentials(&ClusterImage::empty(), &request);
    let expected =
        [("alice".to_owned(), Ok(())), ("bob".to_owned(), Err(AlterScramError::NotFound))];
    assert_eq!(results, expected);
    let of = ScramUser { name: "alice".into(), mechanism: Sha512 };
    let credential = credential(Sha512, 4096);
    assert_eq!(records, [MetadataRecord::ScramCredentialSet { of, credential }]);
}

#[test]
fn credentials_that_cannot_be_are_refused() {
    let image = ClusterImage::empty();
    let with = |change: fn(&mut ScramCredential)| {
        let mut request = set("bob", Sha256);
        change(&mut request.upsertions[0].2);
        request
    };
    let mut unknown = set("bob", Sha256);
    unknown.upsertions[0].1 = None;
    refuse(&image, &set("", Sha256), AlterScramError::UserName);
    refuse(&image, &set(&"x".repeat(USER_BYTES_MAX + 1), Sha256), AlterScramError::UserName);
    refuse(&image, &unknown, AlterScramError::UnknownMechanism);
    refuse(&image, &with(|it| it.iterations = 4095), AlterScramError::TooFewIterations);
    refuse(&image, &with(|it| it.iterations = 16_385), AlterScramError::TooManyIterations);
    refuse(&image, &with(|it| it.salt.clear()), AlterScramError::Malformed);
    refuse(&image, &with(|it| it.salt = vec![0; 1025]), AlterScramError::Malformed);
    refuse(&image, &with(|it| it.stored_key.push(0)), AlterScramError::Malformed);
    refuse(&image, &with(|it| it.server_key.truncate(31)), AlterScramError::Malformed);
}

#[test]
fn errors_have_the_codes_of_kafka() {
    assert_eq!(AlterScramError::UnknownMechanism.code(), ErrorCode::UnsupportedSaslMechanism);
    assert_eq!(AlterScramError::TooFewIterations.code(), ErrorCode::UnacceptableCredential);
    assert_eq!(AlterScramError::NotFound.code(), ErrorCode::ResourceNotFound);
    assert_eq!(AlterScramError::Duplicate.code(), ErrorCode::DuplicateResource);
}
