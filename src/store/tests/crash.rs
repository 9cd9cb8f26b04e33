//! A process that is killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;

/// Names the folder to the process that is to be killed.
const FOLDER: &str = "TMDB_ETL_TEST_STORE";
/// This test, as the test program knows it.
const NAME: &str = "store::tests::crash::a_killed_process_loses_nothing_that_was_answered";

#[test]
#[expect(clippy::disallowed_methods, reason = "it starts itself a second time, and tells that one apart")]
fn a_killed_process_loses_nothing_that_was_answered() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        keep_forever(Path::new(&folder));
    }
    for enough in [1, 30, 200] {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([NAME, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut answered = Vec::new();
        for line in lines {
            let line = line.expect("text");
            let Some(id) = line.strip_prefix("kept ") else { continue };
            answered.push(id.parse::<u64>().expect("a number"));
            if answered.len() == enough {
                // SIGKILL: nothing of it runs any more.
                child.kill().expect("it is running");
            }
        }
        assert!(!child.wait().expect("it ended").success());
        assert!(answered.len() >= enough, "{} documents", answered.len());
        let (store, opened) = open(folder.path(), "a");
        assert!(opened.documents >= answered.len() as u64);
        for id in answered {
            assert_eq!(store.get(&url(id)).expect("reads"), Some(film(id)));
        }
    }
}

/// Several tasks keep documents and print which, until somebody ends the process.
fn keep_forever(folder: &Path) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let (store, _) = open(folder, "a");
        let keep = |from: u64| {
            let store = store.clone();
            async move {
                for id in (from..).step_by(5) {
                    store.keep(&url(id), film(id)).await.expect("kept");
                    println!("kept {id}");
                }
            }
        };
        futures::future::join_all((0..5).map(keep)).await;
    });
    unreachable!("numbers do not end")
}
