//! Who owns the tasks of a run: each has a name, each is joined, and the first that fails ends all.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// The named tasks of one run.
///
/// Invariant: when [`Crew::join`] returns, none of its tasks is running.
#[derive(Debug)]
pub struct Crew<E> {
    tasks: JoinSet<Result<(), E>>,
    names: HashMap<Id, String>,
    stop: CancellationToken,
}

/// How a crew came to its end before its work was done.
#[derive(Debug)]
pub enum Ended<E> {
    /// A task returned an error.
    Failed {
        /// The task, usually a stage's name.
        task: String,
        /// What it said.
        error: E,
    },
    /// A task panicked: a bug, named by its stage.
    Panicked {
        /// The task, usually a stage's name.
        task: String,
        /// The panic's message.
        message: String,
    },
    /// Somebody asked for it.
    Stopped,
}

impl<E: Send + 'static> Crew<E> {
    /// A crew that ends early when `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), stop }
    }

    /// Starts a task and owns it.
    pub fn spawn(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name.into());
    }

    /// What ends it early when it is cancelled.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until every task has ended well, or one has not: then the others are aborted and waited for.
    ///
    /// An error that is only the `consequence` of another (the next stage is gone) does not end the crew: the
    /// one that explains it is on its way.
    pub async fn join(mut self, consequence: impl Fn(&E) -> bool) -> Result<(), Ended<E>> {
        let mut unexplained = None;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.tasks.shutdown().await;
                    return Err(Ended::Stopped);
                }
                next = self.tasks.join_next_with_id() => next,
            };
            let ended = match next {
                None => return unexplained.map_or(Ok(()), Err),
                Some(Ok((_, Ok(())))) => continue,
                Some(Ok((id, Err(error)))) if consequence(&error) => {
                    unexplained.get_or_insert(Ended::Failed { task: self.name(id), error });
                    continue;
                }
                Some(Ok((id, Err(error)))) => Ended::Failed { task: self.name(id), error },
                Some(Err(gone)) => {
                    let task = self.name(gone.id());
                    let message = gone
                        .try_into_panic()
                        .map_or_else(|gone| gone.to_string(), |panic| panic_message(panic.as_ref()));
                    Ended::Panicked { task, message }
                }
            };
            self.tasks.shutdown().await;
            return Err(ended);
        }
    }

    fn name(&self, id: Id) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| "a task".to_owned())
    }
}

/// The text of a panic, whatever it was raised with.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_names_its_task() {
        let mut crew = Crew::<()>::new(CancellationToken::new());
        crew.spawn("movies", async { panic!("the broken invariant") });
        crew.spawn("films", std::future::pending());
        let Err(Ended::Panicked { task, message }) = crew.join(|()| false).await else {
            panic!("it ended otherwise")
        };
        assert_eq!((task.as_str(), message.as_str()), ("movies", "the broken invariant"));
    }

    #[tokio::test]
    async fn first_error_ends_all() {
        let mut crew = Crew::new(CancellationToken::new());
        crew.spawn("films", std::future::pending());
        crew.spawn("movies", async { Err("no more") });
        assert!(matches!(crew.join(|_| false).await, Err(Ended::Failed { error: "no more", .. })));
    }

    #[tokio::test]
    async fn a_consequence_waits_for_its_cause() {
        let mut crew = Crew::new(CancellationToken::new());
        crew.spawn("movies", async { Err("closed") });
        crew.spawn("films", async {
            tokio::task::yield_now().await;
            Err("disk full")
        });
        let ended = crew.join(|error| *error == "closed").await;
        assert!(matches!(ended, Err(Ended::Failed { error: "disk full", .. })));
    }

    #[tokio::test]
    async fn stop_ends_all() {
        let stop = CancellationToken::new();
        let mut crew = Crew::<()>::new(stop.clone());
        crew.spawn("films", std::future::pending());
        stop.cancel();
        assert!(matches!(crew.join(|()| false).await, Err(Ended::Stopped)));
    }
}
