//! Writes to the audit trail what was refused, every few seconds and at the end.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::App;
use crate::refusals::ROUND;

/// Writes until `stop` is dropped, and then what is left.
pub(super) async fn write_refusals(app: Arc<App>, mut stop: oneshot::Receiver<()>) {
    let mut every = tokio::time::interval(ROUND);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures: u32 = 0;
    loop {
        let stopped = tokio::select! {
            _ = every.tick() => false,
            _ = &mut stop => true,
        };
        match app.write_refusals().await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                // An outage of a day is some 14 lines.
                if failures.is_power_of_two() || stopped {
                    tracing::error!(%error, failures, "refusals could not be written to the audit trail");
                }
            }
        }
        if stopped {
            return;
        }
    }
}
