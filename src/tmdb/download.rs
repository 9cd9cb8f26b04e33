//! Whole files from the API's file host, such as the daily exports of ids: asked for until one came whole.
//!
//! No request of the API's budget: the host of the files is another one (FACTS: no account, no quota), so neither rate
//! nor gate is waited for; but attempts, backoff and the end of the run are the client's. The credential is not sent
//! there (`http.rs`).
//!
//! Invariant: what is kept is all that the server announced, or of what announces nothing, all that its own
//! checksum covers; a file that came in part is asked for again from its first byte.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::answer::Reason;
use super::client::{Caller, Client};
use super::failure::{AskError, Failure};
use super::transport::{Prospect, TransportError};
use crate::event::Event;

/// The largest file that is read, in bytes as they are sent: the largest export has 28 MB.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// A file on its way.
pub struct Download {
    /// HTTP status.
    pub status: u16,
    /// `Content-Length`, if it is there.
    pub length: Option<u64>,
    /// The bytes, as they are sent.
    pub chunks: BoxStream<'static, Result<Bytes, TransportError>>,
}

/// Where a file is kept.
pub trait Save: Send {
    /// Why it cannot be.
    type Error: Send;

    /// A file begins; what came before is not kept.
    fn begin(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// More of it.
    fn add(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// All has come. If the server did not say how much that is, `check` asks to look whether it is whole.
    fn end(&mut self, check: bool) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// Why there is no file.
#[derive(Debug)]
pub enum DownloadError<E> {
    /// The server does not give it.
    Ask(AskError),
    /// It cannot be kept.
    Save(E),
}

/// How one attempt ended that kept nothing.
enum Attempt<E> {
    Absent,
    Again(Reason),
    Never(Reason),
    Save(E),
}

impl<E> From<TransportError> for Attempt<E> {
    fn from(error: TransportError) -> Self {
        match error.prospect() {
            Prospect::Again => Self::Again(Reason::Transport(error)),
            Prospect::Never | Prospect::Hopeless => Self::Never(Reason::Transport(error)),
        }
    }
}

impl Client {
    /// Reads the file at `path` on the API's file host into `save`: its bytes, or `None` if there is no such file.
    /// `caller.timeout` is how long nothing may come.
    ///
    /// # Cancel safety
    /// Dropped, a part may have been kept.
    pub async fn download<S: Save>(
        &self,
        caller: &Caller,
        path: &str,
        save: &mut S,
    ) -> Result<Option<u64>, DownloadError<S::Error>> {
        let started = tokio::time::Instant::now();
        let mut attempts = 0;
        loop {
            if let Some(fatal) = self.ended() {
                return Err(DownloadError::Ask(AskError::Fatal(fatal)));
            }
            attempts += 1;
            let reason = match self.attempt(caller.timeout, path, save).await {
                Ok(bytes) => {
                    self.tell(&Event::FileFetched {
                        stage: caller.stage.clone(),
                        file: path.to_owned(),
                        bytes,
                    });
                    return Ok(Some(bytes));
                }
                Err(Attempt::Absent) => return Ok(None),
                Err(Attempt::Save(error)) => return Err(DownloadError::Save(error)),
                Err(Attempt::Never(reason)) => {
                    return Err(DownloadError::Ask(AskError::Failed(Failure { reason, attempts })));
                }
                Err(Attempt::Again(reason)) => reason,
            };
            let Some(wait) = self.wait_after(attempts, started.elapsed()) else {
                return Err(DownloadError::Ask(AskError::Failed(Failure { reason, attempts })));
            };
            self.tell(&Event::RequestRetried {
                stage: caller.stage.clone(),
                request: path.to_owned(),
                reason: reason.to_string(),
                wait,
            });
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt<S: Save>(
        &self,
        idle: Duration,
        path: &str,
        save: &mut S,
    ) -> Result<u64, Attempt<S::Error>> {
        let opened = tokio::time::timeout(idle, self.transport().open(path)).await;
        let mut download = opened.map_err(|_| TransportError::Timeout(idle))??;
        match download.status {
            200 => {}
            // Hosts of files say 403 of what is not there to whoever may not list them.
            403 | 404 | 410 => return Err(Attempt::Absent),
            status => {
                let reason = Reason::Status { status, code: None, message: String::new() };
                let again = matches!(status, 408 | 425 | 429 | 500..);
                return Err(if again { Attempt::Again(reason) } else { Attempt::Never(reason) });
            }
        }
        save.begin().await.map_err(Attempt::Save)?;
        let mut bytes = 0;
        loop {
            let next = tokio::time::timeout(idle, download.chunks.next()).await;
            let Some(chunk) = next.map_err(|_| TransportError::Timeout(idle))? else { break };
            let chunk = chunk?;
            bytes += chunk.len() as u64;
            if bytes > FILE_BYTES_MAX {
                let limit = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
                return Err(TransportError::TooLarge { limit }.into());
            }
            save.add(chunk).await.map_err(Attempt::Save)?;
        }
        if let Some(length) = download.length.filter(|length| *length != bytes) {
            return Err(TransportError::Cut(format!("{bytes} of {length} bytes came")).into());
        }
        if save.end(download.length.is_none()).await.map_err(Attempt::Save)? {
            Ok(bytes)
        } else {
            Err(TransportError::Cut("the compressed data do not end".to_owned()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::num::NonZeroU32;
    use std::sync::{Arc, Mutex};

    use futures::future::BoxFuture;
    use futures::stream;

    use super::*;
    use crate::engine::{Budget, Lane};
    use crate::event::Listener;
    use crate::plan::Request;
    use crate::spec::{Retry, RunRate, StageId};
    use crate::tmdb::transport::{Response, Transport};

    /// What a host says each time it is asked: a status, the length that it tells, and the pieces that come.
    type Reply = (u16, Option<u64>, Vec<Result<&'static str, TransportError>>);

    struct Host(Mutex<VecDeque<Reply>>);

    impl Transport for Host {
        fn send<'a>(
            &'a self,
            _: &'a Request,
            _: Duration,
        ) -> BoxFuture<'a, Result<Response, TransportError>> {
            panic!("a file is no request of the API")
        }

        fn open<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Download, TransportError>> {
            Box::pin(async {
                let (status, length, pieces) = self.0.lock().unwrap().pop_front().expect("a reply");
                let bytes = |piece: Result<&'static str, TransportError>| {
                    piece.map(|text| Bytes::from_static(text.as_bytes()))
                };
                let pieces: Vec<_> = pieces.into_iter().map(bytes).collect();
                // A piece that is called so never comes.
                let chunks = stream::iter(pieces).then(|piece| async {
                    if piece.as_ref().is_ok_and(|bytes| bytes == "never") {
                        std::future::pending::<()>().await;
                    }
                    piece
                });
                Ok(Download { status, length, chunks: chunks.boxed() })
            })
        }
    }

    /// Keeps text; whole is what ends in a full stop.
    #[derive(Default)]
    struct Text(String);

    impl Save for Text {
        type Error = Infallible;

        async fn begin(&mut self) -> Result<(), Infallible> {
            self.0.clear();
            Ok(())
        }

        async fn add(&mut self, chunk: Bytes) -> Result<(), Infallible> {
            self.0.push_str(std::str::from_utf8(&chunk).expect("text"));
            Ok(())
        }

        async fn end(&mut self, check: bool) -> Result<bool, Infallible> {
            Ok(!check || self.0.ends_with('.'))
        }
    }

    struct Deaf;
    impl Listener for Deaf {
        fn hear(&self, _: &Event) {}
    }

    async fn check(replies: Vec<Reply>, expect: Result<Option<&str>, u32>) {
        let told = format!("{replies:?}");
        let host = Arc::new(Host(Mutex::new(replies.into())));
        let budget = Budget::new(NonZeroU32::MIN, RunRate::Unlimited, 1);
        let retry = Retry { attempts: NonZeroU32::new(3).unwrap(), ..Retry::default() };
        let client = Client::new(host.clone(), budget, retry, 1, Arc::new(Deaf));
        let caller = Caller {
            stage: StageId("ids".into()),
            lane: Lane::default(),
            workers: None,
            timeout: Duration::from_secs(10),
            account: Arc::default(),
        };
        let mut text = Text::default();
        let got = match client.download(&caller, "/p/exports/x.json.gz", &mut text).await {
            Ok(Some(bytes)) => {
                assert_eq!(bytes, text.0.len() as u64, "{told}");
                Ok(Some(text.0.as_str()))
            }
            Ok(None) => Ok(None),
            Err(DownloadError::Ask(AskError::Failed(failure))) => Err(failure.attempts),
            Err(other) => panic!("{told}: {other:?}"),
        };
        assert_eq!(got, expect, "{told}");
        assert!(host.0.lock().unwrap().is_empty(), "{told}: all of it is asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn file_that_came_in_part_is_asked_for_again_from_its_start() {
        let cut = || Err(TransportError::Cut("connection reset".into()));
        let whole = || (200, Some(4), vec![Ok("ab"), Ok("c.")]);
        check(vec![whole()], Ok(Some("abc."))).await;
        // The connection ends early, with and without an error; or nothing comes for too long.
        check(vec![(200, Some(4), vec![Ok("ab"), cut()]), whole()], Ok(Some("abc."))).await;
        check(vec![(200, Some(4), vec![Ok("ab")]), whole()], Ok(Some("abc."))).await;
        check(vec![(200, Some(4), vec![Ok("ab"), Ok("never")]), whole()], Ok(Some("abc."))).await;
        check(vec![(200, Some(2), vec![Ok("abc.")]), whole()], Ok(Some("abc."))).await;
        // Without a length the file itself says whether it is whole.
        check(vec![(200, None, vec![Ok("ab")]), (200, None, vec![Ok("x.")])], Ok(Some("x."))).await;
        check(vec![(503, None, vec![]), (429, None, vec![]), whole()], Ok(Some("abc."))).await;
        // In the end it is given up, by count.
        check(vec![(200, Some(4), vec![]), (500, None, vec![]), (200, Some(9), vec![Ok("abc.")])], Err(3))
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn file_that_is_not_there_is_not_asked_for_again() {
        for status in [403, 404, 410] {
            check(vec![(status, None, vec![Ok("<Error/>")])], Ok(None)).await;
        }
        // Nor is one that is somewhere else, which nobody follows.
        check(vec![(301, None, vec![])], Err(1)).await;
    }
}
