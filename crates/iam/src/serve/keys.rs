//! Looks at the stored signing keys now and then: another instance or the command line may have rotated, or one may be old
//! enough to be replaced.

use std::sync::Arc;
use std::time::Duration;

use sessionmint_store::By;
use tokio::time::MissedTickBehavior;

use crate::App;
use crate::config::defaults::KEYS_RELOAD_SECS;

/// Refreshes for as long as it is polled.
pub(super) async fn refresh_keys(app: Arc<App>) {
    let mut every = tokio::time::interval(Duration::from_secs(KEYS_RELOAD_SECS));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures: u32 = 0;
    loop {
        every.tick().await;
        let by = By::service(app.clock.now());
        match app.keys.refresh(&*app.store, &by).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                // An outage of a day is some 16 lines, not 43,200.
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, "signing keys could not be looked at; those in use stay");
                }
            }
        }
    }
}
