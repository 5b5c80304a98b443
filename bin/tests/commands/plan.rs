//! Claims about `corelog plan`, from a short probe to a short check. The machine of a test is
//! seldom quiet, so what was measured and how well it was predicted is no claim here.

use std::path::Path;

use corelog_bench::plan::compare::CheckResult;
use corelog_bench::plan::profile::Profile;
use serde_json::Value;

use crate::server::corelog;

/// Runs a command of `plan` in a folder; its exit code, and what it prints as JSON.
#[track_caller]
fn plan(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = corelog();
    command.arg("plan").args(arguments).arg("--json").current_dir(folder);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?}: {errors}"));
    let printed = serde_json::from_slice(&output.stdout);
    (code, printed.unwrap_or_else(|_| serde_json::from_str(&errors).unwrap_or(Value::Null)))
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_machine_is_probed_sized_and_checked() {
    // The target folder is on a disk; a temporary folder may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = folder.path();
    let short = ["--seconds", "1", "--broker-seconds", "0.5", "--quiet"];
    let (code, printed) = plan(folder, &[&["probe", "--report", "probed"], &short[..]].concat());
    assert_eq!(code, 0, "{printed}");
    // Nothing of the broker and of the files that were measured is left.
    assert_eq!(names(folder), ["probed", "profile.toml"]);
    assert!(names(&folder.join("probed")).contains(&"report.html".to_owned()));
    let text = std::fs::read_to_string(folder.join("profile.toml")).unwrap();
    let profile = Profile::parse(&text).unwrap();
    let broker = profile.broker.as_ref().unwrap();
    assert_eq!((broker.runs.len(), broker.paced.len()), (17, 8), "all runs but the warm-up");
    assert!(broker.runs.iter().all(|run| run.requests_per_second > 0.0 && run.cpu > 0.0));
    assert!(broker.bytes_per_second_max.value > 0.0 && broker.unloaded.count > 0);

    let workload = ["--rate", "1k", "--retention", "1h", "--replication", "1", "--lose", "0"];
    let size = [&["size", "profile.toml", "--report", "sized"], &workload[..]].concat();
    let (code, sized) = plan(folder, &size);
    assert_eq!((code, &sized["sizings"][0]["brokers"]), (0, &1.into()), "{sized}");
    assert!(sized["sizings"][0]["needs"].as_array().unwrap().len() >= 5, "{sized}");
    assert!(names(&folder.join("sized")).iter().any(|name| name.contains("use-of-one-broker")));

    let levels = ["--levels", "10%", "--seconds", "0.5", "--repeats", "1", "--quiet"];
    let check = [&["check", "--report", "checked", "--size", "4KiB"], &levels[..]].concat();
    let (code, checked) = plan(folder, &check);
    assert!(matches!(code, 0 | 6 | 7), "{code}: {checked}");
    let checked: CheckResult = serde_json::from_value(checked).unwrap();
    let [level] = checked.levels.as_slice() else { panic!("{checked:?}") };
    assert!(level.rate.measured > 0.0 && level.p99_s.predicted > 0.0, "{level:?}");
    assert!(level.cpu.is_some() && !checked.curve.is_empty());
    let saved = std::fs::read_to_string(folder.join("checked/check.json")).unwrap();
    assert_eq!(serde_json::from_str::<CheckResult>(&saved).unwrap(), checked);
    assert_eq!(names(folder), ["checked", "probed", "profile.toml", "sized"]);
}

#[test]
fn what_cannot_be_planned_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |arguments: &[&str]| {
        let (code, printed) = plan(folder.path(), arguments);
        let text = printed["error"].to_string();
        (code, text)
    };
    let (code, text) = refuse(&["size", "none.toml", "--rate", "1k"]);
    assert!(code == 2 && text.contains("corelog plan probe makes a profile"), "{code} {text}");
    std::fs::write(folder.path().join("old.toml"), "format = 0\n").unwrap();
    let (code, text) = refuse(&["check", "old.toml", "--quiet"]);
    assert!(code == 2 && text.contains("it has format 0"), "{code} {text}");
    let (code, text) = refuse(&["probe", "--dir", "no/such/folder", "--quiet"]);
    assert!(code == 5 && text.contains("check --dir"), "{code} {text}");
    assert_eq!(refuse(&["size", "old.toml", "--rate", "7x"]).0, 2);
}
