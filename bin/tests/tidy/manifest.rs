//! The manifest of a package: what it imports, and what every manifest must say.

use super::document::Arrows;
use super::source::{Finding, Source, words};

/// Packages that may depend on the runtime.
const RUNTIME_USERS: [&str; 3] = ["corelog-io", "corelog-server", "corelog"];

/// A `Cargo.toml`.
pub(crate) struct Manifest {
    source: Source,
    /// Name of the package.
    pub(crate) package: String,
    /// Line and package of every dependency that is not only for tests.
    dependencies: Vec<(usize, String)>,
    inherits_lints: bool,
}

impl Manifest {
    /// Reads as much of TOML as manifests use: sections, and one entry a line.
    pub(crate) fn parse(source: &Source) -> Self {
        let mut manifest = Self {
            source: source.clone(),
            package: String::new(),
            dependencies: Vec::new(),
            inherits_lints: false,
        };
        let mut section = String::new();
        for (line, text) in (1..).zip(source.text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
                // `[dependencies.name]` is a section of its own.
                if let Some((table, name)) = name.rsplit_once('.')
                    && is_dependencies(table)
                {
                    manifest.dependencies.push((line, name.trim_matches('"').to_owned()));
                }
            } else if let Some((key, value)) = text.split_once('=') {
                manifest.add(&section, line, key.trim(), value.trim());
            }
        }
        manifest
    }

    fn add(&mut self, section: &str, line: usize, key: &str, value: &str) {
        let is_of_one_dependency =
            section.rsplit_once('.').is_some_and(|(table, _)| is_dependencies(table));
        match (section, key) {
            ("package", "name") => value.trim_matches('"').clone_into(&mut self.package),
            ("lints", "workspace") => self.inherits_lints = value == "true",
            (table, _) if is_dependencies(table) => {
                let name = key.split('.').next().unwrap_or(key).trim_matches('"');
                let name = renamed_from(value).unwrap_or(name);
                self.dependencies.push((line, name.to_owned()));
            }
            (_, "package") if is_of_one_dependency => {
                self.dependencies.push((line, value.trim_matches('"').to_owned()));
            }
            _ => {}
        }
    }

    /// What breaks the drawn arrows, or is missing.
    pub(crate) fn check(&self, arrows: &Arrows) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.inherits_lints {
            findings.push(self.source.finding(1, "no `[lints] workspace = true`"));
        }
        let allowed = arrows.of(&self.package);
        if allowed.is_none() {
            let message = format!("docs/architecture.md does not draw {}", self.package);
            findings.push(self.source.finding(1, message));
        }
        for (line, name) in &self.dependencies {
            let is_ours = name == "corelog" || name.starts_with("corelog-");
            if is_ours && allowed.is_some_and(|allowed| !allowed.contains(name)) {
                let message = format!("{} -> {name} is not drawn", self.package);
                findings.push(self.source.finding(*line, message));
            }
            let is_runtime = words(name).any(|word| word == "glommio");
            if is_runtime && !RUNTIME_USERS.contains(&self.package.as_str()) {
                let message = format!("{} depends on the runtime", self.package);
                findings.push(self.source.finding(*line, message));
            }
        }
        findings
    }
}

/// Whether a section lists dependencies of the package itself, not of its tests.
fn is_dependencies(section: &str) -> bool {
    matches!(section.rsplit('.').next(), Some("dependencies" | "build-dependencies"))
}

/// The `package` of `name = { package = "other" }`.
fn renamed_from(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("package")?;
    rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    const ARROWS: &str = "```arrows\ncorelog-log -> corelog-model\ncorelog-io ->\n```\n";

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[track_caller]
    fn check(package: &str, sections: &str, expected: &[(usize, &str)]) {
        let head = format!("[package]\nname = \"{package}\"\n[lints]\nworkspace = true\n");
        let manifest = Manifest::parse(&source("a/Cargo.toml", &format!("{head}{sections}")));
        let arrows = Arrows::parse(&Document::new(source("a.md", ARROWS))).unwrap();
        let findings = manifest.check(&arrows);
        let found: Vec<_> = findings.iter().map(|f| (f.line, f.message.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_drawn_arrow_and_foreign_packages_are_allowed() {
        let sections = "[dependencies]\nbytes.workspace = true\n\
                        corelog-model = { path = \"../model\" } # ours\n";
        check("corelog-log", sections, &[]);
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_found_however_it_is_written() {
        let wrong = "corelog-log -> corelog-io is not drawn";
        for (line, sections) in [
            (6, "[dependencies]\ncorelog-io = { path = \"../io\" }\n"),
            (6, "[dependencies]\ncorelog-io.workspace = true\n"),
            (6, "[build-dependencies]\ncorelog-io.path = \"../io\"\n"),
            (6, "[dependencies]\nio = { path = \"../io\", package = \"corelog-io\" }\n"),
            (6, "[target.'cfg(unix)'.dependencies]\ncorelog-io.path = \"../io\"\n"),
            (5, "[dependencies.corelog-io]\npath = \"../io\"\n"),
            (6, "[dependencies.io]\npackage = \"corelog-io\"\n"),
        ] {
            check("corelog-log", sections, &[(line, wrong)]);
        }
    }

    #[test]
    fn tests_may_import_anything() {
        check("corelog-log", "[dev-dependencies]\ncorelog-io.path = \"../io\"\n", &[]);
        check("corelog-log", "[dev-dependencies.corelog-io]\npath = \"../io\"\n", &[]);
    }

    #[test]
    fn a_package_that_is_not_drawn_is_found() {
        let missing = "docs/architecture.md does not draw corelog-new";
        check("corelog-new", "", &[(1, missing)]);
    }

    #[test]
    fn the_runtime_is_a_dependency_of_few() {
        let sections = "[dependencies]\nglommio.workspace = true\n";
        check("corelog-io", sections, &[]);
        check("corelog-log", sections, &[(6, "corelog-log depends on the runtime")]);
    }

    #[test]
    fn every_package_has_the_lints_of_the_workspace() {
        let text = "[package]\nname = \"corelog-io\"\n";
        let arrows = Arrows::parse(&Document::new(source("a.md", ARROWS))).unwrap();
        let findings = Manifest::parse(&source("a/Cargo.toml", text)).check(&arrows);
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
