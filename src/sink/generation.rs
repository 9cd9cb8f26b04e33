//! The names around a folder table, and what its link says.
//!
//! ```text
//!  out/films ─▶ .films.gen/20261122T195012Z-4f3a9c01      a link, swapped by one rename
//!  out/.films.gen/20261122T195012Z-4f3a9c01/              a generation: part-00000.20261122T195012Z-4f3a9c01.parquet …
//!  out/.films.gen/20261122T195012Z-4f3a9c01.manifest.json what is known about it
//!  out/.films.gen/.0123456789abcdef.tmp/                  a staged one
//! ```
//!
//! Does not belong here: the order in which names change (`commit`, `folder`).
//!
//! Invariant: a file's name holds the name of the generation that it was written for, so that a reader who has the
//! names of one generation never opens a file of another under them.

use std::path::{Component, Path, PathBuf};

use super::disk::Disk;
use super::error::SinkError;
use super::manifest::hidden;

/// The folder of all generations of `table`.
pub(super) fn home(table: &Path) -> PathBuf {
    hidden(table, ".gen")
}

/// Whether a folder of this name holds the generations of a table.
pub(super) fn is_home(name: &str) -> bool {
    name.strip_prefix('.').and_then(|name| name.strip_suffix(".gen")).is_some_and(|table| !table.is_empty())
}

/// Where generation `name` of `table` is.
pub(super) fn folder(table: &Path, name: &str) -> PathBuf {
    home(table).join(name)
}

/// Where the manifest of generation `name` is.
pub(super) fn manifest(table: &Path, name: &str) -> PathBuf {
    home(table).join(format!("{name}{MANIFEST}"))
}

/// How the manifest of a generation ends.
pub(super) const MANIFEST: &str = ".manifest.json";

/// A new name for staging a generation: hidden, so that it is none.
pub(super) fn staged(table: &Path) -> PathBuf {
    home(table).join(format!(".{:016x}.tmp", fastrand::u64(..)))
}

/// What the link at `table` says when it names generation `name`: relative, so that a dataset can be moved.
pub(super) fn link_to(table: &Path, name: &str) -> PathBuf {
    Path::new(home(table).file_name().expect("a hidden name")).join(name)
}

/// The generation that readers of `table` see; none if nothing is there, or something that is no link of ours.
pub(super) fn current(disk: &Disk, table: &Path) -> Result<Option<String>, SinkError> {
    Ok(disk.read_link(table)?.and_then(|target| named(table, &target)))
}

/// The generation that a link says, if it is one of ours.
pub(super) fn named(table: &Path, target: &Path) -> Option<String> {
    let mut parts = target.components();
    let home = home(table);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Component::Normal(folder)), Some(Component::Normal(name)), None)
            if Some(folder) == home.file_name() =>
        {
            name.to_str().filter(|name| !name.starts_with('.')).map(str::to_owned)
        }
        _ => None,
    }
}

/// A name for what `run` is about to write: its own, unless it has been here before.
pub(super) fn name_for(disk: &Disk, table: &Path, run: &str) -> Result<String, SinkError> {
    let mut name = run.to_owned();
    while disk.inspect(&folder(table, &name))?.is_some() {
        name = format!("{run}-{:04x}", fastrand::u16(..));
    }
    Ok(name)
}

/// The name of part `number` of generation `name`.
pub(super) fn part(number: usize, name: &str, ending: &str) -> String {
    format!("part-{number:05}.{name}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_into_our_own_folder_name_a_generation() {
        let check = |target: &str, expect: Option<&str>| {
            let found = named(Path::new("/data/films"), Path::new(target));
            assert_eq!(found.as_deref(), expect, "{target}");
        };
        check(".films.gen/7", Some("7"));
        check(".films.gen/7/", Some("7"));
        check(".films.gen/.0123.tmp", None);
        check(".films.gen", None);
        check(".films.gen/7/deeper", None);
        check(".films.gen/..", None);
        check("/data/.films.gen/7", None);
        check(".cast.gen/7", None);
        assert_eq!(link_to(Path::new("/data/films"), "7"), Path::new(".films.gen/7"));
    }
}
