//! Removes dead sessions, ended grants and old records of the audit trail from the store now and then. Dead sessions are refused anyway;
//! this is about space.

use std::sync::Arc;
use std::time::Duration;

use sessionmint_store::By;
use tokio::time::MissedTickBehavior;

use crate::App;
use crate::refusals::MAX_RECORDS;

/// How long a code is remembered after it is over, in seconds: a later use of it is as good as a guess then.
const CODE_MEMORY_SECS: u64 = 86_400;

/// Purges for as long as it is polled.
pub(super) async fn purge(app: Arc<App>) {
    let sessions = app.config.sessions;
    let mut every = tokio::time::interval(Duration::from_secs(sessions.purge_secs.max(1)));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now = app.clock.now();
        // The stored activity may lag by a tenth of the timeout; twice that leaves room for a request under way.
        let idle_before = now.minus_secs(sessions.idle_secs.saturating_add(sessions.idle_secs / 5));
        let by = By::service(now);
        match app.store.purge_sessions(idle_before, by).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "dead sessions removed"),
            Err(error) => {
                tracing::warn!(%error, "dead sessions could not be removed; the next round tries again");
            }
        }
        match app
            .store
            .purge_authorizations(now, now.minus_secs(CODE_MEMORY_SECS))
            .await
        {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "authorization requests and codes removed"),
            Err(error) => {
                tracing::warn!(%error, "authorization requests could not be removed; the next round tries again");
            }
        }
        match app.store.purge_marks(now).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "marks of what is over removed"),
            Err(error) => {
                tracing::warn!(%error, "marks of what is over could not be removed; the next round tries again");
            }
        }
        match app.store.purge_grants(now).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "grants removed whose end has passed"),
            Err(error) => {
                tracing::warn!(%error, "old grants could not be removed; the next round tries again");
            }
        }
        let before = now.minus_secs(app.config.audit.keep_days.saturating_mul(86_400));
        match app.store.purge_audit(before, MAX_RECORDS).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "old audit records removed"),
            Err(error) => {
                tracing::warn!(%error, "old audit records could not be removed; the next round tries again");
            }
        }
    }
}
