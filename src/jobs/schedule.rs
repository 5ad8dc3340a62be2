//! Which job runs when: one table and one loop.

use std::sync::Arc;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{audit_retention, expiry_warnings, ledger_retention, lockout_reset, outbox_delivery, session_sweep};
use crate::clock::Clock;
use crate::config::Jobs;
use crate::services::error::ServiceError;
use crate::services::jobs::Work;
use crate::services::{Services, jobs};

/// One line of the table.
struct Line {
    /// The name, as in `[jobs]`.
    name: &'static str,
    /// When: cron with six fields, seconds first, UTC.
    cron: fn(&Jobs) -> &str,
    /// What.
    work: Work,
}

const TABLE: &[Line] = &[
    Line { name: "expiry_warnings", cron: |jobs| &jobs.expiry_warnings, work: expiry_warnings::run },
    Line { name: "lockout_reset", cron: |jobs| &jobs.lockout_reset, work: lockout_reset::run },
    Line { name: "session_sweep", cron: |jobs| &jobs.session_sweep, work: session_sweep::run },
    Line { name: "ledger_retention", cron: |jobs| &jobs.ledger_retention, work: ledger_retention::run },
    Line { name: "audit_retention", cron: |jobs| &jobs.audit_retention, work: audit_retention::run },
    Line { name: OUTBOX_DELIVERY, cron: |jobs| &jobs.outbox_delivery, work: outbox_delivery::run },
];

const OUTBOX_DELIVERY: &str = "outbox_delivery";

/// Checks every cron of `[jobs]`; each fault is one line.
pub fn check(settings: &Jobs) -> Result<(), Vec<String>> {
    let faults: Vec<String> = TABLE
        .iter()
        .map(|line| (line.name, (line.cron)(settings)))
        .filter(|(_, cron)| cron.split_whitespace().count() != 6 || Job::new(*cron, |_, _| {}).is_err())
        .map(|(name, cron)| format!("jobs.{name}: `{cron}` is not a cron of six fields such as \"0 */5 * * * *\""))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The table with these settings, for the services to run and remember.
pub fn jobs(settings: &Jobs) -> jobs::Jobs {
    let job = |line: &Line| jobs::Job { name: line.name, cron: (line.cron)(settings).to_owned(), work: line.work };
    jobs::Jobs::new(TABLE.iter().map(job).collect())
}

/// Runs every job once, and from then on by its cron. The scheduler stops when it is told to.
pub async fn start(services: &Arc<Services>, clock: &Arc<dyn Clock>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for jobs::Job { name, cron, .. } in services.jobs.all() {
        let name = *name;
        run_in_background(name, services, clock);
        let (services, clock) = (Arc::clone(services), Arc::clone(clock));
        let job = Job::new(cron.as_str(), move |_, _| run_in_background(name, &services, &clock))?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    tokio::spawn(deliver_what_is_written(Arc::clone(services), Arc::clone(clock)));
    Ok(scheduler)
}

/// Delivers mail as soon as it is written; the cron is for what has to be tried again.
async fn deliver_what_is_written(services: Arc<Services>, clock: Arc<dyn Clock>) {
    loop {
        services.store.mail_bell().notified().await;
        run_in_background(OUTBOX_DELIVERY, &services, &clock);
    }
}

/// A failure is told once; the job comes again by its cron.
fn run_in_background(name: &'static str, services: &Arc<Services>, clock: &Arc<dyn Clock>) {
    let (services, now) = (Arc::clone(services), clock.now().unix_ms);
    tokio::task::spawn_blocking(move || match jobs::run(&services, name, now) {
        Ok(()) => tracing::debug!(job = name, "A job has run"),
        Err(error) => told(name, &error),
    });
}

fn told(name: &str, error: &ServiceError) {
    tracing::error!(job = name, cause = error.reason(), "A job failed; it will run again by its schedule");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_crons_are_good_and_a_wrong_one_is_named() {
        assert!(check(&Jobs::default()).is_ok());
        let jobs = Jobs { session_sweep: "* * * * *".into(), lockout_reset: "every day".into(), ..Jobs::default() };
        let faults = check(&jobs).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("jobs.lockout_reset") && faults[1].contains("jobs.session_sweep"));
    }
}
