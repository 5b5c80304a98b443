//! What the kernel tells about the place where data would live: file system, mount, and the queue
//! of the block device under it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mount::mount_of;
use crate::plan::profile::Place;

/// Looks at a folder that is there.
pub(super) fn place(folder: &Path) -> io::Result<Place> {
    let folder = folder.canonicalize()?;
    let size = rustix::fs::statvfs(&folder)?;
    let mut place = Place {
        folder: folder.display().to_string(),
        total_bytes: size.f_blocks * size.f_frsize,
        free_bytes: size.f_bavail * size.f_frsize,
        ..Place::default()
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let Some(mount) = mount_of(&mounts, &folder) else { return Ok(place) };
    place.file_system = mount.file_system;
    place.options = mount.options;
    let Some(queue) = queue_of(&mount.device) else { return Ok(place) };
    let read = |name: &str| {
        let text = fs::read_to_string(queue.join(name)).ok()?;
        Some(text.trim().to_owned())
    };
    let flag = |name: &str| read(name).map(|text| text != "0");
    let number = |name: &str| read(name)?.parse().ok();
    place.device = Some(mount.source);
    place.write_cache = read("write_cache");
    place.forced_unit_access = flag("fua");
    place.scheduler = read("scheduler").map(|text| chosen(&text));
    place.rotates = flag("rotational");
    place.polls = flag("io_poll");
    place.logical_block_bytes = number("logical_block_size");
    place.physical_block_bytes = number("physical_block_size");
    Ok(place)
}

/// The folder of a block device's queue; a partition has that of its disk.
fn queue_of(device: &str) -> Option<PathBuf> {
    let folder = Path::new("/sys/dev/block").join(device).canonicalize().ok()?;
    let candidates = [folder.join("queue"), folder.parent()?.join("queue")];
    candidates.into_iter().find(|queue| queue.is_dir())
}

/// The scheduler in brackets: `none [mq-deadline] bfq`.
fn chosen(schedulers: &str) -> String {
    let inside = schedulers.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(schedulers, |(name, _)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheduler_in_use_is_the_one_in_brackets() {
        assert_eq!(chosen("none [mq-deadline] bfq"), "mq-deadline");
        assert_eq!(chosen("none"), "none");
    }

    #[test]
    fn the_folder_of_this_package_is_somewhere() {
        let place = place(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(
            place.total_bytes >= place.free_bytes && !place.file_system.is_empty(),
            "{place:?}"
        );
        assert!(super::place(Path::new("/no/such/folder")).is_err());
    }
}
