//! Disks that are full or cannot be written, and state that was damaged: a clear error or a shorter store, never a wrong
//! table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tmdb_etl::mock::Config;

use super::{Bench, Server, assert_clear, crawl, knob, pause, told, walk};

fn server() -> Server {
    Server::start(Config { films: 6000, ..Config::default() })
}

/// A file system in memory, for as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where that is not allowed.
    fn new(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("skipped in part: no file system can be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for _ in 0..50 {
            if Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success()) {
                return;
            }
            pause(20);
        }
    }
}

/// No file of this run may be longer than `blocks` of 512 bytes: the kernel's answer is like that of a full disk.
fn run_with_short_files(bench: &Bench, blocks: u32) -> Output {
    let run = bench.command();
    let mut shell = Command::new("sh");
    // The signal that comes with it would end the process where it is not ignored.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    shell.arg(run.get_program()).args(run.get_args()).current_dir(run.get_current_dir().unwrap());
    shell.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().unwrap()
}

#[test]
fn full_disk_is_an_error_and_the_next_run_with_room_ends_as_ever() {
    let server = server();
    let pipeline = crawl("full", 120, "");
    let whole = Bench::new(&server, &pipeline).complete();

    let bench = Bench::new(&server, &pipeline);
    for blocks in [0, 8, 40] {
        let output = run_with_short_files(&bench, blocks);
        assert_clear(&output, &format!("files of at most {blocks} blocks"));
        let tables = bench.tables();
        assert!(tables.is_empty() || tables == whole, "{blocks} blocks: tables of no whole run");
    }
    assert!(bench.complete() == whole);

    // Either folder on a file system of a few pages.
    for (folder, sizes) in [(".tmdb-etl", [4, 64]), ("out", [4, 16])] {
        for size in sizes {
            let bench = Bench::new(&server, &pipeline);
            let Some(mounted) = Mounted::new(&bench.path().join(folder), &format!("size={size}k")) else {
                break;
            };
            for _ in 0..2 {
                let output = bench.run();
                assert_clear(&output, &format!("{folder} of {size} KiB"));
                let tables = bench.tables();
                assert!(
                    tables.is_empty() || tables == whole,
                    "{folder} of {size} KiB: tables of no whole run"
                );
            }
            if bench.tables().is_empty() {
                // Room is made without anything being moved.
                let grown =
                    Command::new("mount").args(["-o", "remount,size=64m"]).arg(&mounted.0).status().unwrap();
                assert!(grown.success());
                assert!(bench.complete() == whole, "{folder} of {size} KiB, then with room");
            }
        }
    }
    server.stop();
}

#[test]
fn folder_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let server = server();
    let pipeline = crawl("readonly", 60, "");
    let bench = Bench::new(&server, &pipeline);
    let whole = bench.complete();
    for folder in [".tmdb-etl", "out"] {
        let bench = Bench::new(&server, &pipeline);
        if Mounted::new(&bench.path().join("probe"), "size=4k").is_none() {
            return;
        }
        let Some(mounted) = Mounted::new(&bench.path().join(folder), "size=64m,ro") else { return };
        let output = bench.run();
        assert_clear(&output, &format!("{folder} is read-only"));
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert!(told(&output).contains("DIR`"), "it says where else to write: {}", told(&output));
        drop(mounted);
    }
    assert!(bench.tables() == whole);
    server.stop();
}

/// The files of kept documents.
fn documents(bench: &Bench) -> Vec<PathBuf> {
    let records = ["run.lock", "staged.json", "publish.json"];
    let is_record = |path: &PathBuf| records.iter().any(|name| path.ends_with(name));
    walk(&bench.state()).into_iter().filter(|path| !is_record(path)).collect()
}

/// Runs on a copy of `bench`'s state in which `damage` was done.
fn damaged(
    bench: &Bench,
    server: &Server,
    pipeline: &str,
    what: &str,
    damage: impl FnOnce(&Bench),
) -> Output {
    let copy = Bench::new(server, pipeline);
    let copied = Command::new("cp").arg("-a").arg(bench.state()).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    damage(&copy);
    let output = copy.run();
    assert_clear(&output, what);
    if output.status.code() == Some(0) {
        assert!(copy.tables() == bench.tables(), "{what}: other tables than without the damage");
    } else {
        assert!(copy.tables().is_empty(), "{what}: tables in spite of the error");
    }
    output
}

#[test]
fn store_cut_at_every_page_is_a_shorter_store() {
    const PAGE: u64 = 4096;
    let server = server();
    let films = knob("TORTURE_FILMS", 120).min(1500);
    let pipeline = crawl("cut", films, "");
    let bench = Bench::new(&server, &pipeline);
    bench.complete();
    let all = server.stats().requests;
    let mut cuts: Vec<(PathBuf, u64)> = documents(&bench)
        .into_iter()
        .flat_map(|path| {
            let length = fs::metadata(&path).unwrap().len();
            (0..length.div_ceil(PAGE)).map(move |page| (path.clone(), page * PAGE))
        })
        .collect();
    assert!(!cuts.is_empty(), "nothing is kept");
    println!("{} cuts of {} files", cuts.len(), documents(&bench).len());
    // Each costs a process; the short form tries some, the ends among them.
    let most = usize::try_from(knob("TORTURE_CUTS", 12)).unwrap();
    if cuts.len() > most {
        let last = cuts.pop();
        fastrand::Rng::with_seed(knob("TORTURE_SEED", 1)).shuffle(&mut cuts);
        cuts.truncate(most - 1);
        cuts.extend(last);
    }
    for (path, length) in cuts {
        let below = path.strip_prefix(bench.path()).unwrap();
        let what = format!("{} cut at {length}", below.display());
        let before = server.stats().requests;
        let output = damaged(&bench, &server, &pipeline, &what, |copy| {
            fs::OpenOptions::new()
                .write(true)
                .open(copy.path().join(below))
                .unwrap()
                .set_len(length)
                .unwrap();
        });
        assert_eq!(output.status.code(), Some(0), "{what}: {}", told(&output));
        assert!(server.stats().requests - before <= all, "{what}");
    }
    server.stop();
}

#[test]
fn store_with_any_byte_changed_gives_no_wrong_row() {
    let server = server();
    let pipeline = crawl("flipped", 60, "");
    let bench = Bench::new(&server, &pipeline);
    bench.complete();
    let seed = knob("TORTURE_SEED", 1);
    let mut dice = fastrand::Rng::with_seed(seed);
    let files = documents(&bench);
    assert!(!files.is_empty(), "nothing is kept");
    for round in 0..knob("TORTURE_CUTS", 12) {
        let file = &files[dice.usize(..files.len())];
        let below = file.strip_prefix(bench.path()).unwrap();
        let mut bytes = fs::read(file).unwrap();
        if bytes.is_empty() {
            continue;
        }
        // The head says what the rest is; half of the changes are there.
        let at = if dice.bool() { dice.usize(..bytes.len().min(64)) } else { dice.usize(..bytes.len()) };
        bytes[at] ^= 1 << dice.u8(..8);
        let what = format!("seed {seed}, round {round}: {} changed at {at}", below.display());
        damaged(&bench, &server, &pipeline, &what, |copy| {
            fs::write(copy.path().join(below), &bytes).unwrap();
        });
    }
    server.stop();
}
