//! Whose data directory it is: `meta.properties`, as in Kafka, names the broker and the format of
//! everything beside it.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::failure::{Exit, Failure};

const FILE: &str = "meta.properties";
const FORMAT: &str = "1";

/// Checks that the directory is this broker's and of a format this program knows; marks a new one.
pub(super) fn check(data: &Path, broker: u32) -> Result<(), Failure> {
    let path = data.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => compare(&path, &text, broker),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write(data, &path, broker)
            .map_err(|error| {
                let what = format!("cannot write {}", path.display());
                Failure::new(Exit::Unsuitable, what, error, "check the directory's permissions")
            }),
        Err(error) => {
            let what = format!("cannot read {}", path.display());
            Err(Failure::new(Exit::Unsuitable, what, error, "check the file's permissions"))
        }
    }
}

fn compare(path: &Path, text: &str, broker: u32) -> Result<(), Failure> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.split_once('=').filter(|pair| pair.0 == key))
            .map(|pair| pair.1)
    };
    let what = format!("cannot use {}", path.display());
    let format = value("corelog.format").unwrap_or("none");
    if format != FORMAT {
        let why = format!("its format is {format}, this program knows {FORMAT}");
        let hint = "use the program version that wrote it, or another --data-dir";
        return Err(Failure::new(Exit::Unsuitable, what, why, hint));
    }
    let owner = value("node.id").unwrap_or("none");
    if owner != broker.to_string() {
        let why = format!("the data is that of broker {owner}, not of broker {broker}");
        let hint = format!("start with --broker-id {owner}, or use another --data-dir");
        return Err(Failure::new(Exit::Unsuitable, what, why, hint));
    }
    Ok(())
}

fn write(data: &Path, path: &Path, broker: u32) -> std::io::Result<()> {
    let temporary = data.join(format!("{FILE}.tmp"));
    let mut file = fs::File::create(&temporary)?;
    write!(file, "version=1\ncorelog.format={FORMAT}\nnode.id={broker}\n")?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(data)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_the_broker_that_used_it_first() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 3).unwrap();
        check(folder.path(), 3).unwrap();
        let refused = check(folder.path(), 4).unwrap_err();
        assert!(refused.to_string().contains("--broker-id 3"), "{refused}");
        fs::write(folder.path().join(FILE), "corelog.format=9\nnode.id=3\n").unwrap();
        assert_eq!(check(folder.path(), 3).unwrap_err().exit(), Exit::Unsuitable);
    }
}
