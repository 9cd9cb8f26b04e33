//! The only place that changes names and bytes on the disk.
//!
//! Belongs here: single operations, each with its error. Does not belong here: their order, which is
//! `commit`'s. In a test every operation first asks a script, which can refuse it once or end the
//! "process" there: after that nothing more reaches the disk, not even clean-up.
//!
//! Invariant: one method is one point where a process can die.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{Action, SinkError};

/// A handle to the file system.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) script: Option<std::sync::Arc<script::Script>>,
}

impl Disk {
    /// Makes `folder` and what is above it, each made durable in its parent.
    pub fn create_folders(&self, folder: &Path) -> Result<(), SinkError> {
        let mut missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.is_dir())
            .collect();
        while let Some(path) = missing.pop() {
            self.run(Action::CreateFolder, path, || match fs::create_dir(path) {
                // Two pipelines may make the same folder at once.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
                done => done,
            })?;
            match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => self.sync_folder(parent)?,
                _ => self.sync_folder(Path::new("."))?,
            }
        }
        Ok(())
    }

    /// Makes an empty file; it is an error if there is one.
    pub fn create_new(&self, path: &Path) -> Result<File, SinkError> {
        self.run(Action::CreateFile, path, || OpenOptions::new().write(true).create_new(true).open(path))
    }

    /// Writes all of `bytes`.
    pub fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let asked = self.ask(Action::Write, path);
        // A process can die in the middle of a write.
        let reached = if asked.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        if asked.is_ok() || self.is_dying() {
            file.write_all(reached)?;
        }
        asked
    }

    /// Waits until the file's bytes are on the disk.
    pub fn sync_file(&self, file: &File, path: &Path) -> Result<(), SinkError> {
        self.run(Action::SyncFile, path, || if self.is_scripted() { Ok(()) } else { file.sync_all() })
    }

    /// Waits until the names in `folder` are on the disk.
    pub fn sync_folder(&self, folder: &Path) -> Result<(), SinkError> {
        self.run(Action::SyncFolder, folder, || {
            // Only Unix can open a folder for this; elsewhere names become durable on their own terms.
            if cfg!(unix) && !self.is_scripted() { File::open(folder)?.sync_all() } else { Ok(()) }
        })
    }

    /// Gives the file at `from` the name `to`, replacing what is there. Both are in one folder.
    ///
    /// The only rename of the program: what it replaces must be staged, synced and in the journal.
    #[expect(clippy::disallowed_methods, reason = "the one place that renames")]
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), SinkError> {
        self.run(Action::Rename, to, || fs::rename(from, to))
    }

    /// Makes one folder; it is an error if something is there.
    pub fn create_folder(&self, folder: &Path) -> Result<(), SinkError> {
        self.run(Action::CreateFolder, folder, || fs::create_dir(folder))
    }

    /// Makes a symbolic link at `path` that says `target`.
    pub fn link(&self, target: &Path, path: &Path) -> Result<(), SinkError> {
        self.run(Action::Link, path, || symlink(target, path))
    }

    /// What the symbolic link at `path` says; none if no link is there.
    pub fn read_link(&self, path: &Path) -> Result<Option<PathBuf>, SinkError> {
        self.run(Action::Inspect, path, || match fs::read_link(path) {
            // What is there and no link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            other => absent_is_none(other),
        })
    }

    /// Gives the file at `from` a second name.
    pub fn share(&self, from: &Path, to: &Path) -> Result<(), SinkError> {
        self.run(Action::Share, to, || fs::hard_link(from, to))
    }

    /// Names and kinds of what is in `folder`, by name; nothing if it is not there.
    pub fn list(&self, folder: &Path) -> Result<Vec<(String, fs::FileType)>, SinkError> {
        self.run(Action::Read, folder, || {
            let Some(entries) = absent_is_none(fs::read_dir(folder))? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for entry in entries {
                let entry = entry?;
                // What is not UTF-8 is not ours.
                if let Ok(name) = entry.file_name().into_string() {
                    found.push((name, entry.file_type()?));
                }
            }
            found.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(found)
        })
    }

    /// Removes a folder with all that is in it, links not followed; answers whether it was there.
    pub fn remove_folder(&self, folder: &Path) -> Result<bool, SinkError> {
        for (name, kind) in self.list(folder)? {
            let path = folder.join(name);
            if kind.is_dir() {
                self.remove_folder(&path)?;
            } else {
                self.remove(&path)?;
            }
        }
        self.run(Action::Remove, folder, || absent_is_none(fs::remove_dir(folder)).map(|it| it.is_some()))
    }

    /// Removes what was staged, a file, a link or a folder; answers whether it was there.
    pub fn remove_staged(&self, path: &Path) -> Result<bool, SinkError> {
        match self.inspect(path)? {
            Some(kind) if kind.is_dir() => self.remove_folder(path),
            Some(_) => self.remove(path),
            None => Ok(false),
        }
    }

    /// Removes the file, if it is there; answers whether it was.
    #[expect(clippy::disallowed_methods, reason = "the one place that removes")]
    pub fn remove(&self, path: &Path) -> Result<bool, SinkError> {
        self.run(Action::Remove, path, || absent_is_none(fs::remove_file(path)).map(|found| found.is_some()))
    }

    /// The whole small file, or none.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, SinkError> {
        self.run(Action::Read, path, || absent_is_none(fs::read(path)))
    }

    /// Opens a file to read it.
    #[cfg(feature = "delta")]
    pub fn open(&self, path: &Path) -> Result<File, SinkError> {
        self.run(Action::Read, path, || File::open(path))
    }

    /// Whether what it does is to outlive a power cut.
    #[cfg(feature = "delta")]
    pub fn is_durable(&self) -> bool {
        !self.is_scripted()
    }

    /// The digest of the bytes of a plain file, or none.
    pub fn digest(&self, path: &Path) -> Result<Option<String>, SinkError> {
        self.run(Action::Read, path, || {
            let found = absent_is_none(fs::symlink_metadata(path))?;
            if !found.is_some_and(|found| found.is_file()) {
                return Ok(None);
            }
            let Some(mut file) = absent_is_none(File::open(path))? else { return Ok(None) };
            let mut digest = Digest::default();
            let mut buffer = vec![0; 256 * 1024];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(Some(digest.hex())),
                    read => digest.update(&buffer[..read]),
                }
            }
        })
    }

    /// The size of a plain file, or none.
    pub fn size(&self, path: &Path) -> Result<Option<u64>, SinkError> {
        self.run(Action::Inspect, path, || {
            let found = absent_is_none(fs::symlink_metadata(path))?;
            Ok(found.filter(fs::Metadata::is_file).map(|found| found.len()))
        })
    }

    /// What is at `path`, links not followed, or none.
    pub fn inspect(&self, path: &Path) -> Result<Option<fs::FileType>, SinkError> {
        self.run(Action::Inspect, path, || {
            absent_is_none(fs::symlink_metadata(path)).map(|found| found.map(|it| it.file_type()))
        })
    }

    /// Replaces a small file as a whole: a temporary name, sync, rename, sync of the folder.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), SinkError> {
        let temporary = temporary_name(path);
        // What a killed process left under this name is ours: the name belongs to one lock's holder.
        self.remove(&temporary)?;
        let file = self.create_new(&temporary)?;
        self.write(&file, &temporary, bytes)
            .map_err(|error| SinkError::disk(Action::Write, &temporary, error))
            .and_then(|()| self.sync_file(&file, &temporary))
            .and_then(|()| self.rename(&temporary, path))
            .inspect_err(|_| {
                // The first error is the one to tell; the next writer removes it anyway.
                let _ = self.remove(&temporary);
            })?;
        self.sync_folder(folder_of(path))
    }

    fn run<T>(
        &self,
        action: Action,
        path: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, SinkError> {
        self.ask(action, path)
            .and_then(|()| operation())
            .map_err(|error| SinkError::disk(action, path, error))
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the test's twin of this can refuse")]
    fn ask(&self, _: Action, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    pub fn ask(&self, action: Action, path: &Path) -> io::Result<()> {
        self.script.as_ref().map_or(Ok(()), |script| script.ask(action, path))
    }

    /// Whether a test plays the disk: then no power is cut, and waiting for the platter would be most
    /// of the test's time.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests have a script"))]
    fn is_scripted(&self) -> bool {
        #[cfg(test)]
        return self.script.is_some();
        #[cfg(not(test))]
        false
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the test's twin of this looks into the script")]
    fn is_dying(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn is_dying(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.is_dying())
    }
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no links that one rename can swap"))
}

/// The name under which `path` is written before it is renamed.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// The folder of a path that was made absolute.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().expect("a resolved path has a folder")
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        // A folder on the way that is gone, or that has become a file, has nothing in it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// XXH3-128 of a file: tells our bytes from others', not from forged ones.
#[derive(Default)]
pub(super) struct Digest(xxhash_rust::xxh3::Xxh3Default);

impl Digest {
    /// Adds bytes at the end.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// What manifests and journals hold.
    pub fn hex(&self) -> String {
        format!("xxh3-128:{:032x}", self.0.digest128())
    }
}

#[cfg(test)]
pub(super) mod script {
    //! A disk that fails or dies at a chosen operation.

    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex};

    use super::{Action, Disk};

    type Watcher = Box<dyn Fn() + Send + Sync>;

    /// What happens, and what has happened.
    pub struct Script {
        fault: Fault,
        done: Mutex<Vec<(Action, PathBuf)>>,
        watcher: Option<Watcher>,
    }

    /// When an operation is refused; operations count from 0.
    #[derive(Clone, Copy, Debug)]
    pub enum Fault {
        /// Never.
        None,
        /// From this operation on every one: the process is dead.
        DieAt(usize),
        /// This one, once.
        FailAt(usize, io::ErrorKind),
        /// Every one of this action.
        Refuse(Action, io::ErrorKind),
    }

    impl std::fmt::Debug for Script {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.fault.fmt(f)
        }
    }

    impl Disk {
        /// A disk with a fault.
        pub fn with_fault(fault: Fault) -> Self {
            Self { script: Some(Arc::new(Script { fault, done: Mutex::default(), watcher: None })) }
        }

        /// A disk that calls `watcher` before every operation.
        pub fn watched(watcher: impl Fn() + Send + Sync + 'static) -> Self {
            let watcher: Option<Watcher> = Some(Box::new(watcher));
            Self { script: Some(Arc::new(Script { fault: Fault::None, done: Mutex::default(), watcher })) }
        }

        /// Every operation so far.
        pub fn operations(&self) -> Vec<(Action, PathBuf)> {
            self.script.as_ref().expect("a scripted disk").done.lock().expect("no poison").clone()
        }
    }

    impl Script {
        pub fn ask(&self, action: Action, path: &Path) -> io::Result<()> {
            if let Some(watcher) = &self.watcher {
                watcher();
            }
            let mut done = self.done.lock().expect("no poison");
            let number = done.len();
            done.push((action, path.to_path_buf()));
            match self.fault {
                Fault::DieAt(at) if number >= at => Err(io::Error::other("the process is dead")),
                Fault::FailAt(at, kind) if number == at => Err(kind.into()),
                Fault::Refuse(refused, kind) if refused == action => Err(kind.into()),
                _ => Ok(()),
            }
        }

        /// Whether the last operation is the one at which the process died.
        pub fn is_dying(&self) -> bool {
            matches!(self.fault, Fault::DieAt(at) if self.done.lock().expect("no poison").len() == at + 1)
        }
    }
}
