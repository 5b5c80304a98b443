//! Reads the sources of the whole workspace and names every place that breaks a rule of
//! docs/style.md or of docs/architecture.md. Each rule also has tests on small made-up sources, so
//! that no rule is unable to fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use document::{Arrows, Document, unsafe_files};
use manifest::Manifest;
use source::{Finding, Source};

#[path = "tidy/document.rs"]
mod document;
#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

/// Where the packages are.
const TREES: [&str; 5] = ["engine", "net", "bin", "bench", "fuzz"];

/// Folders that hold no text of ours.
const SKIPPED: [&str; 6] = ["target", "generated", "corpus", "artifacts", "node_modules", ".git"];

const ARCHITECTURE: &str = "docs/architecture.md";

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the package lies in a folder of the workspace").to_owned()
}

/// Every file of a kind below a folder of the workspace, in the order of their paths.
fn sources(folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        // A tree may not have a package yet.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if path.is_file() && is_wanted(&name) {
                sources.push(read(&path));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn read(path: &Path) -> Source {
    let relative = path.strip_prefix(root()).expect("only the workspace is read");
    let text = fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Source { path: relative.to_string_lossy().into_owned(), text }
}

fn rust_sources() -> Vec<Source> {
    let is_rust = |name: &str| Path::new(name).extension().is_some_and(|end| end == "rs");
    TREES.iter().flat_map(|tree| sources(tree, is_rust)).collect()
}

fn architecture() -> Document {
    Document::new(read(&root().join(ARCHITECTURE)))
}

#[track_caller]
fn assert_tidy(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{} places are not tidy:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_rules_see_the_whole_workspace() {
    let paths: BTreeSet<String> = rust_sources().into_iter().map(|source| source.path).collect();
    for path in ["bin/src/main.rs", "bin/tests/tidy.rs", "bin/tests/tidy/rules.rs"] {
        assert!(paths.contains(path), "{path} is not read");
    }
}

#[test]
fn every_source_is_tidy() {
    let findings: Vec<Finding> = rust_sources().iter().flat_map(rules::check).collect();
    assert_tidy(&findings);
}

#[test]
fn unsafe_code_is_only_where_the_architecture_lists_it() {
    let listed = unsafe_files(&architecture()).expect("the architecture lists unsafe files");
    assert_tidy(&rules::check_unsafe(&rust_sources(), &listed));
}

#[test]
fn packages_import_only_along_the_drawn_arrows() {
    let arrows = Arrows::parse(&architecture()).expect("the architecture draws the arrows");
    assert_eq!(arrows.cycle(), None, "arrows point one way");
    let manifests = TREES.iter().flat_map(|tree| sources(tree, |name| name == "Cargo.toml"));
    let manifests: Vec<Manifest> = manifests.map(|source| Manifest::parse(&source)).collect();
    assert!(manifests.iter().any(|manifest| manifest.package == "corelog"));
    let findings: Vec<Finding> =
        manifests.iter().flat_map(|manifest| manifest.check(&arrows)).collect();
    assert_tidy(&findings);
}

/// The README starts the broker with `cargo run`, which takes any package that names a program if
/// the workspace does not say which.
#[test]
fn cargo_runs_the_broker_unless_told_otherwise() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).expect("cargo describes the workspace");
    let members = metadata["workspace_default_members"].as_array().expect("a list of packages");
    let members: Vec<&str> = members.iter().filter_map(serde_json::Value::as_str).collect();
    assert!(matches!(members[..], [only] if only.contains("/bin#")), "{members:?}");
}

#[test]
fn links_in_the_documents_resolve() {
    let is_document =
        |name: &str| Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("md"));
    let mut documents = sources("docs", is_document);
    let entries = fs::read_dir(root()).expect("the workspace can be listed").flatten();
    let beside = entries.map(|entry| entry.path()).filter(|path| {
        path.is_file() && is_document(&path.file_name().unwrap_or_default().to_string_lossy())
    });
    documents.extend(beside.map(|path| read(&path)));
    assert!(documents.iter().any(|document| document.path == ARCHITECTURE));
    let exists = |path: &str| root().join(path).exists();
    let findings: Vec<Finding> = documents
        .into_iter()
        .flat_map(|source| Document::new(source).broken_links(exists))
        .collect();
    assert_tidy(&findings);
}
