//! Results for scripts: one JSON document, ended by a newline.

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// The document of a result, indented.
pub fn document<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| {
        Failure::new(
            Exit::Failed,
            "cannot write the result as JSON",
            error,
            "run again without --json",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_document_ends_with_a_newline() {
        assert_eq!(document(&[1]).unwrap(), "[\n  1\n]\n");
    }

    #[test]
    fn a_value_that_json_cannot_hold_is_an_error() {
        let failure = document(&BTreeMap::from([(vec![1], 2)])).unwrap_err();
        assert_eq!(failure.exit(), Exit::Failed);
    }
}
