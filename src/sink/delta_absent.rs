//! A build without Delta tables: where it meets one, it says so.
//!
//! The language refuses `format: delta` in such a build, so nothing is staged for one; what may be met is a journal that
//! another build left, and a table that is looked at.
//!
//! Invariant: the same functions as in `delta`.

use std::path::{Path, PathBuf};

use super::TableSpec;
use super::disk::Disk;
use super::error::SinkError;
use super::journal::Entry;
use super::manifest::{Manifest, RunFacts};
use super::staged::StagedTable;
use crate::spec::DeltaLayout;

/// As in `delta`; nothing here finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "the answers of another build")]
pub(super) enum Stand {
    Staged,
    Committed,
    Lost,
}

fn absent<T>(path: &Path) -> Result<T, SinkError> {
    Err(SinkError::NoDelta { path: path.to_path_buf() })
}

pub(super) fn check(_: &Disk, spec: &TableSpec, _: &DeltaLayout) -> Result<(), SinkError> {
    absent(&spec.path)
}

pub(super) fn prepare(_: &Disk, staged: &StagedTable, _: &RunFacts) -> Result<Option<Entry>, SinkError> {
    absent(&staged.path)
}

pub(super) fn stand_of(_: &Disk, entry: &Entry) -> Result<Stand, SinkError> {
    absent(&entry.path)
}

/// As in `delta`; nothing here finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "the answers of another build")]
pub(super) enum Ready {
    AsItWas,
    Anew,
    Committed,
}

pub(super) fn ready(_: &Disk, entry: &mut Entry) -> Result<Ready, SinkError> {
    absent(&entry.path)
}

pub(super) fn place(_: &Disk, entry: &Entry) -> Result<(), SinkError> {
    absent(&entry.path)
}

pub(super) fn commit(_: &Disk, entry: &Entry) -> Result<bool, SinkError> {
    absent(&entry.path)
}

pub(super) fn manifest(path: &Path) -> Result<Option<Manifest>, SinkError> {
    absent(path)
}

pub(super) fn live_files(path: &Path) -> Result<Vec<PathBuf>, SinkError> {
    absent(path)
}
