//! Delegation tokens: who makes, renews and ends them, and how long they count.

use corelog_cluster::controller::{Change, Controller, ControllerConfig, Input, Output, Ticket};
use corelog_cluster::decide::delegation_tokens::{
    ChangeToken, CreateToken, RENEWERS_BYTES_MAX, RENEWERS_MAX, TOKENS_MAX, TOKENS_OF_OWNER_MAX,
    TokenError, TokenTimes, create_token, expire_token, renew_token, sweep_tokens,
};
use corelog_cluster::decide::scram_credentials::USER_BYTES_MAX;
use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{ClusterImage, DelegationToken, MetadataRecord};
use corelog_model::ErrorCode;

/// Tokens live 1000 ms at most, and must be renewed every 100.
const TIMES: TokenTimes = TokenTimes { lifetime_ms_max: 1000, expiry_ms: 100 };

fn creation() -> CreateToken {
    CreateToken {
        id: "t".to_owned(),
        owner: "alice".to_owned(),
        requester: "carol".to_owned(),
        renewers: vec!["bob".to_owned()],
        lifetime_ms: -1,
        times: TIMES,
        now_ms: 5000,
    }
}

fn change(user: &str, period_ms: i64, now_ms: i64) -> ChangeToken {
    let (id, user) = (Some("t".to_owned()), user.to_owned());
    ChangeToken { id, user, period_ms, times: TIMES, now_ms }
}

/// When a token expires and when it ends.
fn ends(token: &Result<DelegationToken, TokenError>) -> (i64, i64) {
    let token = token.as_ref().unwrap();
    (token.expires_ms, token.ends_ms)
}

fn with(image: &ClusterImage, token: DelegationToken) -> ClusterImage {
    image.fold(&[MetadataRecord::DelegationTokenSet { token }]).unwrap()
}

/// The image with the token of [`creation`].
fn scene() -> ClusterImage {
    let image = ClusterImage::empty();
    let token = create_token(&image, &creation()).unwrap();
    with(&image, token)
}

#[test]
fn a_token_lives_as_long_as_asked_for_within_what_is_allowed() {
    let image = ClusterImage::empty();
    let made =
        |lifetime_ms| ends(&create_token(&image, &CreateToken { lifetime_ms, ..creation() }));
    assert_eq!([made(-1), made(0), made(1000), made(i64::MAX)], [(5100, 6000); 4]);
    assert_eq!(made(500), (5100, 5500));
    assert_eq!(made(30), (5030, 5030));
    let token = create_token(&image, &creation()).unwrap();
    let (owner, requester) = (token.owner.as_str(), token.requester.as_str());
    assert_eq!((owner, requester, token.issued_ms), ("alice", "carol", 5000));
}

#[test]
fn renewing_lasts_for_a_period_and_never_beyond_the_end() {
    let image = scene();
    let renewed =
        |period_ms, now_ms| ends(&renew_token(&image, &change("alice", period_ms, now_ms)));
    assert_eq!([renewed(-1, 5050), renewed(0, 5050), renewed(i64::MAX, 5050)], [(5150, 6000); 3]);
    assert_eq!(renewed(20, 5050), (5070, 6000));
    let near_its_end =
        DelegationToken { expires_ms: 5980, ..image.delegation_token("t").unwrap().clone() };
    let image = with(&image, near_its_end);
    assert_eq!(ends(&renew_token(&image, &change("alice", -1, 5950))), (6000, 6000));
}

#[test]
fn only_owners_and_renewers_renew_and_expire_and_only_before_the_end() {
    let image = scene();
    for user in ["alice", "bob"] {
        assert!(renew_token(&image, &change(user, -1, 5099)).is_ok(), "{user}");
        assert!(expire_token(&image, &change(user, -1, 5099)).is_ok(), "{user}");
    }
    let refused = |request: ChangeToken, error: TokenError| {
        assert_eq!(renew_token(&image, &request), Err(error));
        assert_eq!(expire_token(&image, &request), Err(error));
    };
    for user in ["carol", "dave"] {
        refused(change(user, -1, 5099), TokenError::OwnerMismatch);
    }
    refused(change("alice", -1, 5100), TokenError::Expired);
    refused(ChangeToken { id: None, ..change("alice", -1, 5050) }, TokenError::NotFound);
    let unknown = Some("u".to_owned());
    refused(ChangeToken { id: unknown, ..change("alice", -1, 5050) }, TokenError::NotFound);
}

