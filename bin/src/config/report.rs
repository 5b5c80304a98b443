//! What the commands on configs show.

use corelog_client::admin::{AlterMode, ConfigChange, ConfigEntry, ConfigSource, ConfigSynonym};
use serde::Serialize;

use crate::output::{Report, Table};

/// Stands where there is nothing to show, or nothing may be shown.
const NOTHING: &str = "-";
const SECRET: &str = "(secret)";

/// Configs and their values.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    configs: Vec<DescribedConfig>,
    /// Whether people see configs that nobody has set.
    #[serde(skip)]
    has_all: bool,
    /// Whether people see all values and what the configs do.
    #[serde(skip)]
    has_details: bool,
}

#[derive(Debug, Serialize)]
struct DescribedConfig {
    name: String,
    value: Option<String>,
    source: &'static str,
    read_only: bool,
    sensitive: bool,
    synonyms: Vec<Synonym>,
    documentation: Option<String>,
}

#[derive(Debug, Serialize)]
struct Synonym {
    name: String,
    value: Option<String>,
    source: &'static str,
}

/// Configs that are not what they were, or could be so.
#[derive(Debug, Serialize)]
pub(super) struct Altered {
    validated_only: bool,
    configs: Vec<AlteredConfig>,
}

#[derive(Debug, Serialize)]
struct AlteredConfig {
    name: String,
    value: Option<String>,
}

impl Described {
    /// Those of these names; all if there are none.
    pub(super) fn new(configs: &[ConfigEntry], names: &[String]) -> Self {
        let is_wanted = |config: &&ConfigEntry| names.is_empty() || names.contains(&config.name);
        let configs = configs.iter().filter(is_wanted).map(DescribedConfig::of).collect();
        Self { configs, has_all: !names.is_empty(), has_details: false }
    }

    /// Shows people the configs that nobody has set, too, or everything about each.
    pub(super) fn showing(self, has_all: bool, has_details: bool) -> Self {
        Self { has_all: self.has_all || has_all, has_details, ..self }
    }
}

impl DescribedConfig {
    fn of(config: &ConfigEntry) -> Self {
        let synonym = |synonym: &ConfigSynonym| Synonym {
            name: synonym.name.clone(),
            value: synonym.value.clone(),
            source: synonym.source.name(),
        };
        Self {
            name: config.name.clone(),
            value: config.value.clone(),
            source: config.source.name(),
            read_only: config.is_read_only,
            sensitive: config.is_sensitive,
            synonyms: config.synonyms.iter().map(synonym).collect(),
            documentation: config.documentation.clone(),
        }
    }

    fn row(&self) -> Vec<String> {
        let value = match &self.value {
            _ if self.sensitive => SECRET.to_owned(),
            Some(value) => value.clone(),
            None => NOTHING.to_owned(),
        };
        let changes = if self.read_only { "at start" } else { "any time" };
        vec![self.name.clone(), value, self.source.to_owned(), changes.to_owned()]
    }

    fn details(&self) -> Vec<String> {
        let synonyms = self.synonyms.iter().map(|synonym| {
            let value = synonym.value.as_deref().unwrap_or(SECRET);
            format!("{}:{}={value}", synonym.source, synonym.name)
        });
        let documentation = self.documentation.clone().unwrap_or_else(|| NOTHING.to_owned());
        vec![synonyms.collect::<Vec<_>>().join(" "), documentation]
    }
}

impl Report for Described {
    fn tables(&self) -> Vec<Table> {
        let default = ConfigSource::Default.name();
        let shown = self.configs.iter().filter(|one| self.has_all || one.source != default);
        if !self.has_details {
            let rows = shown.map(DescribedConfig::row).collect();
            return vec![Table::new(["config", "value", "source", "changes"], rows)];
        }
        let rows = shown.map(|config| [config.row(), config.details()].concat()).collect();
        let head = ["config", "value", "source", "changes", "all values", "meaning"];
        vec![Table::new(head, rows)]
    }
}

impl Altered {
    pub(super) fn new(changes: &[(String, ConfigChange)], mode: AlterMode) -> Self {
        let config = |(name, change): &(String, ConfigChange)| AlteredConfig {
            name: name.clone(),
            value: match change {
                ConfigChange::Set(value)
                | ConfigChange::Append(value)
                | ConfigChange::Subtract(value) => Some(value.clone()),
                ConfigChange::Unset => None,
            },
        };
        let configs = changes.iter().map(config).collect();
        Self { validated_only: mode == AlterMode::ValidateOnly, configs }
    }
}

impl Report for Altered {
    fn tables(&self) -> Vec<Table> {
        let row = |config: &AlteredConfig| {
            let value = config.value.clone().unwrap_or_else(|| NOTHING.to_owned());
            vec![config.name.clone(), value]
        };
        let head = if self.validated_only { "could be" } else { "now" };
        vec![Table::new(["config", head], self.configs.iter().map(row).collect())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, source: ConfigSource) -> ConfigEntry {
        let synonym = |source, value: &str| ConfigSynonym {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source,
        };
        ConfigEntry {
            name: name.to_owned(),
            value: Some("5".to_owned()),
            source,
            is_read_only: source == ConfigSource::Static,
            is_sensitive: name.contains("password"),
            synonyms: vec![synonym(source, "5"), synonym(ConfigSource::Default, "1")],
            documentation: Some("What it does.".to_owned()),
        }
    }

    #[test]
    fn defaults_are_shown_only_to_those_who_ask() {
        let configs = [entry("a", ConfigSource::Cluster), entry("b", ConfigSource::Default)];
        let text = |described: Described| described.tables()[0].plain();
        let head = "config\tvalue\tsource\tchanges\n";
        let row = "a\t5\tcluster\tany time\n";
        assert_eq!(text(Described::new(&configs, &[])), format!("{head}{row}"));
        let all = text(Described::new(&configs, &[]).showing(true, false));
        assert_eq!(all, format!("{head}{row}b\t5\tdefault\tany time\n"));
        let named = text(Described::new(&configs, &["b".to_owned()]));
        assert_eq!(named, format!("{head}b\t5\tdefault\tany time\n"));
        let json = serde_json::to_value(Described::new(&configs, &[])).unwrap();
        assert_eq!(json["configs"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn details_tell_every_value_and_the_meaning_but_no_secret() {
        let configs = [entry("a", ConfigSource::Static), entry("a.password", ConfigSource::Static)];
        let text = Described::new(&configs, &[]).showing(false, true).tables()[0].plain();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        let values = "static:a=5 default:a=1";
        assert_eq!(rows[0], format!("a\t5\tstatic\tat start\t{values}\tWhat it does."));
        assert!(rows[1].starts_with("a.password\t(secret)\t"));
    }

    #[test]
    fn a_check_does_not_say_that_anything_changed() {
        let changes = [
            ("a".to_owned(), ConfigChange::Set("1".to_owned())),
            ("b".to_owned(), ConfigChange::Unset),
        ];
        let text = |mode| Altered::new(&changes, mode).tables()[0].plain();
        assert_eq!(text(AlterMode::Apply), "config\tnow\na\t1\nb\t-\n");
        assert_eq!(text(AlterMode::ValidateOnly), "config\tcould be\na\t1\nb\t-\n");
    }
}
