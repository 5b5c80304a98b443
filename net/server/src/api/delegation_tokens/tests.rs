//! What clients are told about delegation tokens, and which they see.

use corelog_cluster::{
    AclBinding, AclEntry, AclOperation, Authorizer, ClusterImage, MetadataRecord, PatternType,
    Permission, ResourcePattern, ResourceType, Subject,
};
use corelog_wire::api::create_delegation_token::CreatableRenewers;
use corelog_wire::api::describe_delegation_token::DescribeDelegationTokenOwner;

use super::*;
use crate::api::scene::{cluster, decided};

const TIMES: TokenTimes = TokenTimes { lifetime_ms_max: 1000, expiry_ms: 100 };

fn renewer(kind: &'static str, name: &'static str) -> CreatableRenewers<'static> {
    CreatableRenewers { principal_type: kind.into(), principal_name: name.into() }
}

fn request(owner: Option<(&'static str, &'static str)>) -> CreateDelegationTokenRequest<'static> {
    CreateDelegationTokenRequest {
        owner_principal_type: owner.map(|(kind, _)| kind.into()),
        owner_principal_name: owner.map(|(_, name)| name.into()),
        renewers: vec![renewer("User", "bob")],
        max_lifetime_ms: -1,
    }
}

fn make(image: &ClusterImage, id: &str, owner: &str) -> (Ending, ClusterImage) {
    let (owner, requester) = (Principal::user(owner), Principal::user("carol"));
    let whose = (&owner, &requester);
    let change = creation(&request(None), whose, id.to_owned(), (TIMES, 5000)).unwrap();
    decided(image, change)
}

#[test]
fn the_owner_is_who_asks_unless_another_user_is_named() {
    let carol = Principal::user("carol");
    let of = |named| owner(&request(named), &carol);
    assert_eq!(of(None), Ok(carol.clone()));
    assert_eq!(of(Some(("User", ""))), Ok(carol.clone()));
    assert_eq!(of(Some(("User", "alice"))), Ok(Principal::user("alice")));
    assert_eq!(of(Some(("Group", "alice"))), Err(ErrorCode::InvalidPrincipalType));
}

#[test]
fn who_gets_a_token_is_told_its_times_and_what_proves_it() {
    let (alice, carol) = (Principal::user("alice"), Principal::user("carol"));
    let (ending, _) = make(&cluster(&[1]), "id", "alice");
    let answer = created(ending, (&alice, &carol), |id| id.as_bytes().to_vec());
    let times = (answer.issue_timestamp_ms, answer.expiry_timestamp_ms, answer.max_timestamp_ms);
    assert_eq!((answer.error_code, times), (0, (5000, 5100, 6000)));
    assert_eq!((&*answer.token_id, &*answer.hmac), ("id", &b"id"[..]));
    let names = (&*answer.principal_name, &*answer.token_requester_principal_name);
    assert_eq!(names, ("alice", "carol"));
    let late = created(Ending::TimedOut, (&alice, &carol), |_| unreachable!());
    assert_eq!(late.error_code, ErrorCode::RequestTimedOut.code());
    assert_eq!((late.expiry_timestamp_ms, late.hmac.len()), (-1, 0));
}

#[test]
fn renewers_are_users() {
    let carol = Principal::user("carol");
    let mut request = request(None);
    request.renewers.push(renewer("Group", "readers"));
    let refused = creation(&request, (&carol, &carol), "id".to_owned(), (TIMES, 0));
    assert_eq!(refused, Err(ErrorCode::InvalidPrincipalType));
}

#[test]
fn a_change_is_answered_with_the_end_of_the_token() {
    assert_eq!(changed(Ok(Ending::Decided(Outcome::ChangeToken(Ok(7))))), (0, 7));
    let code = ErrorCode::DelegationTokenAuthDisabled;
    assert_eq!(changed(Err(code)), (code.code(), -1));
}

/// The ids of the tokens that a user sees who asks for those of `owners`.
fn seen(image: &ClusterImage, user: &str, owners: Option<&[&'static str]>) -> Vec<String> {
    let owner = |name: &&'static str| {
        let (principal_type, principal_name) = ("User".into(), (*name).into());
        DescribeDelegationTokenOwner { principal_type, principal_name }
    };
    let owners = owners.map(|owners| owners.iter().map(owner).collect());
    let request = DescribeDelegationTokenRequest { owners };
    let client = Principal::user(user);
    let wanted = Wanted::of(&request, &client);
    let authorizer = Authorizer::default();
    let who = Subject { kind: "User", name: user, host: [127, 0, 0, 1].into() };
    let access = Access::test(&authorizer, image, who);
    let tokens = image.delegation_tokens().filter(|token| wanted.shows(token, access));
    tokens.map(|token| token.id.clone()).collect()
}

#[test]
fn clients_see_their_own_tokens_and_those_they_have_a_right_on() {
    let (_, image) = make(&cluster(&[1]), "of alice", "alice");
    let (_, image) = make(&image, "of dave", "dave");
    let both = ["of alice", "of dave"];
    assert_eq!(seen(&image, "alice", None), ["of alice"]);
    assert_eq!(seen(&image, "bob", None), both, "the renewer");
    assert_eq!(seen(&image, "carol", None), both, "who asked for them");
    assert_eq!(seen(&image, "bob", Some(&["dave"])), ["of dave"]);
    assert_eq!(seen(&image, "bob", Some(&["bob"])), both, "those it may renew");
    assert_eq!(seen(&image, "bob", Some(&[])), [""; 0]);
    assert_eq!(seen(&image, "eve", None), [""; 0]);
    for (operation, resource_type, name, visible) in [
        (AclOperation::Describe, ResourceType::DelegationToken, "of dave", "of dave"),
        (AclOperation::DescribeTokens, ResourceType::User, "User:alice", "of alice"),
    ] {
        let (pattern_type, name) = (PatternType::Literal, name.to_owned());
        let (principal, host) = ("User:eve".to_owned(), "*".to_owned());
        let binding = AclBinding {
            pattern: ResourcePattern { resource_type, pattern_type, name },
            entry: AclEntry { principal, host, operation, permission: Permission::Allow },
        };
        let image = image.fold(&[MetadataRecord::AclAdded { binding }]).unwrap();
        assert_eq!(seen(&image, "eve", None), [visible]);
    }
}
