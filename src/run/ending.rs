//! The end of a run: its tasks are joined, and an evaluation that comes to no end does not keep it from ending.
//!
//! Does not belong here: what is made of the outcome (`super::job`).

use std::pin::pin;
use std::time::Duration;

use super::error::RunError;
use crate::engine::{Crew, Ended};
use crate::plan::expr::Watch;

/// The longest that one evaluation of an expression on one document may take. What loops ends by its steps long
/// before; no document of TMDB keeps an honest expression busy for a second.
const EVALUATION_MAX: Duration = Duration::from_mins(1);
/// How often somebody looks whether one takes longer.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Waits for the end of a run.
pub(super) async fn join(crew: Crew<RunError>) -> Result<(), RunError> {
    join_within(crew, EVALUATION_MAX).await
}

/// Waits for the end of a run, which is there too when an evaluation takes longer than `most`. Its thread cannot be
/// stopped, but nobody waits for it.
async fn join_within(crew: Crew<RunError>, most: Duration) -> Result<(), RunError> {
    let stop = crew.stopper();
    let overdue = async {
        let mut watch = Watch::default();
        loop {
            tokio::time::sleep(LOOK_EVERY.min(most)).await;
            if let Some(expression) = watch.overdue(most) {
                return expression;
            }
        }
    };
    let mut joined = pin!(crew.join(RunError::is_consequence));
    let ended = tokio::select! {
        biased;
        ended = &mut joined => ended,
        expression = overdue => {
            stop.cancel();
            // They are waited for all the same; only the thread goes on.
            return match joined.await {
                Ok(()) => Ok(()),
                Err(_) => Err(RunError::Endless { expression, most }),
            };
        }
    };
    ended.map_err(|ended| match ended {
        Ended::Failed { error, .. } => error,
        Ended::Panicked { task, message } => RunError::Panicked { stage: task, message },
        Ended::Stopped => RunError::Stopped,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::plan::expr::{Expr, Input, Json, RunScope, Scope};
    use crate::run::context::on_thread;

    /// Its thread is asked to end by the test itself; a run's would go on.
    #[tokio::test]
    async fn an_expression_without_an_end_fails_the_run_and_is_named() {
        // Loops over a list, in which nothing is a step.
        let source = "first(.[] as $a | .[] as $b | .[] as $c | select($a + $b + $c < 0))";
        let expr = Expr::compile(source).expect("an expression");
        let mut crew = Crew::<RunError>::new(CancellationToken::new());
        crew.spawn("films", async move {
            on_thread(move || {
                let scope = RunScope::default();
                let numbers = Json::from_value(&json!((1..60).collect::<Vec<_>>()));
                Scope::without_document(&scope).holds(&expr, Input::Json(&numbers));
            })
            .await;
            Ok(())
        });
        let ended = join_within(crew, Duration::from_millis(1)).await;
        match ended {
            Err(RunError::Endless { expression, .. }) => assert_eq!(expression, source),
            other => panic!("{other:?}"),
        }
    }
}
