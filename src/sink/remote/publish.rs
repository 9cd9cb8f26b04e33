//! The steps of a publish that ask object stores, from a staged file to an object that readers see.
//!
//! Does not belong here: when each is due (`commit`). The numbers are the steps of `docs/architecture/cloud.md`.
//!
//! Invariant: a table is completed only while its claim is ours, and all tables are claimed before the first is completed.

use std::path::Path;
use std::time::Duration;

use object_store::UpdateVersion;
use object_store::multipart::PartId;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

use super::super::disk::Disk;
use super::super::error::SinkError;
use super::super::journal::{Entry, Journal};
use super::super::manifest::Manifest;
use super::super::remote_entry::{LoadId, RemoteEntry};
use super::super::store_trouble::StoreTrouble;
use super::open::Patience;
use super::record::{self, Claim, Found, Record};
use super::{Place, runtime, trouble, upload};
use crate::spec::Mode;

/// How often a claim of somebody else is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How often a claim is tried anew because somebody else has written just then.
const CLAIM_TRIES: u32 = 50;

/// How far a crash let a table come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Stand {
    /// Not yet visible, or not known to be.
    Pending,
    /// Visible, with its manifest.
    Published,
    /// Somebody else has published since the run began.
    Lost,
}

/// A publish under way.
#[derive(Debug)]
pub(in super::super) struct Publish {
    runtime: Runtime,
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    place: Place,
    remote: RemoteEntry,
    upload: String,
    parts: Vec<PartId>,
    manifest: Manifest,
    held: Option<Held>,
}

/// A claim of ours.
#[derive(Debug)]
struct Held {
    before: Option<Manifest>,
    version: UpdateVersion,
}

/// Where `entry` is.
pub(in super::super) fn stand_of(entry: &Entry) -> Result<Stand, SinkError> {
    let place = Place::of(entry, Patience::Work)?;
    let remote = remote_of(entry);
    let Found { record, .. } = runtime().block_on(record::read(&place))?;
    let load = record.manifest.as_ref().map(LoadId::of);
    Ok(if record.claim.as_ref().is_some_and(|claim| claim.id == remote.claim) {
        Stand::Pending
    } else if load.as_ref() == Some(&LoadId::of(&entry.manifest)) {
        Stand::Published
    } else if load == remote.before {
        Stand::Pending
    } else {
        Stand::Lost
    })
}

/// Gives up what `entry` holds in the store: its upload and its claim.
pub(in super::super) fn let_go(entry: &Entry) -> Result<(), SinkError> {
    let place = Place::of(entry, Patience::Work)?;
    let remote = remote_of(entry);
    runtime().block_on(async {
        if let Some(id) = &remote.upload {
            upload::give_up(place.target(), id).await?;
        }
        let Found { record, version } = record::read(&place).await?;
        if record.claim.is_some_and(|claim| claim.id == remote.claim) {
            let record = Record { manifest: record.manifest, claim: None };
            record::write(&place, &record, version.as_ref()).await?;
        }
        Ok(())
    })
}

/// Steps 2 to 4 for the tables at `pending` of the journal: everything that readers do not see.
///
/// # Errors
/// [`SinkError::OtherWriter`] and [`SinkError::OtherSource`] leave nothing of this publish in any store; after any other the
/// journal goes on.
pub(in super::super) fn prepare(
    disk: &Disk,
    state: &Path,
    journal: &mut Journal,
    pending: &[usize],
    wait: Duration,
) -> Result<Option<Publish>, SinkError> {
    if pending.is_empty() {
        return Ok(None);
    }
    let runtime = runtime();
    let mut tables = Vec::with_capacity(pending.len());
    for &at in pending {
        let entry = &mut journal.tables[at];
        let place = Place::of(entry, Patience::Work)?;
        let remote = entry.remote.as_mut().expect("a pending table is in a store");
        let upload = runtime.block_on(async {
            if let Some(id) = &remote.upload {
                upload::give_up(place.target(), id).await?;
            }
            upload::create(place.target()).await
        })?;
        remote.upload = Some(upload.clone());
        let (remote, manifest) = (remote.clone(), entry.manifest.clone());
        tables.push(Table { place, remote, upload, parts: Vec::new(), manifest, held: None });
    }
    journal.write(disk, state)?; // 2
    for (table, &at) in tables.iter_mut().zip(pending) {
        let (staged, digest) = (&journal.tables[at].staged, &table.manifest.digest);
        table.parts =
            runtime.block_on(upload::send(table.place.target(), &table.upload, staged, Some(digest)))?; // 3
    }
    // In one order for everybody, so that no two publishes wait for each other.
    tables.sort_by(|a, b| a.place.url.cmp(&b.place.url));
    let mut publish = Publish { runtime, tables };
    publish.claim(wait).map(|()| Some(publish)) // 4
}

impl Publish {
    fn claim(&mut self, wait: Duration) -> Result<(), SinkError> {
        let Self { runtime, tables } = self;
        let claimed = runtime.block_on(async {
            for table in tables.iter_mut() {
                table.held = Some(table.claim(wait).await?);
            }
            Ok(())
        });
        if let Err(SinkError::OtherWriter { .. } | SinkError::OtherSource { .. }) = &claimed {
            // What cannot be taken back now is taken over by whoever publishes next.
            runtime.block_on(async {
                for table in tables.iter() {
                    let _ = table.release().await;
                }
            });
        }
        claimed
    }

