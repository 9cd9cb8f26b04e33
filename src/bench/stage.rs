//! The real arena: a run in a scratch folder that is stopped when its window has passed.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::meter::{Measured, Meter, Window};
use super::sweep::Arena;
use crate::event::Listener;
use crate::plan::Plan;
use crate::report::Usage;
use crate::run::{Clock, Job, RunError, Transport, run_job};

/// Runs in folders that are removed after each trial.
pub struct Scratch<F> {
    /// A way to the server for a plan; each trial opens its own connections.
    pub transport: F,
    /// What counts.
    pub window: Window,
    /// `--limit`.
    pub limit: Option<u64>,
}

impl<F: Fn(&Plan) -> Arc<dyn Transport>> Arena for Scratch<F> {
    async fn trial(&self, plan: &Plan, seed: u64) -> Result<Measured, RunError> {
        let folder = tempfile::tempdir().map_err(|error| RunError::Scratch(error.to_string()))?;
        let plan = beneath(plan, folder.path());
        let transport = (self.transport)(&plan);
        let stop = CancellationToken::new();
        Usage::reset_memory_max();
        let before = Usage::now();
        let began = tokio::time::Instant::now();
        let meter = Arc::new(Meter::new(self.window));
        let job = run_job(Job {
            plan,
            transport,
            source: "bench".to_owned(),
            state: folder.path().join("state"),
            limit: self.limit,
            fresh: true,
            clock: Clock::default(),
            seed,
            stop: stop.clone(),
            listener: Arc::clone(&meter) as Arc<dyn Listener>,
            counts: Box::new(|| serde_json::Value::Null),
        });
        let mut job = std::pin::pin!(job);
        let whole = self.window.warm_up + self.window.measured;
        let early = tokio::select! {
            result = &mut job => Some(result),
            () = tokio::time::sleep(whole) => None,
        };
        let elapsed = began.elapsed().as_secs_f64();
        let mut measured = meter.measured();
        // Processor time is that of the whole trial, so that it is put in proportion.
        let after = Usage::now();
        let cpu = before.cpu.zip(after.cpu).map(|(before, after)| after.saturating_sub(before).as_secs_f64());
        measured.cpu_seconds = cpu.map(|cpu| cpu * measured.seconds / elapsed.max(f64::MIN_POSITIVE));
        measured.peak_bytes = after.memory_max;
        if let Some(result) = early {
            result?;
        } else {
            stop.cancel();
            match job.await {
                Ok(_) | Err(RunError::Stopped) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(measured)
    }
}

/// The plan with every table below `folder`.
fn beneath(plan: &Plan, folder: &Path) -> Plan {
    let mut plan = plan.clone();
    for stage in &mut plan.stages {
        if let crate::plan::StageKind::Project(table) = &mut stage.kind {
            let mut moved = (**table).clone();
            let extension = moved.path.extension().map(ToOwned::to_owned).unwrap_or_default();
            moved.path = folder.join(stage.id.as_str()).with_extension(extension);
            *table = Arc::new(moved);
        }
    }
    plan
}
