//! Tables that are objects in a store: `s3://`, `gs://`, `az://`.
//!
//! ```text
//!  staged file ─▶ parts ─▶ claim in the manifest object ─▶ complete: readers see it ─▶ manifest, without the claim
//! ```
//!
//! Belongs here: everything that asks an object store, but for the log of a Delta table, which `delta` reads and writes through
//! the store that is opened here. Does not belong here: what is staged and when it is published
//! (`commit`, whose steps these are part of). The steps, and what they promise, are in `docs/architecture/cloud.md`.
//!
//! Everything here blocks, on a runtime of its own that lives as long as one call or one publish.
//!
//! Invariant: nothing changes a table but who holds the claim in its manifest object, and whoever takes a claim over gives up
//! the upload of the one who held it first.

#[cfg(feature = "delta")]
mod files;
mod object;
mod open;
mod publish;
mod record;
mod trouble;
mod upload;

#[cfg(test)]
mod dying;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::StreamExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path as Key;
use tokio::runtime::{Builder, Runtime};

#[cfg(not(feature = "delta"))]
use self::open::Patience;
#[cfg(not(all(test, feature = "delta")))]
use self::open::Store;
use super::error::SinkError;
use super::journal::Entry;
use super::manifest::Manifest;
use super::remote_entry::LoadId;
use crate::spec::StoreUrl;

#[cfg(all(test, feature = "delta"))]
pub(super) use dying::{put_in_place, with_stores_of_test};
#[cfg(feature = "delta")]
pub(super) use files::Files;
pub(super) use object::Object;
#[cfg(feature = "delta")]
pub(super) use open::Patience;
#[cfg(all(test, feature = "delta"))]
pub(super) use open::Store;
pub(super) use publish::{Publish, Stand, let_go, prepare, stand_of};

/// One table's object, its manifest, and the way to both.
#[derive(Clone, Debug)]
struct Place {
    store: Arc<dyn Store>,
    url: StoreUrl,
    data: Key,
    manifest: Key,
}

/// One object, and the way to it.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    store: &'a dyn Store,
    url: &'a StoreUrl,
    key: &'a Key,
}

impl Place {
    fn target(&self) -> Target<'_> {
        Target { store: &*self.store, url: &self.url, key: &self.data }
    }

    fn open(url: &StoreUrl, patience: Patience) -> Result<Self, SinkError> {
        let store = open::store(url, patience)?;
        let (data, manifest) = (key(url, &url.key)?, key(url, &url.hidden(record::MANIFEST))?);
        Ok(Self { store, url: url.clone(), data, manifest })
    }

    fn of(entry: &Entry, patience: Patience) -> Result<Self, SinkError> {
        let url = StoreUrl::of(&entry.path).expect("an entry with a remote part has an address");
        Self::open(&url, patience)
    }
}

/// What a store calls an object by.
fn key(url: &StoreUrl, text: &str) -> Result<Key, SinkError> {
    Key::parse(text).map_err(|error| trouble::of("find", url, &object_store::Error::from(error)))
}

/// Whether anything is below the address `url`, as the log is of a Delta table that is there.
pub(super) fn has_below(url: &StoreUrl, name: &str) -> Result<bool, SinkError> {
    let below = key(url, &url.below(name).key)?;
    let store = open::store(url, Patience::Check)?;
    let first = runtime().block_on(async { store.list(Some(&below)).next().await });
    match first {
        Some(Err(error)) => Err(trouble::of("look for a table at", url, &error)),
        found => Ok(found.is_some()),
    }
}

/// Whether a table can be published at `url`, before hours are spent on it; answers which load is there.
///
/// It reads the manifest, and begins an upload and gives it up: readers see neither.
pub(super) fn check(url: &StoreUrl) -> Result<Option<LoadId>, SinkError> {
    let place = Place::open(url, Patience::Check)?;
    runtime().block_on(async {
        let found = record::read(&place).await?;
        let id = upload::create(place.target()).await?;
        upload::give_up(place.target(), &id).await?;
        Ok(found.record.manifest.as_ref().map(LoadId::of))
    })
}

/// The manifest of the table at `url`; none where nothing was published.
pub(super) fn manifest(url: &StoreUrl) -> Result<Option<Manifest>, SinkError> {
    let place = Place::open(url, Patience::Check)?;
    Ok(runtime().block_on(record::read(&place))?.record.manifest)
}

/// A runtime for the thread that asks.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread needs a handful of file descriptors")
}
