//! `docs/security.md` shows the table of rights as the code has it.

use corelog_server::authorize::table::rights_table;

const BEGIN: &str = "<!-- table of rights: begin -->\n";
const END: &str = "<!-- table of rights: end -->";

#[test]
fn the_document_holds_the_table_of_rights() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, rest) = document.split_once(BEGIN).expect("the marker before the table");
    let (table, _) = rest.split_once(END).expect("the marker behind the table");
    let expected = rights_table();
    assert_eq!(table, expected, "put this between the markers of docs/security.md:\n{expected}");
}
