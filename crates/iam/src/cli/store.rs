//! The store for a command, and the runtime that its calls need.

use sessionmint_iam::config::{Database, Partial};
use sessionmint_store::{SqliteStore, StoreError};

use super::{CliError, Common};

/// Whether a command may make the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is there to put the first things in.
    Create,
    /// It would find nothing in a new one: the path is more likely wrong.
    Refuse,
}

/// Reads the settings and opens the store.
pub(super) fn open(common: &Common, missing: Missing) -> Result<(Partial, SqliteStore), CliError> {
    let settings = common.load(None)?;
    let store = open_database(settings.database()?, missing)?;
    Ok((settings, store))
}

/// Opens (or makes) the database.
pub(super) fn open_database(
    database: &Database,
    missing: Missing,
) -> Result<SqliteStore, CliError> {
    let path = database.path();
    if missing == Missing::Refuse && !path.exists() {
        return Err(format!(
            "there is no database at {}; `serve` and the first `user add`, `client add`, `role add` or `group add` make one, other commands expect it",
            path.display()
        )
        .into());
    }
    Ok(SqliteStore::open(path)?)
}

/// What is read at once of a long list.
pub(super) const PAGE: u32 = 500;

/// All of a list: `page` reads what is behind its last one so far.
pub(super) async fn all<T>(
    page: impl AsyncFn(Option<&T>) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, CliError> {
    let mut all = Vec::new();
    loop {
        let more = page(all.last()).await?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

/// Runs a command's calls to the end.
pub(super) fn block_on<T>(
    future: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}
