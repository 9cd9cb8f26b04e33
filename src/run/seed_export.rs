//! A seed's export: which file is the latest, the way from there to a file without a name on this machine, and its lines.
//!
//! ```text
//! days, latest first ─▶ Client::download ─▶ compressed, on disk ─▶ SeedFile (in its order, or most popular first)
//! ```
//!
//! The file is read to its end before the first item is handed out: a download that breaks off is begun again without anybody
//! seeing an item twice, and a seed that waits for its readers for hours does not hold a connection. It costs 28 MB of disk.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::Date;

use super::context::on_thread;
use super::error::RunError;
use super::seed::{Seeder, Stop};
use super::seed_file::SeedFile;
use crate::spec::{ExportKind, ExportOrder, SeedExport};
use crate::tmdb::{AskError, DownloadError, Failure, Save, export_path, latest_days};

/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no file of any day that was asked for.
    #[error("there is no export `{}` of {}", .kind.as_str(), Days(.first, .last))]
    Absent {
        /// Which list.
        kind: ExportKind,
        /// The latest day that was asked for.
        first: Date,
        /// The earliest.
        last: Date,
    },
    /// The server does not give it.
    #[error("fetch `{file}`: {}, after {} attempts", .failure.reason, .failure.attempts)]
    Failed {
        /// Its path.
        file: String,
        /// What the last attempt came to.
        failure: Failure,
    },
    /// It cannot be kept while it is read.
    #[error("keep `{file}` while it is read: {error}")]
    Disk {
        /// Its path.
        file: String,
        /// What the system says.
        error: io::Error,
    },
}

/// `2026-11-24`, or a range of days.
struct Days<'a>(&'a Date, &'a Date);

impl std::fmt::Display for Days<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(first, last) = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{last} to {first}") }
    }
}

impl Seeder {
    /// Hands out the lines of the export.
    pub(super) async fn hand_out_export(&self, export: &SeedExport) -> Result<(), Stop> {
        let stage = self.caller.stage.to_string();
        let now = self.context.client.now();
        let (path, file) = self.export_file(export, now).await?;
        let (where_, scope) = (self.plan.where_.clone(), Arc::clone(&self.context.scope));
        let (order, limit) = (export.order, export.limit);
        let opened = on_thread(move || match order {
            ExportOrder::File => SeedFile::of_export(path, file, limit),
            ExportOrder::Popularity => SeedFile::of_ranked_export(path, file, where_.as_ref(), &scope, limit),
        })
        .await;
        let file = opened.map_err(|error| RunError::SeedFile { stage, error: Box::new(error) })?;
        self.hand_out_file(file).await
    }

    /// The file of an export, the latest as of `now`, with the path that names it.
    pub(super) async fn export_file(
        &self,
        export: &SeedExport,
        now: Timestamp,
    ) -> Result<(String, File), RunError> {
        self.fetch_export(export, now).await.map_err(|error| match error {
            Ended::Export(error) => {
                RunError::Export { stage: self.caller.stage.to_string(), error: Box::new(error) }
            }
            Ended::Fatal(error) => error,
        })
    }

    /// The file of the day, or the latest, whole and compressed.
    async fn fetch_export(&self, export: &SeedExport, now: Timestamp) -> Result<(String, File), Ended> {
        let days: Vec<Date> = match export.date {
            Some(date) => vec![date],
            None => latest_days(now).collect(),
        };
        for day in &days {
            let path = export_path(export.kind, *day);
            let disk = |error| Ended::Export(ExportError::Disk { file: path.clone(), error });
            let mut kept = Kept::new().await.map_err(disk)?;
            match self.context.client.download(&self.caller, &path, &mut kept).await {
                Ok(Some(_)) => return Ok((path, kept.file)),
                Ok(None) => {}
                Err(DownloadError::Save(error)) => return Err(disk(error)),
                Err(DownloadError::Ask(AskError::Failed(failure))) => {
                    return Err(Ended::Export(ExportError::Failed { file: path, failure }));
                }
                Err(DownloadError::Ask(AskError::Fatal(fatal))) => {
                    return Err(Ended::Fatal(RunError::Fatal {
                        stage: self.caller.stage.to_string(),
                        fatal,
                    }));
                }
            }
        }
        let (first, last) = (days[0], days[days.len() - 1]);
        Err(Ended::Export(ExportError::Absent { kind: export.kind, first, last }))
    }
}

/// Why there is no file.
enum Ended {
    Export(ExportError),
    Fatal(RunError),
}

/// A file without a name, written on a thread.
struct Kept {
    file: File,
    waiting: Vec<u8>,
}

impl Kept {
    async fn new() -> io::Result<Self> {
        Ok(Self { file: on_thread(tempfile::tempfile).await?, waiting: Vec::new() })
    }

    async fn on_file<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let mut file = self.file.try_clone()?;
        on_thread(move || job(&mut file)).await
    }

    async fn write(&mut self) -> io::Result<()> {
        let bytes = mem::take(&mut self.waiting);
        self.on_file(move |file| file.write_all(&bytes)).await
    }
}

impl Save for Kept {
    type Error = io::Error;

    async fn begin(&mut self) -> io::Result<()> {
        self.waiting.clear();
        self.on_file(|file| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0)).map(drop)
        })
        .await
    }

    async fn add(&mut self, chunk: Bytes) -> io::Result<()> {
        self.waiting.extend_from_slice(&chunk);
        if self.waiting.len() < CHUNK { Ok(()) } else { self.write().await }
    }

    async fn end(&mut self, check: bool) -> io::Result<bool> {
        self.write().await?;
        self.on_file(move |file| {
            file.seek(SeekFrom::Start(0))?;
            let whole = !check || is_whole(file);
            file.seek(SeekFrom::Start(0))?;
            Ok(whole)
        })
        .await
    }
}

/// Whether the compressed data have an end and the checksum that belongs to them.
fn is_whole(file: &mut File) -> bool {
    let mut unpacked = MultiGzDecoder::new(io::BufReader::new(file));
    let mut buffer = vec![0; CHUNK];
    loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
