//! Results that wait for their turn outside of memory, as bytes on disk.
//!
//! ```text
//!  Fetched, Expanded, … ─▶ Pen ─▶ bytes ─▶ Stash … Stash ─▶ bytes that own their charge ─▶ Page ─▶ the same
//! ```
//!
//! Does not belong here: which result waits, and when (`crate::engine::run_stage`).

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::stash_file::{Spot, StashFile};
use crate::engine::{Parcel, Token, Turn, pack_item, unpack_item};
use crate::plan::{Document, Item};
use crate::spec::StageId;

/// What a document takes in memory beside its body, about.
const DOCUMENT_OVERHEAD_BYTES: usize = 512;

/// Where the results of one stage wait.
pub(super) struct Stash {
    stage: StageId,
    file: StashFile,
}

/// A result that can wait on disk.
pub(super) trait Waits: Sized + Send + 'static {
    /// The bytes of its bodies in memory, about.
    fn bytes(&self) -> usize;
    /// The token that it keeps alive.
    fn token(&self) -> Option<Token>;
    /// Writes all of it but the token.
    fn write(&self, pen: &mut Pen);
    /// Reads it back.
    fn read(page: &mut Page, token: Option<Token>) -> Self;
}

/// What is left in memory of a result in the stash.
pub(super) struct Stashed {
    spot: Spot,
    token: Option<Token>,
    aside: Vec<Arc<Value>>,
}

impl Stash {
    pub(super) fn new(stage: StageId) -> Self {
        Self { stage, file: StashFile::default() }
    }

    /// Puts a result into the stash; gives it back if there is no room.
    pub(super) async fn put<T: Waits>(stash: Arc<Self>, result: T) -> Result<Stashed, T> {
        on_thread(move || {
            let mut pen = Pen::default();
            result.write(&mut pen);
            match stash.file.put(&pen.bytes) {
                Ok(spot) => Ok(Stashed { spot, token: result.token(), aside: pen.aside }),
                Err(_) => Err(result),
            }
        })
        .await
    }

    /// Takes a result out of the stash, when there is room for it in memory again.
    pub(super) async fn restore<T: Waits>(
        stash: Arc<Self>,
        stashed: Stashed,
        context: &Context,
        turn: Turn,
    ) -> Result<T, RunError> {
        let room = context.memory.take(stashed.spot.length(), context.demand(&stash.stage), &turn).await;
        on_thread(move || {
            let Stashed { spot, token, aside } = stashed;
            let bytes = stash.file.take(spot).map_err(|error| RunError::Stash {
                stage: stash.stage.to_string(),
                reason: error.to_string(),
            })?;
            let bytes = room.hold(Bytes::from(bytes));
            Ok(T::read(&mut Page { bytes, at: 0, aside: aside.into_iter() }, token))
        })
        .await
    }
}

/// Writes.
#[derive(Default)]
pub(super) struct Pen {
    bytes: Vec<u8>,
    aside: Vec<Arc<Value>>,
}

impl Pen {
    pub(super) fn number(&mut self, number: usize) {
        self.bytes.extend((number as u64).to_le_bytes());
    }

    pub(super) fn item(&mut self, item: &Item) {
        pack_item(item, &mut self.bytes, &mut self.aside);
    }

    pub(super) fn document(&mut self, document: &Document) {
        self.item(&document.item);
        // No time is that far away.
        let fetched_at = document.fetched_at.map_or(i128::MIN, Timestamp::as_nanosecond);
        self.bytes.extend(fetched_at.to_le_bytes());
        self.body(&document.body);
        let parts = document.parts.places();
        self.number(parts.len());
        for part in parts {
            self.number(usize::from(part.is_some()));
            if let Some(part) = part {
                self.body(part);
            }
        }
    }

    fn body(&mut self, body: &Bytes) {
        self.number(body.len());
        self.bytes.extend_from_slice(body);
    }
}

/// Reads what a [`Pen`] wrote.
pub(super) struct Page {
    bytes: Bytes,
    at: usize,
    aside: std::vec::IntoIter<Arc<Value>>,
}

impl Page {
    pub(super) fn number(&mut self) -> usize {
        usize::try_from(u64::from_le_bytes(self.take())).expect("it was written from a length in memory")
    }

    pub(super) fn item(&mut self) -> Item {
        let mut rest = &self.bytes[self.at..];
        let aside = &mut self.aside;
        let item =
            unpack_item(&mut rest, || aside.next().expect("what is aside was stashed with its result"));
        self.at = self.bytes.len() - rest.len();
        item
    }

    pub(super) fn document(&mut self) -> Document {
        let item = self.item();
        let fetched_at = Some(i128::from_le_bytes(self.take())).filter(|at| *at != i128::MIN);
        let fetched_at =
            fetched_at.map(|at| Timestamp::from_nanosecond(at).expect("it was written from a time in range"));
        let body = self.body();
        let parts: Vec<Option<Bytes>> =
            (0..self.number()).map(|_| (self.number() == 1).then(|| self.body())).collect();
        Document { item, body, fetched_at, parts: parts.into() }
    }

    fn body(&mut self) -> Bytes {
        let length = self.number();
        let body = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        body
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.bytes[self.at..self.at + N].try_into().expect("as long as asked");
        self.at += N;
        taken
    }
}

/// What a document takes in memory, about.
pub(super) fn document_bytes(document: &Document) -> usize {
    document.body.len() + document.parts.bytes() + DOCUMENT_OVERHEAD_BYTES
}

/// A document and its token.
impl Waits for Parcel<Document> {
    fn bytes(&self) -> usize {
        document_bytes(&self.value)
    }

    fn token(&self) -> Option<Token> {
        self.token.clone()
    }

    fn write(&self, pen: &mut Pen) {
        pen.document(&self.value);
    }

    fn read(page: &mut Page, token: Option<Token>) -> Self {
        Self { value: page.document(), token }
    }
}

/// What a filter lets pass; what it does not takes no room and never waits on disk.
impl Waits for Option<Parcel<Document>> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Waits::bytes)
    }

    fn token(&self) -> Option<Token> {
        self.as_ref().and_then(Waits::token)
    }

    fn write(&self, pen: &mut Pen) {
        self.as_ref().expect("nothing is not stashed").write(pen);
    }

    fn read(page: &mut Page, token: Option<Token>) -> Self {
        Some(Parcel::read(page, token))
    }
}
