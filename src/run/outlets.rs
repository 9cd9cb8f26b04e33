//! Where a stage's results go: every reader of each of its ports gets each result.

use crate::engine::{Closed, Parcel, Sender};
use crate::plan::Document;
use crate::spec::Port;

/// The readers of one stage's ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlets {
    readers: Vec<Reader>,
}

#[derive(Clone, Debug)]
struct Reader {
    port: Port,
    /// Whether a loop's expand is among those that read on from here.
    tokens: bool,
    edge: Sender<Parcel<Document>>,
}

impl Outlets {
    pub(super) fn add(&mut self, port: Port, tokens: bool, edge: Sender<Parcel<Document>>) {
        self.readers.push(Reader { port, tokens, edge });
    }

    /// Whether anybody reads `port`.
    pub(super) fn is_read(&self, port: Port) -> bool {
        self.readers.iter().any(|reader| reader.port == port)
    }

    /// Hands `parcel` to every reader of `port`, waiting for each.
    ///
    /// A reader that no loop's expand stands behind gets no token: a table that waits must not keep the crawl from
    /// going on.
    pub(super) async fn send(&self, port: Port, parcel: Parcel<Document>) -> Result<(), Closed> {
        let mut readers = self.readers.iter().filter(|reader| reader.port == port).peekable();
        let Parcel { value, mut token } = parcel;
        while let Some(reader) = readers.next() {
            if readers.peek().is_none() {
                let token = token.take().filter(|_| reader.tokens);
                return reader.edge.send(Parcel { value, token }).await;
            }
            let token = token.clone().filter(|_| reader.tokens);
            reader.edge.send(Parcel { value: value.clone(), token }).await?;
        }
        Ok(())
    }
}
