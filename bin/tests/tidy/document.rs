//! A document: its fenced blocks that are read as data, and its links.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Finding, Source};

/// A Markdown file.
pub(crate) struct Document {
    source: Source,
}

/// Which package may import which.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrows(BTreeMap<String, BTreeSet<String>>);

/// The files that the block `unsafe` of the document lists, one in each line.
pub(crate) fn unsafe_files(document: &Document) -> Option<BTreeSet<String>> {
    Some(document.block("unsafe")?.into_iter().collect())
}

impl Document {
    pub(crate) fn new(source: Source) -> Self {
        Self { source }
    }

    /// The lines of the fenced block with this language, without empty ones.
    pub(crate) fn block(&self, language: &str) -> Option<Vec<String>> {
        let start = format!("```{language}");
        let mut lines = self.source.text.lines().skip_while(|line| line.trim_end() != start);
        lines.next()?;
        let body = lines.take_while(|line| line.trim_end() != "```").map(str::trim);
        Some(body.filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Relative links to files that are not there. Links in fenced blocks are examples.
    pub(crate) fn broken_links(&self, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut is_fenced = false;
        for (line, text) in (1..).zip(self.source.text.lines()) {
            if text.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            }
            for target in if is_fenced { Vec::new() } else { links(text) } {
                if !self.resolve(target).is_none_or(|path| exists(&path)) {
                    findings.push(self.source.finding(line, format!("{target} leads nowhere")));
                }
            }
        }
        findings
    }

    /// The path of a link from the root of the workspace; `None` for links that leave it.
    fn resolve(&self, target: &str) -> Option<String> {
        let file = target.split('#').next().unwrap_or_default();
        if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
            return None;
        }
        let folder = self.source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in file.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                name => parts.push(name),
            }
        }
        Some(parts.join("/"))
    }
}

/// The targets of the links in a line: `[text](target)` and `[text](target "title")`.
fn links(line: &str) -> Vec<&str> {
    let behind = line.split("](").skip(1);
    let targets = behind.filter_map(|rest| rest.split([')', ' ']).next());
    targets.map(|target| target.trim_matches(['<', '>'])).collect()
}

impl Arrows {
    /// Reads the block `arrows`: `package -> package, package` in each line.
    pub(crate) fn parse(document: &Document) -> Option<Self> {
        let mut arrows = BTreeMap::new();
        for line in document.block("arrows")? {
            let (from, to) = line.split_once("->")?;
            let to = to.split(',').map(str::trim).filter(|name| !name.is_empty());
            let to = to.map(str::to_owned).collect();
            let earlier = arrows.insert(from.trim().to_owned(), to);
            assert_eq!(earlier, None, "{} is drawn twice", from.trim());
        }
        Some(Self(arrows))
    }

    /// What a package may import; `None` when it is not drawn.
    pub(crate) fn of(&self, package: &str) -> Option<&BTreeSet<String>> {
        self.0.get(package)
    }

    /// Packages that import each other, if there are any.
    pub(crate) fn cycle(&self) -> Option<Vec<&str>> {
        let mut open: BTreeMap<&str, &BTreeSet<String>> =
            self.0.iter().map(|(from, to)| (from.as_str(), to)).collect();
        loop {
            let before = open.len();
            let names: BTreeSet<&str> = open.keys().copied().collect();
            open.retain(|_, to| to.iter().any(|name| names.contains(name.as_str())));
            if open.len() == before {
                return (!open.is_empty()).then(|| open.into_keys().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::new(Source { path: "docs/decisions/a.md".into(), text: text.into() })
    }

    #[test]
    fn a_block_is_found_by_its_language() {
        let document = document("```text\nno\n```\n\n```unsafe\n\n a.rs\nb.rs\n```\nc.rs\n");
        let files = ["a.rs", "b.rs"].map(str::to_owned);
        assert_eq!(unsafe_files(&document), Some(files.into()));
        assert_eq!(document.block("arrows"), None);
    }

    #[test]
    fn arrows_are_read_line_by_line() {
        let arrows = Arrows::parse(&document("```arrows\na -> b, c\nb ->\n```\n")).unwrap();
        assert_eq!(arrows.of("a"), Some(&["b", "c"].map(str::to_owned).into()));
        assert_eq!(arrows.of("b"), Some(&BTreeSet::new()));
        assert_eq!(arrows.of("c"), None);
        assert_eq!(Arrows::parse(&document("```arrows\na: b\n```\n")), None);
    }

    #[test]
    fn packages_that_import_each_other_are_a_cycle() {
        let cycle = |lines: &str| {
            let arrows = Arrows::parse(&document(&format!("```arrows\n{lines}\n```"))).unwrap();
            arrows.cycle().map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(cycle("a -> b, c\nb -> c\nc ->"), None);
        assert_eq!(cycle("a -> b\nb -> c\nc -> b"), Some(["a", "b", "c"].map(Into::into).into()));
        assert_eq!(cycle("a -> a"), Some(vec!["a".into()]));
    }

    #[test]
    fn links_to_files_that_are_not_there_are_found() {
        let text = "[a](../style.md) and [b](gone.md#part)\n\
                    [c](https://example.org/x) [d](#here) [e](mailto:a@b)\n\
                    ```text\n[f](example.md)\n```\n\
                    [g](<../gone.md> \"title\") [h](../../README.md)\n";
        let exists = |path: &str| ["docs/style.md", "README.md"].contains(&path);
        let findings = document(text).broken_links(exists);
        let found: Vec<_> = findings.iter().map(|f| (f.line, f.message.as_str())).collect();
        assert_eq!(found, [(1, "gone.md#part leads nowhere"), (6, "../gone.md leads nowhere")]);
    }
}
