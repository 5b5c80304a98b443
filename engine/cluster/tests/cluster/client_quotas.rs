//! Quotas: which can be set, and which of them holds for a client.

use corelog_cluster::apply::ApplyError;
use corelog_cluster::decide::Mode;
use corelog_cluster::decide::client_quotas::{
    AlterClientQuotas, AlterQuotaError, ENTITIES_MAX, NAME_BYTES_MAX, QuotaChange,
    alter_client_quotas,
};
use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{
    ClusterImage, MetadataRecord, QuotaEntity, QuotaKey, QuotaName, QuotaValue, Sharers,
};
use corelog_model::ErrorCode;

use QuotaEntity::{Client, Ip, User, UserAndClient};
use QuotaKey::{ConnectionCreationRate, ConsumerByteRate, ProducerByteRate, RequestPercentage};

fn named(name: &str) -> QuotaName {
    QuotaName::named(name)
}

fn value(value: f64) -> QuotaValue {
    QuotaValue::new(value).unwrap()
}

fn change(key: &str, value: Option<f64>) -> QuotaChange {
    QuotaChange { key: key.to_owned(), value }
}

fn asked(entity: &QuotaEntity, changes: &[QuotaChange]) -> AlterClientQuotas {
    let entities = vec![(entity.clone(), changes.to_vec())];
    AlterClientQuotas { mode: Mode::Apply, entities }
}

/// The image in which these quotas of bytes produced are set.
fn with(quotas: &[(QuotaEntity, f64)]) -> ClusterImage {
    let records = quotas.iter().map(|(entity, number)| MetadataRecord::ClientQuotaChanged {
        entity: entity.clone(),
        key: if entity.takes(ProducerByteRate) { ProducerByteRate } else { ConnectionCreationRate },
        value: Some(value(*number)),
    });
    ClusterImage::empty().fold(&records.collect::<Vec<_>>()).unwrap()
}

#[track_caller]
fn refuse(entity: &QuotaEntity, key: &str, number: f64, error: AlterQuotaError) {
    let request = asked(entity, &[change(key, Some(number))]);
    let decision = alter_client_quotas(&ClusterImage::empty(), &request);
    assert_eq!((decision.records, decision.results), (vec![], vec![Err(error)]));
}

#[test]
fn the_entity_that_says_the_most_decides() {
    let (user, client) = ("bob", "app");
    let pair = || Sharers::UserAndClient(user.to_owned(), client.to_owned());
    let of_user = || Sharers::User(user.to_owned());
    let of_client = || Sharers::Client(client.to_owned());
    let mut levels = vec![
        (UserAndClient(named(user), named(client)), pair()),
        (UserAndClient(named(user), QuotaName::Default), pair()),
        (User(named(user)), of_user()),
        (UserAndClient(QuotaName::Default, named(client)), pair()),
        (UserAndClient(QuotaName::Default, QuotaName::Default), pair()),
        (User(QuotaName::Default), of_user()),
        (Client(named(client)), of_client()),
        (Client(QuotaName::Default), of_client()),
    ];
    let unrelated = [
        (UserAndClient(named("alice"), named(client)), 100.0),
        (UserAndClient(named(user), named("other")), 101.0),
        (User(named("alice")), 102.0),
        (Client(named("other")), 103.0),
    ];
    while let Some((_, sharers)) = levels.first().cloned() {
        let numbered = levels.iter().enumerate();
        let quotas = numbered.map(|(number, (entity, _))| (entity.clone(), 1.0 + number as f64));
        let image = with(&quotas.chain(unrelated.clone()).collect::<Vec<_>>());
        let quotas = image.client_quotas();
        let found = quotas.resolve(ProducerByteRate, user, client).unwrap();
        assert_eq!((found.value, found.sharers), (value(1.0), sharers), "{levels:?}");
        // Each key has its own precedence.
        assert_eq!(quotas.resolve(ConsumerByteRate, user, client), None);
        levels.remove(0);
    }
    let image = with(&unrelated);
    assert_eq!(image.client_quotas().resolve(ProducerByteRate, user, client), None);
}

#[test]
fn an_address_has_its_own_rate_or_the_default() {
    let image = with(&[(Ip(named("127.0.0.1")), 5.0), (Ip(QuotaName::Default), 7.0)]);
    let rate = |ip: &str| image.client_quotas().connection_creation_rate(ip.parse().unwrap());
    assert_eq!(rate("127.0.0.1"), Some(value(5.0)));
    assert_eq!(rate("::ffff:127.0.0.1"), Some(value(5.0)), "the same in the other family");
    assert_eq!(rate("::1"), Some(value(7.0)));
    let none = ClusterImage::empty();
    assert_eq!(none.client_quotas().connection_creation_rate("::1".parse().unwrap()), None);
}

