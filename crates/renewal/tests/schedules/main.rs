//! Property tests of the machine under seeded schedules, of one tab alone and of many; the worlds that they run in check
//! every action when it comes out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken promise fails the test"
)]

mod one_tab;
mod scenarios;
mod tabs;
mod world;

use proptest::prelude::ProptestConfig;

/// So many schedules, or fewer if `PROPTEST_CASES` says so.
fn schedules(cases: u32) -> ProptestConfig {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let limit = std::env::var_os("PROPTEST_CASES").map_or(cases, |_| config.cases);
    ProptestConfig {
        cases: cases.min(limit),
        ..config
    }
}
