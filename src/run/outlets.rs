//! Where a stage's results go: every reader of each of its ports gets each result.

use std::collections::BTreeMap;

use crate::engine::{Closed, Parcel, Sender};
use crate::plan::{Document, Parts};
use crate::spec::Port;

/// The readers of one stage's ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlets {
    readers: BTreeMap<Port, Vec<Reader>>,
}

#[derive(Clone, Debug)]
struct Reader {
    /// Whether a loop's expand is among those that read on from here.
    tokens: bool,
    /// Whether an expand among them takes parts of documents.
    parts: bool,
    edge: Sender<Parcel<Document>>,
}

impl Outlets {
    pub(super) fn add(&mut self, port: Port, tokens: bool, parts: bool, edge: Sender<Parcel<Document>>) {
        self.readers.entry(port).or_default().push(Reader { tokens, parts, edge });
    }

    /// Whether anybody reads `port`.
    pub(super) fn is_read(&self, port: Port) -> bool {
        self.readers.contains_key(&port)
    }

    /// Hands `parcel` to every reader of `port`, waiting for each.
    ///
    /// A reader that no loop's expand stands behind gets no token: a table that waits must not keep the crawl from
    /// going on.
    pub(super) async fn send(&self, port: Port, parcel: Parcel<Document>) -> Result<(), Closed> {
        let Some((last, others)) = self.readers.get(&port).and_then(|readers| readers.split_last()) else {
            return Ok(());
        };
        for reader in others {
            reader.send(parcel.clone()).await?;
        }
        last.send(parcel).await
    }
}

impl Reader {
    async fn send(&self, mut parcel: Parcel<Document>) -> Result<(), Closed> {
        if !self.tokens {
            parcel.token = None;
        }
        if !self.parts {
            parcel.value.parts = Parts::default();
        }
        self.edge.send(parcel).await
    }
}
