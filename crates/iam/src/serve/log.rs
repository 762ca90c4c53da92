//! Says in the log that lines of the log are missing, as soon as there is room for it.

use std::time::Duration;

use crate::logging;

const EVERY: Duration = Duration::from_secs(10);

/// Looks for as long as it is polled.
pub(super) async fn tell_of_dropped_lines() {
    let mut told = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let dropped = logging::dropped_lines();
        if dropped > told {
            tracing::error!(
                dropped = dropped - told,
                "lines of the log were dropped: what reads standard error is too slow"
            );
            told = dropped;
        }
    }
}
