//! Looks at the files of the TLS certificate now and then, and on SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::signals::Hangup;
use crate::Clock;
use crate::tls::{Look, Tls};

/// Soon enough after a renewal, which comes days before the end of the old certificate.
const EVERY: Duration = Duration::from_secs(30);

/// Looks for as long as it is polled. Their content is compared, not their times: renewals swap links and folders.
pub(super) async fn watch(tls: Arc<Tls>, clock: Arc<dyn Clock>, mut hangup: Hangup) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            _ = every.tick() => false,
            () = hangup.next() => true,
        };
        let (tls, now) = (Arc::clone(&tls), clock.now());
        let look = tokio::task::spawn_blocking(move || {
            if told {
                tls.say_again();
            }
            tls.look(now)
        });
        if look.await.is_ok_and(|look| look == Look::Unchanged) && told {
            tracing::info!("SIGHUP: the TLS certificate has not changed");
        }
    }
}
