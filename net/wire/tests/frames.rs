//! Whole frames: headers, length prefixes, external records, and the rules clients depend on.

use corelog_wire::api::current_leader::LeaderIdAndEpoch;
use corelog_wire::api::{api_versions, fetch, produce};
use corelog_wire::*;

#[test]
fn a_request_frame_of_a_flexible_version_has_header_version_2() {
    let header = RequestHeader::new::<ApiVersionsRequest>(3, 7, Some("me"));
    let body = ApiVersionsRequest {
        client_software_name: "n".into(),
        client_software_version: "v".into(),
    };
    let frame = encode_request(&header, &body).unwrap();
    // The client id keeps its 16-bit length; the tagged fields follow it.
    let expected = b"\0\0\0\x12\0\x12\0\x03\0\0\0\x07\0\x02me\0\x02n\x02v\0";
    assert_eq!(frame, EncodedFrame { head: expected.to_vec(), ..EncodedFrame::default() });

    let mut reader = Reader::new(&frame.head[4..]);
    assert_eq!(RequestHeader::decode(&mut reader), Ok(header));
    assert_eq!(ApiVersionsRequest::decode(&mut reader, 3), Ok(body));
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn a_request_frame_of_an_older_version_has_header_version_1() {
    let header = RequestHeader::new::<ApiVersionsRequest>(0, 7, None);
    let frame = encode_request(&header, &ApiVersionsRequest::default()).unwrap();
    assert_eq!(frame.head, b"\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff");
    assert_eq!(RequestHeader::decode(&mut Reader::new(&frame.head[4..])), Ok(header));
}

#[test]
fn unknown_tagged_fields_of_a_header_are_skipped() {
    let bytes = b"\0\x12\0\x03\0\0\0\x07\0\x02me\x02\0\x01x\x05\x03abc\x02n";
    let mut reader = Reader::new(bytes);
    let header = RequestHeader::decode(&mut reader).unwrap();
    assert_eq!(header, RequestHeader::new::<ApiVersionsRequest>(3, 7, Some("me")));
    assert_eq!(reader.remaining(), 2);
}

#[test]
fn a_header_with_an_unknown_key_is_refused_and_an_unknown_version_is_not() {
    let unknown = b"\0\x63\0\x01\0\0\0\x07\xff\xff";
    assert_eq!(
        RequestHeader::decode(&mut Reader::new(unknown)),
        Err(WireError::UnknownApi { key: 99, version: 1 })
    );
    let newer = b"\0\x12\0\x63\0\0\0\x07\xff\xff\0";
    let header = RequestHeader::decode(&mut Reader::new(newer)).unwrap();
    assert_eq!((header.api, header.api_version), (ApiKey::ApiVersions, 99));
    assert!(!header.api.info().serves(header.api_version));
}

#[test]
fn the_response_header_of_api_versions_is_always_version_0() {
    for api in APIS {
        for version in api.min..=api.max {
            let flexible = version >= api.flexible_from && api.key != ApiKey::ApiVersions;
            assert_eq!(response_header_version(api.key, version), i16::from(flexible));
        }
    }
    let frame = encode_response(7, 3, &ApiVersionsResponse::default()).unwrap();
    assert_eq!(frame.head, b"\0\0\0\x0c\0\0\0\x07\0\0\x01\0\0\0\0\0");
    let frame = encode_response(7, 9, &ProduceResponse::default()).unwrap();
    assert_eq!(frame.head, b"\0\0\0\x0b\0\0\0\x07\0\x01\0\0\0\0\0");
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let answer = ApiVersionsResponse::unsupported_version();
    let frame = encode_response(7, 0, &answer).unwrap();
    assert_eq!(frame.head, b"\0\0\0\x10\0\0\0\x07\0\x23\0\0\0\x01\0\x12\0\0\0\x04");
}

#[test]
fn produce_is_announced_from_version_0_and_served_from_version_3() {
    let produce = ApiKey::Produce.info();
    let announced = api_versions::ApiVersion::advertised();
    let expected = api_versions::ApiVersion { api_key: 0, min_version: 0, max_version: 13 };
    assert_eq!(announced[0], expected);
    assert!(!produce.serves(2) && produce.serves(3) && produce.serves(13) && !produce.serves(14));
}

#[test]
fn external_records_are_counted_in_the_frame_and_left_out_of_the_head() {
    let batches = [&b"first batch"[..], b"", b"the third batch"];
    for version in ApiKey::Fetch.info().min..=ApiKey::Fetch.info().max {
        let external = response(&batches.map(|batch| Records::External { len: batch.len() }));
        let inline = response(&batches.map(Records::Bytes));
        let external = encode_response(7, version, &external).unwrap();
        let inline = encode_response(7, version, &inline).unwrap();

        let slices = batches.iter().filter(|batch| !batch.is_empty());
        let mut wire = Vec::new();
        let mut sent = 0;
        for ((position, len), slice) in external.external.iter().zip(slices) {
            assert_eq!(*len, slice.len());
            wire.extend(&external.head[sent..*position]);
            wire.extend(*slice);
            sent = *position;
        }
        wire.extend(&external.head[sent..]);
        assert_eq!(wire, inline.head);
        assert_eq!(external.external.len(), 2);
        assert_eq!(external.wire_len(), wire.len());
        assert_eq!(peek_frame_len(&wire, 1000), Ok(Some(wire.len() - 4)));
    }
}

fn response<'a>(records: &[Records<'a>]) -> FetchResponse<'a> {
    let partition = |records: &Records<'a>| fetch::PartitionData {
        records: *records,
        current_leader: LeaderIdAndEpoch { leader_id: 1, leader_epoch: 2 },
        ..Default::default()
    };
    FetchResponse {
        responses: vec![fetch::FetchableTopicResponse {
            topic: "topic".into(),
            topic_id: [1; 16],
            partitions: records.iter().map(partition).collect(),
        }],
        ..Default::default()
    }
}

