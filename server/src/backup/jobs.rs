use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Failed;

/// Finished work that is remembered.
const KEPT: usize = 64;

/// Work that takes long: one of a name at a time, whoever asked for it may leave.
#[derive(Clone, Default)]
pub(super) struct Jobs {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    jobs: BTreeMap<String, Job>,
    /// Counts beginnings, to forget the oldest.
    begun: u64,
}

struct Job {
    kind: &'static str,
    begun: u64,
    /// `None` while it runs.
    outcome: Option<Result<Value, Failed>>,
}

impl Jobs {
    /// Does the work, which goes on even if the caller no longer waits. In the background the answer
    /// only says that it has begun.
    pub(super) async fn run(
        &self,
        kind: &'static str,
        name: &str,
        background: bool,
        work: impl Future<Output = Result<Value, Failed>> + Send + 'static,
    ) -> Result<Value, Failed> {
        self.begin(kind, name)?;
        let (jobs, done) = (self.clone(), name.to_owned());
        let task = tokio::spawn(async move {
            // In a task of its own, so that a panic does not leave the work running for ever.
            let outcome = match tokio::spawn(work).await {
                Ok(outcome) => outcome,
                Err(error) => Err(Failed::new("internal", error)),
            };
            if let Err(error) = &outcome {
                tracing::error!(work = kind, name = done, code = error.code, error = %error, "backup work failed");
            }
            jobs.finish(&done, outcome.clone());
            outcome
        });
        if background {
            return Ok(json!({ "name": name, "kind": kind, "running": true }));
        }
        task.await.unwrap_or_else(|error| Err(Failed::new("internal", error)))
    }

    fn begin(&self, kind: &'static str, name: &str) -> Result<(), Failed> {
        let mut known = self.known.lock();
        if known.jobs.get(name).is_some_and(|job| job.outcome.is_none()) {
            return Err(Failed::new("backup_running", format!("{name} is being worked on")));
        }
        known.begun += 1;
        let begun = known.begun;
        known.jobs.insert(name.to_owned(), Job { kind, begun, outcome: None });
        let finished = known.jobs.iter().filter(|(_, job)| job.outcome.is_some());
        if finished.clone().count() > KEPT
            && let Some(oldest) =
                finished.min_by_key(|(_, job)| job.begun).map(|(name, _)| name.clone())
        {
            known.jobs.remove(&oldest);
        }
        Ok(())
    }

    fn finish(&self, name: &str, outcome: Result<Value, Failed>) {
        if let Some(job) = self.known.lock().jobs.get_mut(name) {
            job.outcome = Some(outcome);
        }
    }

    /// The newest first.
    pub(super) fn all(&self) -> Vec<Value> {
        let known = self.known.lock();
        let mut jobs: Vec<_> = known.jobs.iter().collect();
        jobs.sort_by_key(|(_, job)| std::cmp::Reverse(job.begun));
        jobs.into_iter().map(|(name, job)| shown(name, job)).collect()
    }
}

fn shown(name: &str, job: &Job) -> Value {
    match &job.outcome {
        None => json!({ "name": name, "kind": job.kind, "running": true }),
        Some(Ok(value)) => {
            json!({ "name": name, "kind": job.kind, "running": false, "done": true, "result": value })
        }
        Some(Err(error)) => json!({
            "name": name,
            "kind": job.kind,
            "running": false,
            "done": false,
            "code": error.code,
            "error": error.message,
        }),
    }
}