#[test]
fn what_is_set_can_be_replaced_and_removed_and_survives_a_snapshot() {
    let bob = User(named("bob"));
    let set = |number| {
        asked(&bob, &[change("producer_byte_rate", number), change("request_percentage", number)])
    };
    let carry_out = |image: &ClusterImage, request| {
        let decision = alter_client_quotas(image, &request);
        assert_eq!(decision.results, [Ok(())]);
        (decision.records.len(), image.fold(&decision.records).unwrap())
    };
    let (count, image) = carry_out(&ClusterImage::empty(), set(Some(10.0)));
    assert_eq!((count, image.client_quotas().get(&bob, RequestPercentage)), (2, Some(value(10.0))));
    let (count, image) = carry_out(&image, set(Some(10.0)));
    assert_eq!(count, 0, "what is so already makes no record");
    let (_, image) = carry_out(&image, set(Some(11.0)));
    assert_eq!(image.client_quotas().get(&bob, ProducerByteRate), Some(value(11.0)));
    assert_eq!(restore(image.version(), &snapshot(&image)), Ok(image.clone()));
    let (count, image) = carry_out(&image, set(None));
    assert_eq!((count, image.client_quotas().is_empty()), (2, true));
    let (count, _) = carry_out(&image, set(None));
    assert_eq!(count, 0, "nothing to remove is no error, as in Kafka");
}

#[test]
fn an_entity_fails_as_a_whole_and_alone() {
    let (bob, app) = (User(named("bob")), Client(named("app")));
    let mut request =
        asked(&bob, &[change("consumer_byte_rate", Some(1.0)), change("no_such_rate", Some(1.0))]);
    request.entities.extend(asked(&app, &[change("consumer_byte_rate", Some(2.0))]).entities);
    let decision = alter_client_quotas(&ClusterImage::empty(), &request);
    let wrong = AlterQuotaError::Key { key: "no_such_rate".into() };
    assert_eq!(decision.results, [Err(wrong), Ok(())]);
    let (key, value) = (ConsumerByteRate, Some(value(2.0)));
    let record = MetadataRecord::ClientQuotaChanged { entity: app, key, value };
    assert_eq!(decision.records, [record]);
    request.mode = Mode::ValidateOnly;
    let validated = alter_client_quotas(&ClusterImage::empty(), &request);
    assert_eq!((validated.records, validated.results), (vec![], decision.results));
}

#[test]
fn quotas_that_cannot_be_are_refused() {
    let (bob, local) = (User(named("bob")), Ip(named("127.0.0.1")));
    let wrong = |key: &str| AlterQuotaError::Key { key: key.to_owned() };
    refuse(&bob, "connection_creation_rate", 1.0, wrong("connection_creation_rate"));
    refuse(&local, "producer_byte_rate", 1.0, wrong("producer_byte_rate"));
    refuse(&bob, "", 1.0, wrong(""));
    for number in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let error = AlterQuotaError::NotPositive { key: RequestPercentage };
        refuse(&bob, "request_percentage", number, error);
    }
    for (entity, key) in [(&bob, ProducerByteRate), (&local, ConnectionCreationRate)] {
        refuse(entity, key.name(), 1.5, AlterQuotaError::Fraction { key });
        refuse(entity, key.name(), 1e300, AlterQuotaError::TooLarge { key });
    }
    let error = AlterQuotaError::TooLarge { key: RequestPercentage };
    refuse(&bob, "request_percentage", f64::INFINITY, error);
    for name in [String::new(), "x".repeat(NAME_BYTES_MAX + 1)] {
        for entity in [
            User(named(&name)),
            Client(named(&name)),
            UserAndClient(named("bob"), named(&name)),
            UserAndClient(named(&name), QuotaName::Default),
        ] {
            refuse(&entity, "consumer_byte_rate", 1.0, AlterQuotaError::Name);
        }
    }
    for ip in ["", "localhost", "127.0.0.1:80", "::0001"] {
        let error = AlterQuotaError::Address { ip: ip.to_owned() };
        refuse(&Ip(named(ip)), "connection_creation_rate", 1.0, error);
    }
}

#[test]
fn a_quota_may_have_a_fraction_where_it_is_no_count() {
    let request = asked(&Client(QuotaName::Default), &[change("request_percentage", Some(0.5))]);
    let decision = alter_client_quotas(&ClusterImage::empty(), &request);
    assert_eq!((decision.records.len(), decision.results), (1, vec![Ok(())]));
}

#[test]
fn the_number_of_entities_is_bounded() {
    let users = (0..ENTITIES_MAX).map(|number| (User(named(&number.to_string())), 1.0));
    let image = with(&users.collect::<Vec<_>>());
    let ask = |user: &str| {
        let request = asked(&User(named(user)), &[change("producer_byte_rate", Some(2.0))]);
        alter_client_quotas(&image, &request).results
    };
    assert_eq!(ask("one more"), [Err(AlterQuotaError::TooMany)]);
    assert_eq!(AlterQuotaError::TooMany.code(), ErrorCode::PolicyViolation);
    assert_eq!(ask("7"), [Ok(())], "those that have quotas can change them");
}

#[test]
fn a_record_that_does_not_follow_is_refused() {
    let record = |entity: QuotaEntity, key, value| {
        let record = MetadataRecord::ClientQuotaChanged { entity, key, value };
        ClusterImage::empty().fold(&[record]).unwrap_err()
    };
    let (entity, key) = (User(named("bob")), ProducerByteRate);
    let error = ApplyError::QuotaUnknown { entity: entity.clone(), key };
    assert_eq!(record(entity.clone(), key, None), error);
    let key = ConnectionCreationRate;
    let error = ApplyError::QuotaMisplaced { entity: entity.clone(), key };
    assert_eq!(record(entity, key, Some(value(1.0))), error);
}
