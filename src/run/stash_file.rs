//! Bytes that wait on disk, in a file that has no name: results whose turn is far away.
//!
//! Invariants: the file is unlinked before its first byte, so a killed run leaves nothing behind; it holds at most
//! [`STASH_BYTES_MAX`]; what was put is read once, and when nothing is left the file is empty again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

/// The most that one stage stashes, in bytes: two minutes behind one request at 40/s with bodies of 200 KB.
pub(super) const STASH_BYTES_MAX: u64 = 1 << 30;

/// The file of one stage.
#[derive(Debug, Default)]
pub(super) struct StashFile(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    end: u64,
    /// How many wait.
    waiting: u64,
}

/// Where something waits.
#[derive(Debug)]
pub(super) struct Spot {
    at: u64,
    length: usize,
}

impl Spot {
    /// How many bytes they are.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

impl StashFile {
    /// Puts bytes aside. Blocks.
    ///
    /// # Errors
    /// There is no room for them: on disk, or within [`STASH_BYTES_MAX`].
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<Spot> {
        let (file, at) = {
            let mut state = self.state();
            if state.end + bytes.len() as u64 > STASH_BYTES_MAX {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = match &state.file {
                Some(file) => Arc::clone(file),
                None => Arc::clone(state.file.insert(Arc::new(tempfile::tempfile()?))),
            };
            let at = state.end;
            state.end += bytes.len() as u64;
            state.waiting += 1;
            (file, at)
        };
        let spot = Spot { at, length: bytes.len() };
        match file.write_all_at(bytes, at) {
            Ok(()) => Ok(spot),
            Err(error) => {
                self.left();
                Err(error)
            }
        }
    }

    /// Takes bytes back. Blocks.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn take(&self, spot: Spot) -> io::Result<Vec<u8>> {
        let file = self.state().file.clone().expect("what was put is in a file");
        let mut bytes = vec![0; spot.length];
        let read = file.read_exact_at(&mut bytes, spot.at);
        self.left();
        read.map(|()| bytes)
    }

    /// One less waits; when none does the file starts anew.
    fn left(&self) {
        let mut state = self.state();
        state.waiting -= 1;
        if state.waiting == 0 {
            state.end = 0;
            if let Some(file) = &state.file {
                // If it cannot be cut, it is written over.
                drop(file.set_len(0));
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_and_the_file_starts_anew_when_nothing_is_left() {
        let file = StashFile::default();
        for round in 0..3_u8 {
            let places: Vec<Spot> =
                (0..50).map(|n| file.put(&vec![n + round; usize::from(n) * 10]).unwrap()).collect();
            assert_eq!(file.state().end, (0..50).map(|n| n * 10).sum::<u64>());
            for (n, place) in (0..50).zip(places) {
                assert_eq!(file.take(place).unwrap(), vec![n + round; usize::from(n) * 10]);
            }
            assert_eq!(file.state().file.as_ref().unwrap().metadata().unwrap().len(), 0);
        }
    }

    #[test]
    fn no_more_is_put_than_is_bounded() {
        let file = StashFile::default();
        file.state().end = STASH_BYTES_MAX - 5;
        assert!(file.put(b"123456").is_err());
        let place = file.put(b"12345").unwrap();
        assert!(file.put(b"1").is_err());
        assert_eq!(file.take(place).unwrap(), b"12345");
    }
}
