//! Which job runs when: one table and one loop.

use std::sync::Arc;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{audit_retention, ledger_retention, lockout_reset, outbox_delivery, session_sweep};
use crate::clock::{Clock, UnixMillis};
use crate::config::Jobs;
use crate::services::Services;
use crate::services::error::ServiceError;

/// One line of the table.
struct Line {
    /// The name, as in `[jobs]`.
    name: &'static str,
    /// When: cron with six fields, seconds first, UTC.
    cron: fn(&Jobs) -> &str,
    /// What.
    run: fn(&Services, UnixMillis) -> Result<(), ServiceError>,
}

const TABLE: &[Line] = &[
    Line { name: "lockout_reset", cron: |jobs| &jobs.lockout_reset, run: lockout_reset::run },
    Line { name: "session_sweep", cron: |jobs| &jobs.session_sweep, run: session_sweep::run },
    Line { name: "ledger_retention", cron: |jobs| &jobs.ledger_retention, run: ledger_retention::run },
    Line { name: "audit_retention", cron: |jobs| &jobs.audit_retention, run: audit_retention::run },
    OUTBOX_DELIVERY,
];

const OUTBOX_DELIVERY: Line =
    Line { name: "outbox_delivery", cron: |jobs| &jobs.outbox_delivery, run: outbox_delivery::run };

/// Checks every cron of `[jobs]`; each fault is one line.
pub fn check(jobs: &Jobs) -> Result<(), Vec<String>> {
    let all = [
        ("expiry_warnings", &jobs.expiry_warnings),
        ("lockout_reset", &jobs.lockout_reset),
        ("session_sweep", &jobs.session_sweep),
        ("ledger_retention", &jobs.ledger_retention),
        ("audit_retention", &jobs.audit_retention),
        ("outbox_delivery", &jobs.outbox_delivery),
    ];
    let faults: Vec<String> = all
        .into_iter()
        .filter(|(_, cron)| cron.split_whitespace().count() != 6 || Job::new(cron.as_str(), |_, _| {}).is_err())
        .map(|(name, cron)| format!("jobs.{name}: `{cron}` is not a cron of six fields such as \"0 */5 * * * *\""))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Runs every job once, and from then on by its cron. The scheduler stops when it is told to.
pub async fn start(services: &Arc<Services>, clock: &Arc<dyn Clock>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for line in TABLE {
        run_in_background(line, services, clock);
        let (services, clock) = (Arc::clone(services), Arc::clone(clock));
        let cron = (line.cron)(&services.config.jobs).to_owned();
        let job = Job::new(cron.as_str(), move |_, _| run_in_background(line, &services, &clock))?;
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
        run_in_background(&OUTBOX_DELIVERY, &services, &clock);
    }
}

/// A failure is told once; the job comes again by its cron.
fn run_in_background(line: &'static Line, services: &Arc<Services>, clock: &Arc<dyn Clock>) {
    let (services, now) = (Arc::clone(services), clock.now().unix_ms);
    tokio::task::spawn_blocking(move || match (line.run)(&services, now) {
        Ok(()) => tracing::debug!(job = line.name, "A job has run"),
        Err(error) => {
            let cause = error.cause.as_deref().or(error.message.as_deref()).unwrap_or(error.code.message());
            tracing::error!(job = line.name, cause, "A job failed; it will run again by its schedule");
        }
    });
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
