//! The simulated disk. Each file has what a reader sees now and what a power cut would leave; a
//! sync moves one to the other, and a power cut keeps an arbitrary part of what was not synced,
//! torn at sector or block boundaries.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::faults::{DiskFaults, FaultCounts};
use crate::directory::Entry;
use crate::error::{IoError, Result};
use crate::file::OpenMode;

/// One file as the disk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskReport {
    /// Its path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub len: u64,
}

#[derive(Debug, Clone)]
enum Change {
    Write { position: u64, bytes: Vec<u8> },
    Truncate(u64),
}

impl Change {
    /// The parts that survive or not, each by itself.
    fn pieces(self, unit: usize) -> Vec<Self> {
        match self {
            Self::Truncate(_) => vec![self],
            Self::Write { position, bytes } => (0..)
                .step_by(unit)
                .zip(bytes.chunks(unit))
                .map(|(skip, piece)| Self::Write {
                    position: position + skip,
                    bytes: piece.to_vec(),
                })
                .collect(),
        }
    }
}

#[derive(Debug)]
struct Pending {
    id: u64,
    change: Change,
    completed: bool,
}

#[derive(Debug, Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(u64),
    Directory,
}

#[derive(Debug, Clone)]
enum NameChange {
    Insert(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl NameChange {
    /// Whether it makes an entry below `directory`.
    fn is_below(&self, directory: &Path) -> bool {
        let (Self::Insert(path, _) | Self::Remove(path) | Self::Rename(_, path)) = self;
        path != directory && path.starts_with(directory)
    }

    /// The same change once `outer` moved or removed a directory above it.
    fn after(self, outer: &Self) -> Option<Self> {
        let Self::Rename(from, to) = outer else { return None };
        let moved = |path: PathBuf| match path.strip_prefix(from) {
            Ok(rest) => to.join(rest),
            Err(_) => path,
        };
        Some(match self {
            Self::Insert(path, node) => Self::Insert(moved(path), node),
            Self::Remove(path) => Self::Remove(moved(path)),
            Self::Rename(source, target) => Self::Rename(moved(source), moved(target)),
        })
    }

    fn touches(&self, directory: &Path) -> bool {
        match self {
            Self::Insert(path, _) | Self::Remove(path) => path.parent() == Some(directory),
            Self::Rename(from, to) => {
                from.parent() == Some(directory) || to.parent() == Some(directory)
            }
        }
    }
}

type Names = BTreeMap<PathBuf, Node>;

fn apply_name_change(names: &mut Names, change: &NameChange) {
    let below = |names: &Names, root: &Path| -> Vec<PathBuf> {
        names.keys().filter(|path| path.starts_with(root)).cloned().collect()
    };
    match change {
        NameChange::Insert(path, node) => {
            names.insert(path.clone(), *node);
        }
        NameChange::Remove(path) => {
            for path in below(names, path) {
                names.remove(&path);
            }
        }
        NameChange::Rename(from, to) => {
            for path in below(names, from) {
                let node = names.remove(&path).expect("the path was just listed");
                let rest = path.strip_prefix(from).expect("the path starts with `from`");
                let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                names.insert(target, node);
            }
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { position, bytes } => overwrite(content, *position as usize, bytes),
        Change::Truncate(len) => content.resize(*len as usize, 0),
    }
}

fn overwrite(content: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    if content.len() < position + bytes.len() {
        content.resize(position + bytes.len(), 0);
    }
    content[position..position + bytes.len()].copy_from_slice(bytes);
}

/// The disk of one simulated machine.
#[derive(Debug)]
pub struct Disk {
    random: fastrand::Rng,
    faults: DiskFaults,
    happened: FaultCounts,
    inodes: BTreeMap<u64, Inode>,
    next_id: u64,
    names: Names,
    durable_names: Names,
    pending_names: Vec<NameChange>,
}

impl Disk {
    pub(super) fn new(random: fastrand::Rng, faults: DiskFaults) -> Self {
        Self {
            random,
            faults,
            happened: FaultCounts::default(),
            inodes: BTreeMap::new(),
            next_id: 0,
            names: Names::new(),
            durable_names: Names::new(),
            pending_names: Vec::new(),
        }
    }

    /// Changes what can go wrong from now on.
    pub fn set_faults(&mut self, faults: DiskFaults) {
        self.faults = faults;
    }

    /// What can go wrong now.
    pub fn faults(&self) -> &DiskFaults {
        &self.faults
    }

    /// How often each fault has happened.
    pub fn happened(&self) -> FaultCounts {
        self.happened
    }

    /// Every file, in path order.
    pub fn files(&self) -> Vec<DiskReport> {
        let file = |(path, node): (&PathBuf, &Node)| match node {
            Node::File(inode) => Some(DiskReport { path: path.clone(), len: self.len(*inode) }),
            Node::Directory => None,
        };
        self.names.iter().filter_map(file).collect()
    }

    /// What a reader of a file sees now; `None` if there is no such file.
    pub fn content(&self, path: &Path) -> Option<&[u8]> {
        match self.names.get(path)? {
            Node::File(inode) => self.inodes.get(inode).map(|inode| &*inode.current),
            Node::Directory => None,
        }
    }

    /// Inverts bit `bit` of the byte at `position` of a file, both now and durably: bit rot.
    pub fn flip_bit(&mut self, path: &Path, position: u64, bit: u8) {
        let Some(Node::File(inode)) = self.names.get(path) else {
            panic!("no file {}", path.display());
        };
        let inode = self.inodes.get_mut(inode).expect("a named inode exists");
        self.happened.flipped_bits += 1;
        for content in [&mut inode.current, &mut inode.durable] {
            if let Some(byte) = content.get_mut(position as usize) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Bytes that still fit.
    pub fn available_bytes(&self) -> u64 {
        let used: u64 = self.files().iter().map(|file| file.len).sum();
        self.faults.capacity_bytes.map_or(u64::MAX / 2, |capacity| capacity.saturating_sub(used))
    }

    fn fails(&mut self, rate_ppm: u32) -> bool {
        rate_ppm > 0 && self.random.u32(..1_000_000) < rate_ppm
    }

    fn full(&mut self, operation: &'static str, path: &Path) -> IoError {
        self.happened.refused_writes += 1;
        IoError::new(operation, path, io::Error::from(io::ErrorKind::StorageFull))
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn inode(&mut self, inode: u64) -> &mut Inode {
        self.inodes.get_mut(&inode).expect("an open inode exists")
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> Result<u64> {
        match (self.names.get(path).copied(), mode) {
            (Some(Node::Directory), _) => Err(missing("open", path)),
            (Some(Node::File(inode)), OpenMode::CreateEmpty) => {
                self.truncate(inode, path, 0)?;
                Ok(inode)
            }
            (Some(Node::File(inode)), _) => Ok(inode),
            (None, OpenMode::Read | OpenMode::ReadWrite | OpenMode::WithSyncedWrites) => {
                Err(missing("open", path))
            }
            (None, OpenMode::CreateOrOpen | OpenMode::CreateEmpty) => {
                if let Some(parent) = path.parent()
                    && !parent.as_os_str().is_empty()
                    && !self.names.contains_key(parent)
                {
                    return Err(missing("create", path));
                }
                let inode = self.take_id();
                self.inodes.insert(inode, Inode::default());
                self.change_names(NameChange::Insert(path.to_path_buf(), Node::File(inode)));
                Ok(inode)
            }
        }
    }

    pub(super) fn len(&self, inode: u64) -> u64 {
        self.inodes.get(&inode).map_or(0, |inode| inode.current.len() as u64)
    }

    pub(super) fn begin_write(
        &mut self,
        inode: u64,
        path: &Path,
        position: u64,
        bytes: Vec<u8>,
    ) -> Result<u64> {
        let growth = (position + bytes.len() as u64).saturating_sub(self.len(inode));
        if growth > self.available_bytes() {
            return Err(self.full("write", path));
        }
        let id = self.take_id();
        let change = Change::Write { position, bytes };
        self.inode(inode).pending.push(Pending { id, change, completed: false });
        Ok(id)
    }

    pub(super) fn end_write(&mut self, inode: u64, path: &Path, id: u64) -> Result<()> {
        let fails = self.fails(self.faults.write_failures_ppm);
        let unit = self.faults.tearing.bytes();
        let inode = self.inodes.get_mut(&inode).expect("an open inode exists");
        let Some(index) = inode.pending.iter().position(|pending| pending.id == id) else {
            // The file was cut to nothing meanwhile.
            return Ok(());
        };
        if !fails {
            inode.pending[index].completed = true;
            apply(&mut inode.current, &inode.pending[index].change);
            return Ok(());
        }
        // Any part of it reached the disk.
        let pieces = inode.pending.remove(index).change.pieces(unit);
        let (count, mut kept) = (pieces.len(), 0);
        for change in pieces {
            if self.random.bool() {
                kept += 1;
                self.next_id += 1;
                apply(&mut inode.current, &change);
                inode.pending.push(Pending { id: self.next_id, change, completed: true });
            }
        }
        self.happened.failed_writes += 1;
        self.happened.survived(self.faults.tearing, kept, count);
        Err(broken("write", path))
    }

    pub(super) fn read(
        &mut self,
        inode: u64,
        path: &Path,
        position: u64,
        len: usize,
    ) -> Result<Vec<u8>> {
        if self.fails(self.faults.read_failures_ppm) {
            self.happened.failed_reads += 1;
            return Err(broken("read", path));
        }
        let content = &self.inode(inode).current;
        let start = (position as usize).min(content.len());
        let end = start.saturating_add(len).min(content.len());
        Ok(content[start..end].to_vec())
    }

    pub(super) fn begin_sync(&mut self, inode: u64) -> Vec<u64> {
        let pending = &self.inode(inode).pending;
        pending.iter().filter(|pending| pending.completed).map(|pending| pending.id).collect()
    }

    pub(super) fn end_sync(&mut self, inode: u64, path: &Path, covered: &[u64]) -> Result<()> {
        if self.faults.lies_about_sync {
            return Ok(());
        }
        if self.fails(self.faults.sync_failures_ppm) {
            self.happened.failed_syncs += 1;
            self.lose_sync(inode, covered);
            return Err(broken("sync", path));
        }
        let inode = self.inode(inode);
        let durable = &mut inode.durable;
        inode.pending.retain(|pending| {
            let covered = covered.binary_search(&pending.id).is_ok();
            if covered {
                apply(durable, &pending.change);
            }
            !covered
        });
        Ok(())
    }

    /// A sync failed: each change is durable, stays as it was, or is forgotten though reads still
    /// show it.
    fn lose_sync(&mut self, inode: u64, covered: &[u64]) {
        let fates: Vec<u8> = covered.iter().map(|_| self.random.u8(..3)).collect();
        let inode = self.inodes.get_mut(&inode).expect("an open inode exists");
        let (durable, happened) = (&mut inode.durable, &mut self.happened);
        inode.pending.retain(|pending| {
            let Ok(index) = covered.binary_search(&pending.id) else { return true };
            match fates[index] {
                0 => apply(durable, &pending.change),
                1 => happened.forgotten_writes += 1,
                _ => {}
            }
            fates[index] == 2
        });
    }

    pub(super) fn truncate(&mut self, inode: u64, path: &Path, len: u64) -> Result<()> {
        if len.saturating_sub(self.len(inode)) > self.available_bytes() {
            return Err(self.full("truncate", path));
        }
        let id = self.take_id();
        let inode = self.inode(inode);
        let change = Change::Truncate(len);
        apply(&mut inode.current, &change);
        inode.pending.push(Pending { id, change, completed: true });
        Ok(())
    }

    fn change_names(&mut self, change: NameChange) {
        apply_name_change(&mut self.names, &change);
        // What was made below a directory goes where the directory goes, whichever names become
        // durable first.
        let (NameChange::Remove(from) | NameChange::Rename(from, _)) = &change else {
            return self.pending_names.push(change);
        };
        let (below, other): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending_names)
            .into_iter()
            .partition(|earlier| earlier.is_below(from));
        let moved: Vec<_> =
            below.into_iter().filter_map(|earlier| earlier.after(&change)).collect();
        self.pending_names = other;
        self.pending_names.push(change);
        self.pending_names.extend(moved);
    }

    pub(super) fn create_directory(&mut self, path: &Path) {
        for directory in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            self.names.insert(directory.to_path_buf(), Node::Directory);
            self.durable_names.insert(directory.to_path_buf(), Node::Directory);
        }
    }

    pub(super) fn list(&self, path: &Path) -> Result<Vec<Entry>> {
        if self.names.get(path) != Some(&Node::Directory) {
            return Err(missing("list directory", path));
        }
        let children = self.names.iter().filter(|(child, _)| child.parent() == Some(path));
        let entry = |(child, node): (&PathBuf, &Node)| Entry {
            name: child.file_name().map(|name| name.to_string_lossy().into()).unwrap_or_default(),
            is_directory: *node == Node::Directory,
            len: if let Node::File(inode) = node { self.len(*inode) } else { 0 },
        };
        Ok(children.map(entry).collect())
    }

    pub(super) fn sync_directory(&mut self, path: &Path) -> Result<()> {
        if self.faults.lies_about_sync {
            return Ok(());
        }
        if self.fails(self.faults.sync_failures_ppm) {
            self.happened.failed_syncs += 1;
            return Err(broken("sync directory", path));
        }
        let durable = &mut self.durable_names;
        self.pending_names.retain(|change| {
            let covered = change.touches(path);
            if covered {
                apply_name_change(durable, change);
            }
            !covered
        });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        if !self.names.contains_key(from) {
            return Err(missing("rename", from));
        }
        self.change_names(NameChange::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> Result<()> {
        match self.names.get(path) {
            Some(Node::File(_)) => {
                self.change_names(NameChange::Remove(path.to_path_buf()));
                Ok(())
            }
            _ => Err(missing("remove", path)),
        }
    }

    pub(super) fn remove_directory(&mut self, path: &Path) -> Result<()> {
        if self.names.get(path) != Some(&Node::Directory) {
            return Err(missing("remove directory", path));
        }
        self.change_names(NameChange::Remove(path.to_path_buf()));
        Ok(())
    }

    /// The process ends and the power stays: of each write under way any part reaches the file.
    pub(super) fn lose_process(&mut self) {
        let unit = self.faults.tearing.bytes();
        for inode in self.inodes.values_mut() {
            let (done, open): (Vec<_>, Vec<_>) =
                std::mem::take(&mut inode.pending).into_iter().partition(|change| change.completed);
            inode.pending = done;
            for Pending { change, .. } in open {
                let chance = [0.0, 0.5, 1.0][self.random.usize(..3)];
                let pieces = change.pieces(unit);
                let (count, mut kept) = (pieces.len(), 0);
                for change in pieces {
                    if self.random.f64() < chance {
                        kept += 1;
                        self.next_id += 1;
                        apply(&mut inode.current, &change);
                        let id = self.next_id;
                        inode.pending.push(Pending { id, change, completed: true });
                    }
                }
                self.happened.survived(self.faults.tearing, kept, count);
            }
        }
    }

    /// Forgets what a power cut forgets: of every unsynced write each sector survives or not by
    /// itself, in any order; of the unsynced names a prefix survives.
    pub(super) fn lose_power(&mut self) {
        let survivors = self.random.usize(..=self.pending_names.len());
        self.happened.lost_names += (self.pending_names.len() - survivors) as u64;
        for change in self.pending_names.drain(..).take(survivors) {
            apply_name_change(&mut self.durable_names, &change);
        }
        self.names = self.durable_names.clone();
        let unit = self.faults.tearing.bytes();
        for inode in self.inodes.values_mut() {
            let mut pending = std::mem::take(&mut inode.pending);
            self.random.shuffle(&mut pending);
            let chance = [0.0, 0.5, 0.9, 1.0][self.random.usize(..4)];
            let mut fates = Vec::with_capacity(pending.len());
            for Pending { id, change, .. } in pending {
                let pieces = change.pieces(unit);
                let (count, mut kept) = (pieces.len(), 0);
                for piece in pieces {
                    if self.random.f64() < chance {
                        kept += 1;
                        apply(&mut inode.durable, &piece);
                    }
                }
                fates.push((id, self.happened.survived(self.faults.tearing, kept, count)));
            }
            let lost = fates.iter().filter(|fate| !fate.1);
            let oldest_lost = lost.clone().map(|fate| fate.0).min().unwrap_or(u64::MAX);
            self.happened.lost_writes += lost.count() as u64;
            let overtook = fates.iter().filter(|fate| fate.1 && oldest_lost < fate.0).count();
            self.happened.reordered_writes += overtook as u64;
            inode.current.clone_from(&inode.durable);
        }
        let live: Vec<u64> = self
            .names
            .values()
            .filter_map(|node| if let Node::File(inode) = node { Some(*inode) } else { None })
            .collect();
        self.inodes.retain(|inode, _| live.contains(inode));
    }
}

fn missing(operation: &'static str, path: &Path) -> IoError {
    IoError::new(operation, path, io::Error::from(io::ErrorKind::NotFound))
}

fn broken(operation: &'static str, path: &Path) -> IoError {
    IoError::new(operation, path, io::Error::from_raw_os_error(5))
}
