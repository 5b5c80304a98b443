//! What the process of a broker tells about its software, which the protocol does not: the heap
//! of a Java machine and the version. Pure: others read the files.

use std::path::Path;

/// The JARs that carry Kafka's version, the broker's own before those it shares with clients.
const KAFKA_JARS: [&str; 4] = ["kafka_2.13-", "kafka_2.12-", "kafka-server-", "kafka-clients-"];

/// The longest text that is taken for a version.
const VERSION_BYTES_MAX: usize = 64;

/// What a process tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Software {
    /// The heap of a Java machine in words, `none` for other processes.
    pub heap: Option<String>,
    /// The version.
    pub version: Option<String>,
}

/// The arguments in `/proc/PID/cmdline`.
pub fn parse_arguments(command_line: &[u8]) -> Vec<String> {
    let parts = command_line.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// The heap as the arguments set it: the first size and the largest one. The Java machine takes
/// the last of several.
pub fn heap(arguments: &[String]) -> Option<String> {
    let program = Path::new(arguments.first()?).file_name()?;
    if program != "java" {
        return Some("none".to_owned());
    }
    // What follows the main class or the JAR is for the program, but no program reads these.
    let last = |names: &[&str]| {
        let named = |argument: &String| {
            let size = names.iter().find_map(|name| argument.strip_prefix(*name))?;
            Some(size_in_words(size))
        };
        arguments.iter().filter_map(named).next_back()
    };
    let first_size = last(&["-Xms", "-XX:InitialHeapSize="]);
    let largest = last(&["-Xmx", "-XX:MaxHeapSize="]);
    let percent = last(&["-XX:MaxRAMPercentage="]);
    let largest = largest.or_else(|| percent.map(|part| format!("{part} % of the memory")));
    Some(match (largest, first_size) {
        (None, None) => "as Java chooses".to_owned(),
        (Some(largest), None) => format!("at most {largest}"),
        (None, Some(first_size)) => format!("{first_size} at first"),
        (Some(largest), Some(first_size)) if largest == first_size => largest,
        (Some(largest), Some(first_size)) => format!("{first_size} to {largest}"),
    })
}

/// `1g` as `1 GiB`; what is no such size stays as it is.
fn size_in_words(size: &str) -> String {
    let units = [('k', "KiB"), ('m', "MiB"), ('g', "GiB"), ('t', "TiB")];
    let unit = size.chars().next_back().map(|unit| unit.to_ascii_lowercase());
    let found = units.into_iter().find(|(letter, _)| Some(*letter) == unit);
    match (found, size.get(..size.len().saturating_sub(1))) {
        (Some((_, name)), Some(number)) if number.parse::<u64>().is_ok() => {
            format!("{number} {name}")
        }
        _ => size.to_owned(),
    }
}

/// Kafka's version by the names of the JARs that a process has open.
pub fn kafka_version(files: &[&str]) -> Option<String> {
    KAFKA_JARS.iter().find_map(|jar| {
        files.iter().find_map(|file| {
            let name = file.rsplit('/').next()?;
            version(name.strip_prefix(jar)?.strip_suffix(".jar")?)
        })
    })
}

/// The version in what a program prints when it is asked: `corelog 1.2.3`.
pub fn printed_version(program: &str, printed: &str) -> Option<String> {
    version(printed.lines().next()?.strip_prefix(program)?.trim())
}

fn version(text: &str) -> Option<String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-.+".contains(character);
    let is_version = text.starts_with(|first: char| first.is_ascii_digit())
        && text.len() <= VERSION_BYTES_MAX
        && text.chars().all(is_plain);
    is_version.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_heap(command_line: &str, expected: Option<&str>) {
        let arguments = parse_arguments(command_line.replace(' ', "\0").as_bytes());
        assert_eq!(heap(&arguments).as_deref(), expected);
    }

    #[test]
    fn the_heap_of_a_java_machine_is_read_from_its_arguments() {
        check_heap("/usr/bin/java -Xmx1g -Xms1G -server kafka.Kafka f", Some("1 GiB"));
        check_heap("java -Xms512m -Xmx2g -Xmx6g kafka.Kafka", Some("512 MiB to 6 GiB"));
        check_heap("java -XX:MaxHeapSize=4096m kafka.Kafka", Some("at most 4096 MiB"));
        check_heap("java -Xms1073741824 kafka.Kafka", Some("1073741824 at first"));
        check_heap("java -XX:MaxRAMPercentage=50.0 X", Some("at most 50.0 % of the memory"));
        check_heap("java kafka.Kafka", Some("as Java chooses"));
    }

    #[test]
    fn other_processes_have_no_such_heap_and_an_empty_line_tells_nothing() {
        check_heap("./corelog serve --data-dir -Xmx1g", Some("none"));
        check_heap("", None);
    }

    #[test]
    fn the_jar_of_the_broker_goes_before_that_of_its_clients() {
        let (broker, clients) = ("/k/libs/kafka_2.13-4.4.0.jar", "/k/libs/kafka-clients-4.3.1.jar");
        assert_eq!(kafka_version(&[clients, broker]).as_deref(), Some("4.4.0"));
        assert_eq!(kafka_version(&[clients]).as_deref(), Some("4.3.1"));
        assert_eq!(kafka_version(&["kafka-clients-x.jar", "/kafka_2.13-4.4.0.jar.sig", ""]), None);
    }

    #[test]
    fn a_version_is_taken_only_from_what_looks_like_one() {
        let version = |printed| printed_version("corelog", printed);
        assert_eq!(version("corelog 0.1.0\nmore").as_deref(), Some("0.1.0"));
        assert_eq!(version("corelog 1.2.3-rc.1+5\n").as_deref(), Some("1.2.3-rc.1+5"));
        for printed in ["", "kafka 1.0", "corelog", "corelog <b>", "corelog 1\u{1b}[0m"] {
            assert_eq!(version(printed), None, "{printed:?}");
        }
        assert_eq!(version(&format!("corelog 1{}", "0".repeat(64))), None);
    }
}
