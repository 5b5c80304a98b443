//! The rules about one Rust source, and the rule about where `unsafe` may stand.

use std::collections::BTreeSet;

use super::source::{Finding, Source, words};

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "common", "helpers", "types", "manager"];

/// Words that open the condition under which a leftover is dropped.
const CONDITIONS: [&str; 4] = ["when", "until", "after", "once"];

/// Split, so that this file does not find itself.
const LEFTOVERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Everything that is checked in each source alone.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    [length(source), columns(source), head(source), names(source), leftovers(source)]
        .into_iter()
        .chain([runtime(source)])
        .flatten()
        .collect()
}

/// `unsafe` stands only in the listed files, and each of them needs its place in the list.
pub(crate) fn check_unsafe(sources: &[Source], listed: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources {
        for line in lines_with(&source.code(), "unsafe") {
            used.insert(source.path.clone());
            if !listed.contains(&source.path) {
                let message = "unsafe code in a file that docs/architecture.md does not list";
                findings.push(source.finding(line, message));
            }
        }
    }
    findings.extend(listed.difference(&used).map(|path| Finding {
        path: path.clone(),
        line: 1,
        message: "docs/architecture.md lists this file for unsafe code, but there is none".into(),
    }));
    findings
}

fn length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![source.finding(lines, format!("{lines} lines; split it by noun at {LINES_MAX}"))]
}

fn columns(source: &Source) -> Vec<Finding> {
    let width = |line: &str| line.chars().count();
    let too_wide = (1..).zip(source.text.lines()).filter(|(_, line)| width(line) > COLUMNS_MAX);
    too_wide
        .map(|(line, text)| {
            source.finding(line, format!("{} columns; at most {COLUMNS_MAX}", width(text)))
        })
        .collect()
}

fn head(source: &Source) -> Vec<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    match first.strip_prefix("//!") {
        Some(sentence) if !sentence.trim().is_empty() => Vec::new(),
        _ => vec![source.finding(1, "begins without `//!` saying what the file is for")],
    }
}

fn names(source: &Source) -> Vec<Finding> {
    let empty = |name: &str| EMPTY_NAMES.contains(&name);
    let in_path = source.path.split('/').map(|part| part.trim_end_matches(".rs"));
    let mut findings: Vec<Finding> = in_path
        .filter(|part| empty(part))
        .map(|part| source.finding(1, format!("a path with {part:?}, which names no noun")))
        .collect();
    for (line, text) in (1..).zip(source.code().lines()) {
        let words: Vec<&str> = words(text).collect();
        let modules = words.windows(2).filter(|pair| pair[0] == "mod" && empty(pair[1]));
        findings.extend(modules.map(|pair| {
            source.finding(line, format!("a module {:?}, which names no noun", pair[1]))
        }));
    }
    findings
}

/// A leftover names the condition under which it goes, in its own line or the next one.
fn leftovers(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let is_open = |position: usize| {
        let mut words = words(lines[position]);
        let is_leftover = words.any(|word| LEFTOVERS.contains(&word));
        let next = lines.get(position + 1).copied().unwrap_or_default();
        let next = if next.trim_start().starts_with("//") { next } else { "" };
        let rest = words.chain(super::source::words(next)).collect::<Vec<_>>();
        is_leftover && !rest.iter().any(|word| CONDITIONS.contains(word))
    };
    let message = format!("a leftover without its condition ({})", CONDITIONS.join(", "));
    let open = (0..lines.len()).filter(|&position| is_open(position));
    open.map(|position| source.finding(position + 1, message.as_str())).collect()
}

/// The runtime is behind `engine/io`, except for sockets and for the executors of the binary.
fn runtime(source: &Source) -> Vec<Finding> {
    let allowed = ["engine/io/", "net/server/src/socket", "bin/"];
    if allowed.iter().any(|prefix| source.path.starts_with(prefix)) {
        return Vec::new();
    }
    let lines = lines_with(&source.code(), "glommio");
    let message = "glommio is named outside of engine/io, the sockets of net/server, and bin";
    lines.into_iter().map(|line| source.finding(line, message)).collect()
}

fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let lines = (1..).zip(code.lines());
    lines.filter(|(_, text)| words(text).any(|w| w == word)).map(|(line, _)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    /// Checks the lines of the findings in a file with this body behind its head.
    #[track_caller]
    fn check_body(path: &str, body: &str, lines: &[usize]) {
        let findings = check(&source(path, &format!("//! Head.\n{body}")));
        let found: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(found, lines, "{findings:?}");
    }

    fn check_text(body: &str, lines: &[usize]) {
        check_body("engine/log/src/journal.rs", body, lines);
    }

    #[test]
    fn a_file_of_600_lines_is_the_longest() {
        check_text(&"\n".repeat(599), &[]);
        check_text(&"\n".repeat(600), &[601]);
    }

    #[test]
    fn a_line_of_100_characters_is_the_widest() {
        check_text(&format!("// {}\n", "ü".repeat(97)), &[]);
        check_text(&format!("// {}\n", "x".repeat(98)), &[2]);
    }

    #[test]
    fn a_file_begins_with_what_it_is_for() {
        for text in ["", "fn f() {}\n", "//!\n", "// A comment.\n", "\n//! Late.\n"] {
            assert_eq!(check(&source("bin/src/a.rs", text)).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn names_without_a_noun_are_found_in_paths_and_modules() {
        check_body("engine/log/src/utils.rs", "", &[1]);
        check_body("engine/common/src/a.rs", "", &[1]);
        check_text("mod helpers;\npub(crate) mod manager {}\n", &[2, 3]);
        check_text("mod types_of_records;\n// mod helpers\nlet s = \"mod utils\";\n", &[]);
    }

    #[test]
    fn a_leftover_needs_its_condition() {
        for word in LEFTOVERS {
            check_text(&format!("// {word}: drop it\n"), &[2]);
            check_text(&format!("// {word} when: no\nfn f() {{}}\n"), &[]);
            check_text(&format!("// {word}: drop when the format is 2.\n"), &[]);
            check_text(&format!("// {word}: drop this line\n// once the format is 2.\n"), &[]);
            check_text(&format!("// When: {word}: drop it\nlet when = 1;\n"), &[2]);
        }
    }

    #[test]
    fn the_runtime_is_named_only_behind_the_seam() {
        let body = "use glommio::Task;\n";
        check_body("engine/log/src/journal.rs", body, &[2]);
        check_body("net/server/src/listener.rs", body, &[2]);
        check_body("net/server/src/socket.rs", body, &[]);
        check_body("net/server/src/socket/tls.rs", body, &[]);
        check_body("engine/io/src/task.rs", body, &[]);
        check_body("bin/src/serve.rs", body, &[]);
        check_text("// glommio collects completions here.\n", &[]);
    }

    #[test]
    fn unsafe_code_needs_its_place_in_the_list() {
        let sources = [
            source("a.rs", "//! A.\nfn f() { unsafe {} }\n"),
            source("b.rs", "//! B.\n// unsafe\n#![deny(unsafe_code)]\nlet s = \"unsafe\";\n"),
        ];
        let places = |listed: &[&str]| {
            let listed = listed.iter().map(|&path| path.to_owned()).collect();
            let findings = check_unsafe(&sources, &listed);
            findings.into_iter().map(|finding| (finding.path, finding.line)).collect::<Vec<_>>()
        };
        assert_eq!(places(&[]), [("a.rs".into(), 2)]);
        assert_eq!(places(&["a.rs"]), []);
        assert_eq!(places(&["a.rs", "b.rs"]), [("b.rs".into(), 1)]);
        assert_eq!(places(&["a.rs", "gone.rs"]), [("gone.rs".into(), 1)]);
    }
}
