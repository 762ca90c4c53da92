//! The embedded engine keeps to the contract.
#![expect(clippy::expect_used, reason = "test code")]

use std::sync::Arc;
use std::time::Duration;

use sessionmint_store::contract::Instances;
use sessionmint_store::{SqliteOptions, SqliteStore};

sessionmint_store::contract_tests!(instances);

fn instances() -> Instances {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = SqliteOptions::default();
    // The cases are about outcomes: a slow disk must not turn one into `Unavailable`.
    options.busy_timeout = Duration::from_secs(60);
    options.write_timeout = Duration::from_secs(60);
    let open = || {
        let store = SqliteStore::open_with(folder.path().join("test.db"), &options);
        Arc::new(store.expect("a database"))
    };
    Instances {
        one: open(),
        two: open(),
        keep: Box::new(folder),
    }
}
