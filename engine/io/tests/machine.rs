//! What the simulated machine promises, and that the real one keeps the same promises.
#![cfg(feature = "sim")]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{
    BLOCK, Buffer, Chunk, File, OpenMode, SyncPath, create_directory, list_directory, read_file,
    remove_directory, rename, sleep, spawn, sync_directory, wall_clock_ms, write_file_atomically,
};

fn block(byte: u8) -> Buffer {
    let mut buffer = Buffer::zeroed(BLOCK);
    buffer.fill(byte);
    buffer
}

async fn create_synced(path: &Path) -> File {
    create_directory(path.parent().expect("a parent")).await.unwrap();
    let file = File::open(path, OpenMode::CreateOrOpen).await.unwrap();
    sync_directory(path.parent().expect("a parent")).await.unwrap();
    file
}

#[test]
fn a_synced_write_survives_and_an_unsynced_one_may_be_torn() {
    let mut torn = 0;
    for seed in 0..200 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.crash_after(1_000_000);
        let end = machine.run(async {
            let file = create_synced(Path::new("/d/f")).await;
            file.write(block(1), 0).await.unwrap();
            file.sync(SyncPath::Ring).await.unwrap();
            file.write(block(2), BLOCK as u64).await.unwrap();
        });
        assert_eq!(end, End::Finished(()));
        machine.crash_after(0);
        assert_eq!(machine.run(async { sleep(Duration::from_secs(1)).await }), End::Crashed);
        let End::Finished(bytes) =
            machine.run(async { read_file(Path::new("/d/f"), 1 << 20).await.unwrap() })
        else {
            panic!("the read ends");
        };
        assert!(bytes[..BLOCK].iter().all(|byte| *byte == 1), "seed {seed} lost a synced write");
        let second = &bytes[BLOCK..];
        if second.contains(&2) && (second.len() < BLOCK || second.contains(&0)) {
            torn += 1;
        }
    }
    assert!(torn > 10, "tearing must happen: {torn}");
}