#[test]
fn records_and_text_borrow_from_the_frame() {
    let request = ProduceRequest {
        topic_data: vec![produce::TopicProduceData {
            name: "topic".into(),
            partition_data: vec![produce::PartitionProduceData {
                index: 1,
                records: Records::Bytes(b"batch"),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut writer = Writer::new();
    request.encode(&mut writer, 9);
    let frame = writer.finish().unwrap().head;
    let read = ProduceRequest::decode(&mut Reader::new(&frame), 9).unwrap();
    assert_eq!(read, request);
    let topic = &read.topic_data[0];
    assert!(matches!(topic.name, Text::Borrowed(_)));
    let Records::Bytes(batch) = topic.partition_data[0].records else { panic!("no bytes") };
    assert!(frame.as_ptr_range().contains(&batch.as_ptr()));
}

#[test]
fn a_length_prefix_is_refused_before_anyone_takes_memory() {
    assert_eq!(peek_frame_len(&[0, 0, 0], 100), Ok(None));
    assert_eq!(peek_frame_len(&[0, 0, 0, 100, 9], 100), Ok(Some(100)));
    let too_long = FrameError::TooLong { len: 101, max: 100 };
    assert_eq!(peek_frame_len(&[0, 0, 0, 101], 100), Err(too_long));
    assert_eq!(peek_frame_len(&[0xff; 4], 100), Err(FrameError::Negative(-1)));
    // An HTTP request that came to the wrong port.
    let too_long = FrameError::TooLong { len: 0x4745_5420, max: 100 };
    assert_eq!(peek_frame_len(b"GET / HTTP/1.1", 100), Err(too_long));
}

#[test]
fn an_array_of_two_billion_elements_in_a_small_frame_is_refused() {
    let refused = |bytes: &[u8], version, remaining| {
        assert_eq!(
            MetadataRequest::decode(&mut Reader::new(bytes), version),
            Err(WireError::Count { count: i32::MAX as usize, remaining })
        );
    };
    refused(b"\x7f\xff\xff\xff\0\0\0\0", 4, 4);
    refused(b"\x80\x80\x80\x80\x08\0\0\0\0", 12, 4);
}

#[test]
fn arrays_of_empty_names_cost_no_more_than_the_budget() {
    // Two bytes a topic on the wire, forty and more in memory.
    let count = 100_000;
    let mut frame = vec![0xa1, 0x8d, 0x06];
    frame.resize(3 + 2 * count, 1);
    frame.extend([1, 0, 0, 0]);
    let read = MetadataRequest::decode(&mut Reader::new(&frame), 9);
    assert_eq!(read, Err(WireError::Budget));
}

#[test]
fn a_null_in_a_version_without_it_is_refused_both_ways() {
    let field = "MetadataRequest.topics";
    let null = b"\xff\xff\xff\xff";
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(null), 0),
        Err(WireError::NullField { field, version: 0 })
    );
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(MetadataRequest::decode(&mut Reader::new(null), 1), Ok(all.clone()));
    let header = RequestHeader::new::<MetadataRequest>(0, 7, None);
    let refused = EncodeError::NullField { field, version: 0 };
    assert_eq!(encode_request(&header, &all), Err(refused));
}

#[test]
fn tagged_fields_are_skipped_when_unknown_and_refused_when_longer_than_they_say() {
    // A request of version 12 with cluster_id (0), a tag of a later version (1), and two unknown
    // ones, of which one is the highest number there is.
    let body =
        b"\xff\xff\xff\xff\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\xff\xff\xff\xff\x01\x01\x01";
    let tags = b"\x04\0\x02\x02c\x01\x01x\x09\0\xff\xff\xff\xff\x0f\x02yz";
    let bytes = [&body[..], tags].concat();
    let mut reader = Reader::new(&bytes);
    let request = FetchRequest::decode(&mut reader, 12).unwrap();
    let expected = FetchRequest {
        cluster_id: Some("c".into()),
        max_wait_ms: 1,
        min_bytes: 2,
        max_bytes: 3,
        ..Default::default()
    };
    assert_eq!((request, reader.remaining()), (expected, 0));

    let tags = b"\x01\0\x03\x02cd";
    let bytes = [&body[..], tags].concat();
    assert_eq!(
        FetchRequest::decode(&mut Reader::new(&bytes), 12),
        Err(WireError::TagLength { tag: 0 })
    );
}

#[test]
fn what_does_not_fit_the_wire_is_refused() {
    let long = "x".repeat(32768);
    let header = RequestHeader::new::<ListOffsetsRequest>(1, 7, Some(&long));
    let refused = encode_request(&header, &ListOffsetsRequest::default());
    assert_eq!(refused, Err(EncodeError::TextTooLong(32768)));

    let header = RequestHeader::new::<ListOffsetsRequest>(1, 7, None);
    assert_eq!(
        encode_request(&header, &MetadataRequest::default()),
        Err(EncodeError::WrongHeader { header: ApiKey::ListOffsets, body: ApiKey::Metadata })
    );
    assert_eq!(
        encode_response(7, 14, &ProduceResponse::default()),
        Err(EncodeError::UnsupportedVersion { api: ApiKey::Produce, version: 14 })
    );
    let half = Records::External { len: i32::MAX as usize - 1 };
    let refused = encode_response(7, 12, &response(&[half, half]));
    assert!(matches!(refused, Err(EncodeError::LengthTooLong(_))), "{refused:?}");
}