    /// Step 6: readers see the new tables, one request after the other.
    pub fn complete(&mut self) -> Result<(), SinkError> {
        let Self { runtime, tables } = self;
        runtime.block_on(async {
            for table in tables.iter_mut() {
                table.complete().await?;
            }
            Ok(())
        })
    }

    /// Step 8: the manifests say so, and the claims are gone.
    pub fn show(&mut self) -> Result<(), SinkError> {
        let Self { runtime, tables } = self;
        runtime.block_on(async {
            for table in tables.iter() {
                table.show().await?;
            }
            Ok(())
        })
    }
}

impl Table {
    async fn claim(&self, wait: Duration) -> Result<Held, SinkError> {
        let mut stood: Option<(Claim, Instant)> = None;
        let mut tries = 0;
        loop {
            let Found { record, version } = record::read(&self.place).await?;
            let mut foreign = None;
            match record.claim {
                Some(claim) if claim.id == self.remote.claim => {}
                _ if record.manifest.as_ref().map(LoadId::of) != self.remote.before => {
                    return Err(self.other_writer(record.manifest.as_ref()));
                }
                Some(claim) => match &stood {
                    Some((known, since)) if *known == claim => {
                        if since.elapsed() < wait {
                            sleep(LOOK).await;
                            continue;
                        }
                        foreign = Some(claim);
                    }
                    _ if tries < CLAIM_TRIES => {
                        stood = Some((claim, Instant::now()));
                        tries += 1;
                        continue;
                    }
                    _ => return Err(self.busy(wait)),
                },
                None => {}
            }
            self.check_source(record.manifest.as_ref())?;
            let claim = Claim {
                id: self.remote.claim.clone(),
                run: self.manifest.facts.run.clone(),
                pipeline: self.manifest.facts.pipeline.clone(),
                upload: self.upload.clone(),
            };
            let claimed = Record { manifest: record.manifest, claim: Some(claim) };
            if let Some(version) = record::write(&self.place, &claimed, version.as_ref()).await? {
                if let Some(foreign) = foreign {
                    // Whoever held it may be slow rather than dead: without its upload it cannot change the table any more.
                    upload::give_up(self.place.target(), &foreign.upload).await?;
                }
                return Ok(Held { before: claimed.manifest, version });
            }
            tries += 1;
            if tries >= CLAIM_TRIES {
                return Err(self.busy(wait));
            }
        }
    }

    async fn complete(&mut self) -> Result<(), SinkError> {
        let parts = std::mem::take(&mut self.parts);
        let done = self.place.store.complete_multipart(&self.place.data, &self.upload, parts).await;
        let Err(error) = done else { return Ok(()) };
        let told = trouble::of("publish", &self.place.url, &error);
        if let SinkError::Store { trouble: StoreTrouble::UploadGone, .. } = &told {
            let Found { record, .. } = record::read(&self.place).await?;
            if record.claim.is_none_or(|claim| claim.id != self.remote.claim) {
                return Err(self.other_writer(record.manifest.as_ref()));
            }
        }
        Err(told)
    }

    async fn show(&self) -> Result<(), SinkError> {
        let held = self.held.as_ref().expect("a completed table is claimed");
        let mut manifest = self.manifest.clone();
        manifest.remember(held.before.as_ref(), Mode::Overwrite, manifest.rows);
        let record = Record { manifest: Some(manifest), claim: None };
        if record::write(&self.place, &record, Some(&held.version)).await?.is_some() {
            return Ok(());
        }
        let Found { record, .. } = record::read(&self.place).await?;
        Err(self.other_writer(record.manifest.as_ref()))
    }

    async fn release(&self) -> Result<(), SinkError> {
        if let Some(held) = &self.held {
            let record = Record { manifest: held.before.clone(), claim: None };
            record::write(&self.place, &record, Some(&held.version)).await?;
        }
        upload::give_up(self.place.target(), &self.upload).await
    }

    fn check_source(&self, published: Option<&Manifest>) -> Result<(), SinkError> {
        match published {
            Some(manifest) if manifest.facts.source != self.manifest.facts.source => {
                Err(SinkError::OtherSource {
                    path: self.place.url.path(),
                    published: manifest.facts.source.clone(),
                    wanted: self.manifest.facts.source.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    fn busy(&self, waited: Duration) -> SinkError {
        SinkError::TableLocked { path: self.place.url.path(), waited }
    }

    fn other_writer(&self, by: Option<&Manifest>) -> SinkError {
        let by = by.map(|by| {
            let facts = &by.facts;
            format!("run {} of pipeline `{}`, finished {:.0}", facts.run, facts.pipeline, facts.finished_at)
        });
        SinkError::OtherWriter {
            url: self.place.url.to_string(),
            by: by.unwrap_or_else(|| "somebody who removed its manifest".to_owned()),
        }
    }
}

fn remote_of(entry: &Entry) -> &RemoteEntry {
    entry.remote.as_ref().expect("asked only of a table in a store")
}
