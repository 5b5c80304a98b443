//! Quotas as clients set and see them.

use corelog_cluster::ClusterImage;
use corelog_wire::api::alter_client_quotas::OpData;

use super::*;
use crate::api::scene::{cluster, decided, received, served};

const INVALID: i16 = ErrorCode::InvalidRequest.code();

/// Type and name of a part; no name is the default.
type Part = (&'static str, Option<&'static str>);

fn alteration(
    entries: &[(&[Part], &'static str, Option<f64>)],
) -> AlterClientQuotasRequest<'static> {
    let entries = entries.iter().map(|(parts, key, value)| EntryData {
        entity: parts
            .iter()
            .map(|(kind, name)| EntityData {
                entity_type: Text::Borrowed(kind),
                entity_name: name.map(Text::Borrowed),
            })
            .collect(),
        ops: vec![OpData {
            key: Text::Borrowed(key),
            value: Float64::new(value.unwrap_or_default()),
            remove: value.is_none(),
        }],
    });
    AlterClientQuotasRequest { entries: entries.collect(), validate_only: false }
}

/// Carries a request out: the image after it, and the code of each entry.
fn carry_out(
    image: &ClusterImage,
    request: &AlterClientQuotasRequest<'static>,
) -> (ClusterImage, Vec<i16>) {
    let (response, image) = match translate(request.clone()) {
        Translation::Answer(response) => (response, image.clone()),
        Translation::Ask { change, pending, .. } => {
            let (ending, image) = decided(image, change);
            (pending.respond(ending), image)
        }
    };
    let entities = response.entries.iter().map(|entry| entry.entity.clone());
    let asked = request.entries.iter().map(|entry| entry.entity.clone());
    assert!(entities.eq(asked), "each entity is answered, in order");
    for version in served::<AlterClientQuotasRequest<'_>>() {
        let read: AlterClientQuotasResponse<'_> = received(&response, version);
        assert_eq!(read, response);
    }
    (image, response.entries.iter().map(|entry| entry.error_code).collect())
}

fn image() -> ClusterImage {
    let rate = "producer_byte_rate";
    let (image, codes) = carry_out(
        &cluster(&[1]),
        &alteration(&[
            (&[("user", Some("bob"))], rate, Some(1.0)),
            (&[("user", None)], rate, Some(2.0)),
            (&[("client-id", Some("app"))], rate, Some(3.0)),
            (&[("client-id", Some("app")), ("user", Some("bob"))], rate, Some(4.0)),
            (&[("user", Some("bob")), ("client-id", None)], rate, Some(5.0)),
            (&[("ip", Some("127.0.0.1"))], "connection_creation_rate", Some(6.0)),
            (&[("ip", None)], "connection_creation_rate", Some(7.0)),
        ]),
    );
    assert_eq!(codes, [0; 7]);
    image
}

/// A component by match type.
type Component = (&'static str, i8, Option<&'static str>);

fn asked(components: &[Component], strict: bool) -> DescribeClientQuotasRequest<'static> {
    let components = components.iter().map(|(kind, match_type, name)| ComponentData {
        entity_type: Text::Borrowed(kind),
        match_type: *match_type,
        r#match: name.map(Text::Borrowed),
    });
    DescribeClientQuotasRequest { components: components.collect(), strict }
}