#[test]
fn expiring_sets_the_end_or_deletes_at_once() {
    let image = scene();
    let expired = |period_ms| expire_token(&image, &change("bob", period_ms, 5050));
    let removed = MetadataRecord::DelegationTokenRemoved { id: "t".to_owned() };
    assert_eq!(expired(-1), Ok((removed.clone(), 5050)));
    for (period_ms, end) in [(0, 5050), (700, 5750), (950, 6000), (5000, 6000)] {
        let token = image.delegation_token("t").unwrap().clone();
        let token = DelegationToken { expires_ms: end, ..token };
        assert_eq!(expired(period_ms), Ok((MetadataRecord::DelegationTokenSet { token }, end)));
    }
    assert_eq!(expired(i64::MAX), Err(TokenError::Timestamp));
    let image = image.fold(std::slice::from_ref(&removed)).unwrap();
    assert_eq!(image.delegation_token("t"), None);
    assert!(image.fold(&[removed]).is_err(), "it is removed once");
}

#[test]
fn what_a_token_holds_is_bounded() {
    let image = ClusterImage::empty();
    let refused = |request: CreateToken, error| {
        assert_eq!(create_token(&image, &request), Err(error));
    };
    let long = "x".repeat(USER_BYTES_MAX + 1);
    for name in [String::new(), long] {
        refused(CreateToken { owner: name.clone(), ..creation() }, TokenError::UserName);
        refused(CreateToken { renewers: vec![name], ..creation() }, TokenError::UserName);
    }
    let renewers = vec!["bob".to_owned(); RENEWERS_MAX + 1];
    refused(CreateToken { renewers, ..creation() }, TokenError::Renewers);
    let renewers = vec!["x".repeat(USER_BYTES_MAX); RENEWERS_BYTES_MAX / USER_BYTES_MAX];
    let fits = CreateToken { renewers: renewers.clone(), ..creation() };
    assert!(create_token(&image, &fits).is_ok());
    let renewers = [renewers, vec!["x".to_owned()]].concat();
    refused(CreateToken { renewers, ..creation() }, TokenError::Renewers);
}

#[test]
fn the_number_of_tokens_of_an_owner_and_of_all_is_bounded() {
    let token = |number: usize| DelegationToken {
        id: number.to_string(),
        owner: (number / TOKENS_OF_OWNER_MAX).to_string(),
        ..scene().delegation_token("t").unwrap().clone()
    };
    let records = (1..TOKENS_MAX).map(|it| MetadataRecord::DelegationTokenSet { token: token(it) });
    let image = ClusterImage::empty().fold(&records.collect::<Vec<_>>()).unwrap();
    let of = |image: &ClusterImage, owner: &str| {
        let (id, owner) = (format!("of {owner}"), owner.to_owned());
        create_token(image, &CreateToken { id, owner, ..creation() })
    };
    assert_eq!(of(&image, "1"), Err(TokenError::TooManyOfOwner));
    let last = of(&image, "0").unwrap();
    assert_eq!(of(&with(&image, last), "new"), Err(TokenError::TooMany));
}

#[test]
fn tokens_that_have_expired_are_swept() {
    let image = scene();
    let later = DelegationToken {
        id: "later".to_owned(),
        expires_ms: 5101,
        ..image.delegation_token("t").unwrap().clone()
    };
    let image = with(&image, later);
    assert_eq!(sweep_tokens(&image, 5099), []);
    let swept = [MetadataRecord::DelegationTokenRemoved { id: "t".to_owned() }];
    assert_eq!(sweep_tokens(&image, 5100), swept);
    let ids = |image: &ClusterImage| -> Vec<String> {
        image.delegation_tokens().map(|token| token.id.clone()).collect()
    };
    assert_eq!(ids(&image.fold(&swept).unwrap()), ["later"]);
}

#[test]
fn tokens_survive_a_snapshot() {
    let image = scene();
    assert_eq!(restore(image.version(), &snapshot(&image)), Ok(image));
}

#[test]
fn a_token_is_visible_when_it_is_durable() {
    let mut controller = Controller::new(ControllerConfig::default(), ClusterImage::empty());
    let (ticket, change) = (Ticket(1), Change::CreateToken(creation()));
    let outputs = controller.step(Input::Request { ticket, change });
    let [Output::Append { through, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(controller.image().delegation_token("t"), None);
    let outputs = controller.step(Input::Appended { through: *through });
    assert!(matches!(outputs[..], [Output::Publish(_), Output::Reply { .. }]), "{outputs:?}");
    assert!(controller.image().delegation_token("t").is_some());
}

#[test]
fn errors_have_the_codes_of_kafka() {
    assert_eq!(TokenError::NotFound.code(), ErrorCode::DelegationTokenNotFound);
    assert_eq!(TokenError::Expired.code(), ErrorCode::DelegationTokenExpired);
    assert_eq!(TokenError::OwnerMismatch.code(), ErrorCode::DelegationTokenOwnerMismatch);
    assert_eq!(TokenError::Timestamp.code(), ErrorCode::InvalidTimestamp);
}
