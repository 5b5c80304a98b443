//! Which file system a folder is on, from the text of `/proc/self/mountinfo`. Pure.

use std::path::{Path, PathBuf};

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of its device, as `254:0`.
    pub(super) device: String,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// Options of the mount and of the file system.
    pub(super) options: String,
    /// Its type.
    pub(super) file_system: String,
    /// What is mounted, such as `/dev/vda`.
    pub(super) source: String,
}

/// The mount that a path is on: the deepest one, and of those the newest.
pub(super) fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(parse);
    mounts
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/root rw,errors=continue`
fn parse(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mount: Vec<&str> = mount.split(' ').collect();
    let [_, _, device, _, point, options, ..] = mount.as_slice() else { return None };
    let mut rest = file_system.split(' ');
    let (kind, source) = (rest.next()?, rest.next()?);
    let own = rest.next().unwrap_or_default();
    let mut all: Vec<&str> = options.split(',').collect();
    all.extend(own.split(',').filter(|option| !option.is_empty() && !options.contains(option)));
    Some(Mount {
        device: (*device).to_owned(),
        point: PathBuf::from(unescape(point)),
        options: all.join(","),
        file_system: kind.to_owned(),
        source: unescape(source),
    })
}

/// The kernel writes spaces and the like as a backslash and three octal digits.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let digits = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = digits {
            plain.push(char::from(byte));
            rest = &after[3..];
        } else {
            plain.push('\\');
            rest = after;
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
        30 27 8:17 / /data\\040one rw,noatime - xfs /dev/sdb1 rw,attr2\n\
        a broken line\n";

    #[test]
    fn the_deepest_mount_holds_the_path() {
        let mount = mount_of(TEXT, Path::new("/data one/log")).unwrap();
        assert_eq!((mount.device.as_str(), mount.file_system.as_str()), ("8:17", "xfs"));
        assert_eq!(mount.options, "rw,noatime,attr2");
        let root = mount_of(TEXT, Path::new("/data/log")).unwrap();
        assert_eq!(
            (root.source.as_str(), root.options.as_str()),
            ("/dev/vda", "rw,relatime,discard")
        );
        assert_eq!(mount_of("", Path::new("/")), None);
    }
}
