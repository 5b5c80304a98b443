//! Brings the printed values of both implementations to one form, so that names, order, values and
//! defaults of all fields compare.

/// The oracle's names for an integer or a string with a meaning.
const WRAPPERS: [&str; 5] = ["TopicName", "BrokerId", "TransactionalId", "ProducerId", "GroupId"];

/// What only one side has, with the value it has when the version lacks it.
const ONE_SIDED: [&str; 9] = [
    ", unknown_tagged_fields: {}",
    ", is_default: false",
    ", transaction_version: 0",
    ", share_acquire_mode: 0",
    ", is_renew_ack: false",
    ", partition_max_bytes: 0",
    ", acquisition_lock_timeout_ms: 0",
    ", lag: -1",
    ", delivery_complete_count: -1",
];

/// Names of structures and fields that differ, and a common one: Kafka gives a request and its
/// response different structures of one name, renamed a field, names one with a keyword, and has
/// long names.
const RENAMED: [(&str, &str); 16] = [
    (" generation_id_or_member_epoch: ", " generation_id: "),
    ("QuorumTopic {", "TopicData {"),
    ("QuorumPartition {", "PartitionData {"),
    ("EntryResult {", "EntryData {"),
    (" _match: ", " match: "),
    ("DescribeShareGroupOffsetsRequestGroup {", "DescribeGroup {"),
    ("DescribeShareGroupOffsetsRequestTopic {", "DescribeTopic {"),
    ("DescribeShareGroupOffsetsResponseGroup {", "DescribedGroup {"),
    ("DescribeShareGroupOffsetsResponseTopic {", "DescribedTopic {"),
    ("DescribeShareGroupOffsetsResponsePartition {", "DescribedPartition {"),
    ("AlterShareGroupOffsetsRequestTopic {", "AlterTopic {"),
    ("AlterShareGroupOffsetsRequestPartition {", "AlterPartition {"),
    ("AlterShareGroupOffsetsResponseTopic {", "AlteredTopic {"),
    ("AlterShareGroupOffsetsResponsePartition {", "AlteredPartition {"),
    ("DeleteShareGroupOffsetsRequestTopic {", "DeleteTopic {"),
    ("DeleteShareGroupOffsetsResponseTopic {", "DeletedTopic {"),
];

/// The common form of a value printed with `{:?}`.
pub(crate) fn normal_form(debug: &str) -> String {
    let mut form = debug.to_owned();
    for name in WRAPPERS {
        form = unwrapped(&form, &format!("{name}("), ")", str::to_owned);
    }
    for (name, common) in RENAMED {
        form = form.replace(name, common);
    }
    for field in ONE_SIDED {
        form = form.replace(field, "");
    }
    // Bytes of records are `Bytes([97, 98])` here, `Some(b"ab")` there; others `[97, 98]`, `b"ab"`.
    form = unwrapped(&form, "Bytes([", "])", |inner| format!("Some([{inner}])"));
    form = unwrapped(&form, " b\"", "\"", |text| format!(" {:?}", text.as_bytes()));
    form = unwrapped(&form, "(b\"", "\"", |text| format!("({:?}", text.as_bytes()));
    form = form.replace("records: Null", "records: None");
    form = unwrapped(&form, "id: [", "]", |inner| {
        let hex: Vec<_> = inner.split(", ").map(|byte| format!("{:02x}", number(byte))).collect();
        let parts = [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]];
        format!("id: {}", parts.map(<[String]>::concat).join("-"))
    });
    // A nullable field that the version lacks is null here, empty there; no sample is empty.
    form.replace("Some(\"\")", "None").replace("Some([])", "None")
}

fn number(digits: &str) -> u8 {
    digits.parse().unwrap()
}

/// Replaces each `open` inner `close` by what `replace` makes of inner. Does not nest.
fn unwrapped(text: &str, open: &str, close: &str, replace: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(open);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once(close).unwrap();
        result.push_str(&replace(inner));
        result.push_str(rest);
    }
    result
}