/// The values of the quotas that are described, which name the entities of [`image`].
fn described(components: &[Component], strict: bool) -> Vec<f64> {
    let response = describe(&asked(components, strict), image().client_quotas());
    assert_eq!(response.error_code, 0, "{:?}", response.error_message);
    let entries = response.entries.unwrap().into_iter();
    let mut values: Vec<_> =
        entries.flat_map(|entry| entry.values).map(|value| value.value.value()).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[test]
fn filters_find_what_they_name() {
    assert_eq!(described(&[], false), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(described(&[], true), [0.0; 0], "strictly, an entity of no parts");
    let bob = ("user", 0, Some("bob"));
    assert_eq!(described(&[bob], false), [1.0, 4.0, 5.0]);
    assert_eq!(described(&[bob], true), [1.0]);
    assert_eq!(described(&[("user", 1, None)], false), [2.0]);
    assert_eq!(described(&[("user", 2, None)], false), [1.0, 2.0, 4.0, 5.0]);
    assert_eq!(described(&[("user", 2, None)], true), [1.0, 2.0]);
    assert_eq!(described(&[bob, ("client-id", 2, None)], true), [4.0, 5.0]);
    assert_eq!(described(&[bob, ("client-id", 1, None)], false), [5.0]);
    assert_eq!(described(&[("client-id", 0, Some("app"))], false), [3.0, 4.0]);
    assert_eq!(described(&[("client-id", 0, Some("other"))], false), [0.0; 0]);
    assert_eq!(described(&[("ip", 0, Some("127.0.0.1"))], false), [6.0]);
    assert_eq!(described(&[("ip", 2, None)], true), [6.0, 7.0]);
}

#[test]
fn an_entity_is_described_with_its_names_in_every_version() {
    let filter = [("user", 0, Some("bob")), ("client-id", 1, None)];
    let response = describe(&asked(&filter, true), image().client_quotas());
    let part = |kind: &'static str, name: Option<&'static str>| {
        let (entity_type, entity_name) = (Text::Borrowed(kind), name.map(Text::Borrowed));
        describe_client_quotas::EntityData { entity_type, entity_name }
    };
    let entry = describe_client_quotas::EntryData {
        entity: vec![part("user", Some("bob")), part("client-id", None)],
        values: vec![ValueData { key: "producer_byte_rate".into(), value: Float64::new(5.0) }],
    };
    for version in served::<DescribeClientQuotasRequest<'_>>() {
        let read: DescribeClientQuotasResponse<'_> = received(&response, version);
        assert_eq!(read.entries, Some(vec![entry.clone()]));
    }
}

#[test]
fn filters_that_make_no_sense_are_refused() {
    let refused = |components: &[Component], code: ErrorCode| {
        let response = describe(&asked(components, false), image().client_quotas());
        assert_eq!((response.error_code, &response.entries), (code.code(), &None));
        assert!(response.error_message.is_some());
    };
    let invalid = ErrorCode::InvalidRequest;
    refused(&[("", 2, None)], invalid);
    refused(&[("group", 2, None)], ErrorCode::UnsupportedVersion);
    refused(&[("user", 2, None), ("user", 1, None)], invalid);
    refused(&[("user", 2, None), ("ip", 2, None)], invalid);
    refused(&[("client-id", 2, None), ("ip", 2, None)], invalid);
    for match_type in [-1, 1, 2, 3] {
        refused(&[("user", match_type, Some("bob"))], invalid);
    }
    refused(&[("user", 0, None)], invalid);
}

#[test]
fn each_entity_succeeds_or_fails_alone() {
    let rate = "consumer_byte_rate";
    let request = alteration(&[
        (&[], rate, Some(1.0)),
        (&[("user", Some("a"))], rate, Some(1.0)),
        (&[("group", Some("a"))], rate, Some(1.0)),
        (&[("user", Some(""))], rate, Some(1.0)),
        (&[("user", Some("a")), ("ip", Some("::1"))], rate, Some(1.0)),
        (&[("user", Some("b"))], rate, Some(-1.0)),
        (&[("ip", Some("localhost"))], "connection_creation_rate", Some(1.0)),
    ]);
    let (image, codes) = carry_out(&cluster(&[1]), &request);
    assert_eq!(codes, [INVALID, 0, INVALID, INVALID, INVALID, INVALID, INVALID]);
    assert_eq!(image.client_quotas().len(), 1);
    let nothing_to_ask = alteration(&[(&[], rate, Some(1.0))]);
    assert_eq!(carry_out(&image, &nothing_to_ask).1, [INVALID]);
    let message = match translate(nothing_to_ask) {
        Translation::Answer(response) => response.entries[0].error_message.clone(),
        Translation::Ask { .. } => None,
    };
    assert_eq!(message.as_deref(), Some("invalid empty client quota entity"));
}

#[test]
fn what_is_only_validated_or_removed_is_not_there() {
    let before = image();
    let mut request = alteration(&[(&[("user", Some("carol"))], "request_percentage", Some(0.5))]);
    request.validate_only = true;
    let (after, codes) = carry_out(&before, &request);
    assert_eq!((codes, &after), (vec![0], &before));
    let (after, codes) =
        carry_out(&before, &alteration(&[(&[("user", Some("bob"))], "producer_byte_rate", None)]));
    assert_eq!((codes, after.client_quotas().len()), (vec![0], 6));
}

#[test]
fn an_address_is_found_however_it_was_written() {
    let written = [("ip", Some("0:0::0:1"))];
    let request = alteration(&[(&written, "connection_creation_rate", Some(1.0))]);
    let (image, codes) = carry_out(&cluster(&[1]), &request);
    assert_eq!(codes, [0]);
    let rate = image.client_quotas().connection_creation_rate("::1".parse().unwrap());
    assert_eq!(rate.map(corelog_cluster::QuotaValue::get), Some(1.0));
}

#[test]
fn every_entity_of_a_late_change_is_told() {
    let request = alteration(&[(&[("user", Some("bob"))], "request_percentage", None)]);
    let Translation::Ask { pending, .. } = translate(request) else { panic!("something to ask") };
    let response = pending.respond(Ending::TimedOut);
    assert_eq!(response.entries[0].error_code, ErrorCode::RequestTimedOut.code());
}