#[test]
fn a_disk_that_lies_about_sync_loses_data() {
    let lost = (0..50).filter(|seed| {
        let faults = DiskFaults { lies_about_sync: true, ..DiskFaults::default() };
        let machine = Machine::new(*seed, faults);
        machine.run(async {
            let file = create_synced(Path::new("/d/f")).await;
            file.write(block(1), 0).await.unwrap();
            file.sync(SyncPath::Ring).await.unwrap();
        });
        machine.crash_after(0);
        machine.run(async { sleep(Duration::from_secs(1)).await });
        let read = machine.run(async { read_file(Path::new("/d/f"), 1 << 20).await.ok() });
        read != End::Finished(Some(vec![1; BLOCK]))
    });
    assert!(lost.count() > 10);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |seed| {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.run(async {
            let file = create_synced(Path::new("/d/f")).await;
            let tasks: Vec<_> = (0..8u8)
                .map(|index| {
                    let file = file.clone();
                    spawn(async move {
                        file.write(block(index), u64::from(index) * BLOCK as u64).await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.join().await;
            }
        });
        machine.trace_hash()
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn a_full_disk_refuses_growth_but_not_overwriting() {
    let faults = DiskFaults { capacity_bytes: Some(BLOCK as u64), ..DiskFaults::default() };
    let machine = Machine::new(1, faults);
    let end = machine.run(async {
        let file = create_synced(Path::new("/d/f")).await;
        file.write(block(1), 0).await.unwrap();
        file.write(block(2), 0).await.unwrap();
        file.write(block(3), BLOCK as u64).await.unwrap_err().is_shortage()
    });
    assert_eq!(end, End::Finished(true));
}

#[test]
fn a_dropped_task_is_cancelled_and_a_run_that_waits_for_nothing_is_stuck() {
    let machine = Machine::new(1, DiskFaults::default());
    let end = machine.run(async {
        let (sender, receiver) = corelog_io::mesh::channel::<()>(1);
        drop(spawn(async move {
            sleep(Duration::from_secs(1)).await;
            drop(sender);
        }));
        assert!(receiver.recv_async().await.is_err(), "the sender went with its task");
        std::future::pending::<()>().await;
    });
    assert_eq!(end, End::Stuck);
}

async fn promises_of_files(root: PathBuf) {
    let directory = root.join("a/b");
    create_directory(&directory).await.unwrap();
    let path = directory.join("file");
    let file = File::open(&path, OpenMode::CreateEmpty).await.unwrap();
    let chunk = Chunk::with_capacity(2 * BLOCK);
    chunk.append(b"head");
    chunk.append(&vec![0; chunk.room()]);
    file.write_chunk(&chunk, 0).await.unwrap();
    file.write(block(9), 2 * BLOCK as u64).await.unwrap();
    file.sync(SyncPath::Ring).await.unwrap();
    file.sync(SyncPath::Thread).await.unwrap();
    assert_eq!(&*file.read(1, 3).await.unwrap(), b"ead");
    assert_eq!(file.read(2 * BLOCK as u64 + 5, 1 << 20).await.unwrap().len(), BLOCK - 5);
    file.truncate(5000).await.unwrap();
    assert_eq!((file.len().await.unwrap(), file.read(4990, 100).await.unwrap().len()), (5000, 10));

    write_file_atomically(&directory.join("small"), b"one").await.unwrap();
    write_file_atomically(&directory.join("small"), b"two").await.unwrap();
    assert_eq!(read_file(&directory.join("small"), 10).await.unwrap(), b"two");
    assert!(read_file(&directory.join("small"), 2).await.is_err());
    let missing = File::open(&directory.join("none"), OpenMode::Read).await.unwrap_err();
    assert!(missing.is_not_found());

    rename(&directory, &root.join("a/c")).await.unwrap();
    let names: Vec<_> = list_directory(&root.join("a/c")).await.unwrap();
    assert_eq!(
        names.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
        ["file", "small"]
    );
    remove_directory(&root.join("a")).await.unwrap();
    assert!(list_directory(&root.join("a")).await.is_err());
    assert!(wall_clock_ms() > 1_700_000_000_000);
}

#[test]
fn both_backends_keep_the_same_promises() {
    let machine = Machine::new(3, DiskFaults::default());
    assert_eq!(machine.run(promises_of_files("/sim".into())), End::Finished(()));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = folder.path().to_path_buf();
    corelog_io::ring::executor::run(|| promises_of_files(root)).unwrap();
}

#[test]
fn a_killed_process_leaves_what_was_written_and_a_power_cut_later_may_take_it() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..100 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.run(async {
            let file = create_synced(Path::new("/d/f")).await;
            file.write(block(1), 0).await.unwrap();
        });
        let read = || async { read_file(Path::new("/d/f"), 1 << 20).await.unwrap() };
        assert_eq!(machine.run(read()), End::Finished(vec![1; BLOCK]), "seed {seed}");
        machine.crash_after(0);
        machine.run(async { sleep(Duration::from_secs(1)).await });
        if machine.run(read()) == End::Finished(vec![1; BLOCK]) { kept += 1 } else { lost += 1 }
    }
    assert!(kept > 10 && lost > 10, "{kept} kept, {lost} lost");
}

#[test]
fn a_write_under_way_when_the_process_is_killed_is_there_in_part() {
    let mut parts = 0;
    for seed in 0..100 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.run(async { drop(create_synced(Path::new("/d/f")).await) });
        machine.kill_after(2);
        let end = machine.run(async {
            let file = File::open(Path::new("/d/f"), OpenMode::ReadWrite).await.unwrap();
            file.write(block(3), 0).await.unwrap();
        });
        assert_eq!(end, End::Killed);
        let End::Finished(bytes) =
            machine.run(async { read_file(Path::new("/d/f"), 1 << 20).await.unwrap() })
        else {
            panic!("the read ends");
        };
        parts += usize::from(bytes.contains(&3) && (bytes.len() < BLOCK || bytes.contains(&0)));
    }
    assert!(parts > 5, "{parts}");
}

#[test]
fn a_failed_sync_may_lose_what_reads_still_show() {
    let lost = (0..100).filter(|seed| {
        let faults = DiskFaults { sync_failures_ppm: 1_000_000, ..DiskFaults::default() };
        let machine = Machine::new(*seed, DiskFaults::default());
        let path = Path::new("/d/f");
        machine.run(async { drop(create_synced(path).await) });
        machine.with_disk(|disk| disk.set_faults(faults));
        machine.run(async {
            let file = File::open(path, OpenMode::ReadWrite).await.unwrap();
            file.write(block(1), 0).await.unwrap();
            assert!(file.sync(SyncPath::Ring).await.is_err());
        });
        machine.with_disk(|disk| disk.set_faults(DiskFaults::default()));
        machine.run(async {
            let file = File::open(path, OpenMode::ReadWrite).await.unwrap();
            assert_eq!(&*file.read(0, BLOCK).await.unwrap(), [1; BLOCK]);
            file.sync(SyncPath::Ring).await.unwrap();
        });
        machine.crash_after(0);
        machine.run(async { sleep(Duration::from_secs(1)).await });
        machine.run(async { read_file(path, 1 << 20).await.unwrap() }) == End::Finished(vec![])
    });
    assert!(lost.count() > 10, "a second sync that succeeds proves nothing");
}

#[test]
fn a_run_that_goes_in_circles_ends() {
    let machine = Machine::new(1, DiskFaults::default());
    machine.limit_steps(1_000);
    let end = machine.run(async {
        loop {
            corelog_io::yield_now().await;
        }
    });
    assert_eq!(end, End::<()>::TooLong);
}

#[test]
fn what_lies_below_a_directory_goes_with_it_when_power_is_lost() {
    for seed in 0..50 {
        let machine = Machine::new(seed, DiskFaults::default());
        machine.run(async {
            create_directory(Path::new("/d/a")).await.unwrap();
            drop(File::open(Path::new("/d/a/f"), OpenMode::CreateEmpty).await.unwrap());
            rename(Path::new("/d/a"), Path::new("/d/b")).await.unwrap();
            drop(File::open(Path::new("/d/b/g"), OpenMode::CreateEmpty).await.unwrap());
            sync_directory(Path::new("/d")).await.unwrap();
            remove_directory(Path::new("/d/b")).await.unwrap();
        });
        machine.crash_after(0);
        machine.run(async { sleep(Duration::from_secs(1)).await });
        let orphans = machine.with_disk(|disk| disk.files()).into_iter();
        let below = orphans.filter(|file| !file.path.starts_with("/d/b")).count();
        assert_eq!(below, 0, "seed {seed}: a file outlived its directory");
    }
}
