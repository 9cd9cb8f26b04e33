//! A build without object stores: where it meets one, it says so.
//!
//! A plan refuses an address as an output in such a build; what may be met is a journal that another build left, and an
//! object that is looked at.
//!
//! Invariant: the same functions as in `remote`.

use std::path::Path;
use std::time::Duration;

use super::disk::Disk;
use super::error::SinkError;
use super::journal::{Entry, Journal};
use super::manifest::Manifest;
use super::remote_entry::LoadId;
use crate::spec::StoreUrl;

/// As in `remote`; nothing here finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "the same as in a build with object stores")]
pub(super) enum Stand {
    Pending,
    Published,
    Lost,
}

/// As in `remote`; there is none.
pub(super) enum Publish {}

impl Publish {
    pub fn complete(&mut self) -> Result<(), SinkError> {
        match *self {}
    }

    pub fn show(&mut self) -> Result<(), SinkError> {
        match *self {}
    }
}

fn absent<T>(url: impl ToString) -> Result<T, SinkError> {
    Err(SinkError::NoStores { url: url.to_string() })
}

pub(super) fn check(url: &StoreUrl) -> Result<Option<LoadId>, SinkError> {
    absent(url)
}

pub(super) fn manifest(url: &StoreUrl) -> Result<Option<Manifest>, SinkError> {
    absent(url)
}

pub(super) fn stand_of(entry: &Entry) -> Result<Stand, SinkError> {
    absent(entry.path.display())
}

pub(super) fn let_go(entry: &Entry) -> Result<(), SinkError> {
    absent(entry.path.display())
}

pub(super) fn prepare(
    _: &Disk,
    _: &Path,
    journal: &mut Journal,
    pending: &[usize],
    _: Duration,
) -> Result<Option<Publish>, SinkError> {
    match pending.first() {
        Some(&at) => absent(journal.tables[at].path.display()),
        None => Ok(None),
    }
}
