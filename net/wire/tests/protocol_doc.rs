//! `docs/protocol.md` shows the table of APIs as the code has it.

use corelog_wire::protocol_table;

const BEGIN: &str = "<!-- table of APIs: begin -->\n";
const END: &str = "<!-- table of APIs: end -->";

#[test]
fn the_document_holds_the_table_of_apis() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, rest) = document.split_once(BEGIN).expect("the marker before the table");
    let (table, _) = rest.split_once(END).expect("the marker behind the table");
    let expected = protocol_table();
    assert_eq!(table, expected, "put this between the markers of docs/protocol.md:\n{expected}");
}
