//! Passwords as commands get them: the first line of a file, of standard input, or of the
//! environment. Never from the command line, which everybody on the machine can read.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use corelog_security::Secret;

/// Largest password that is read; tokens are the largest of them.
const PASSWORD_BYTES_MAX: u64 = 16 << 10;

/// The first line of a file.
pub fn of_file(path: &Path) -> io::Result<Secret> {
    of_reader(BufReader::new(File::open(path)?))
}

/// The first line of what comes. Fails if it is empty or too long.
pub fn of_reader(reader: impl BufRead) -> io::Result<Secret> {
    let mut line = String::new();
    reader.take(PASSWORD_BYTES_MAX + 1).read_line(&mut line)?;
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    if line.len() as u64 > PASSWORD_BYTES_MAX {
        return refused(format!("the first line is longer than {PASSWORD_BYTES_MAX} bytes"));
    }
    match line.trim_end_matches(['\n', '\r']) {
        "" => refused("the first line is empty".to_owned()),
        password => Ok(Secret::new(password)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_of_bounded_length() {
        let read = |text: &str| of_reader(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("a b \r\nc"), Ok(Secret::new("a b ")));
        assert_eq!(read(""), Err("the first line is empty".to_owned()));
        assert_eq!(read("\nx"), Err("the first line is empty".to_owned()));
        let longest = "x".repeat(PASSWORD_BYTES_MAX as usize);
        assert_eq!(read(&longest), Ok(Secret::new(&*longest)));
        assert!(read(&(longest + "x")).unwrap_err().contains("longer than 16384 bytes"));
    }
}
