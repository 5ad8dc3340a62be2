//! The jobs as the operator sees them: what there is, when each ran last, and running one now.
//!
//! Which jobs there are is the edges' to say (`jobs::schedule` is the table); here they are run and remembered, for as
//! long as the process lives.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::Serialize;

use super::Services;
use super::error::ServiceError;
use crate::clock::{UnixMillis, to_rfc3339};
use crate::error_code::ErrorCode;

/// What a job does; it is safe to run twice, and two at once.
pub type Work = fn(&Services, UnixMillis) -> Result<(), ServiceError>;

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The name, as in `[jobs]`.
    pub name: &'static str,
    /// When it runs: cron with six fields, seconds first, UTC.
    pub cron: String,
    /// What it does.
    pub work: Work,
}

/// What came of a run.
#[derive(Clone, Debug)]
struct Run {
    at: UnixMillis,
    /// Why it failed, if it did.
    fault: Option<String>,
}

/// All jobs, and the last run of each.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
    runs: Mutex<HashMap<&'static str, Run>>,
}

/// A job on the command line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct JobView {
    pub name: &'static str,
    pub cron: String,
    /// When it ran last in this process; `None` where it has not.
    pub last_run_at: Option<String>,
    /// `done` or `failed`.
    pub last_outcome: Option<&'static str>,
    pub last_error: Option<String>,
}

impl Jobs {
    /// These jobs, none of which has run.
    pub fn new(jobs: Vec<Job>) -> Self {
        Jobs { jobs, runs: Mutex::default() }
    }

    /// All of them.
    pub fn all(&self) -> &[Job] {
        &self.jobs
    }
}

/// Every job, with its last run.
pub fn list(services: &Services) -> Vec<JobView> {
    let runs = services.jobs.runs.lock();
    let view = |job: &Job| {
        let last = runs.get(job.name);
        JobView {
            name: job.name,
            cron: job.cron.clone(),
            last_run_at: last.map(|run| to_rfc3339(run.at)),
            last_outcome: last.map(|run| if run.fault.is_none() { "done" } else { "failed" }),
            last_error: last.and_then(|run| run.fault.clone()),
        }
    };
    services.jobs.jobs.iter().map(view).collect()
}

/// Runs the job of this name now, and notes what came of it.
pub fn run(services: &Services, name: &str, now: UnixMillis) -> Result<(), ServiceError> {
    let Some(job) = services.jobs.jobs.iter().find(|job| job.name == name) else {
        let names: Vec<&str> = services.jobs.jobs.iter().map(|job| job.name).collect();
        let message = format!("There is no job {name}; there are {}", names.join(", "));
        return Err(ServiceError::new(ErrorCode::NotFound, message));
    };
    let result = (job.work)(services, now);
    let fault = result.as_ref().err().map(ServiceError::reason);
    services.jobs.runs.lock().insert(job.name, Run { at: now, fault });
    result
}
