//! A build without object stores: where it meets one, it says so.
//!
//! A plan refuses an address as an output in such a build; what may be met is a journal that another build left, and an
//! object that is looked at.
//!
//! Invariant: the same functions as in `remote`.

#[cfg(feature = "delta")]
use std::fs::File;
use std::path::Path;
#[cfg(feature = "delta")]
use std::path::PathBuf;
#[cfg(feature = "delta")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "delta")]
use object_store::{Error, ObjectStore};
#[cfg(feature = "delta")]
use tokio::runtime::Handle;

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

/// As in `remote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(feature = "delta")]
pub(super) enum Patience {
    Check,
    Work,
}

/// As in `remote`; there are none.
#[derive(Clone, Debug)]
#[cfg(feature = "delta")]
pub(super) enum Files {}

#[cfg(feature = "delta")]
impl Files {
    pub fn open(url: &StoreUrl, _: Patience) -> Result<Self, SinkError> {
        absent(url)
    }

    pub fn url(&self) -> &StoreUrl {
        match *self {}
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        match *self {}
    }

    pub fn trouble(&self, _: &'static str, _: &Error) -> SinkError {
        match *self {}
    }

    pub fn check(&self, _: &Handle) -> Result<(), SinkError> {
        match *self {}
    }

    pub fn put(&self, _: &Handle, _: &[(PathBuf, &str, u64)]) -> Result<(), SinkError> {
        match *self {}
    }

    pub fn fetch(&self, _: &Handle, _: &str, _: &mut File, _: &Path) -> Result<(), SinkError> {
        match *self {}
    }

    pub fn remove(&self, _: &Handle, _: &str) -> Result<(), SinkError> {
        match *self {}
    }
}

pub(super) fn has_below(url: &StoreUrl, _: &str) -> Result<bool, SinkError> {
    absent(url)
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
