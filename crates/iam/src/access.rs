//! Permission checks of a running service: the policy of the store, kept in memory in the form that answers fast.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sessionmint_access::{Decision, Index, Permission, ResourcePath, Subject};
use sessionmint_store::{Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task;

use crate::App;

/// The policy as it was last read. It is read again when the store says that anything of it changed, so an answer is never
/// older than its question.
#[derive(Default)]
pub(crate) struct Access {
    known: ArcSwapOption<Known>,
    /// Held while somebody reads, so that one does for all.
    reading: Mutex<()>,
}

struct Known {
    version: i64,
    index: Arc<Index>,
}

impl Access {
    async fn index(&self, store: &Arc<dyn Store>) -> Result<Arc<Index>, StoreError> {
        if let Some(index) = self.at(store.policy_version().await?) {
            return Ok(index);
        }
        let _reading = self.reading.lock().await;
        if let Some(index) = self.at(store.policy_version().await?) {
            return Ok(index);
        }
        let known = Arc::new(read(Arc::clone(store)).await?);
        let index = Arc::clone(&known.index);
        self.known.store(Some(known));
        Ok(index)
    }

    fn at(&self, version: i64) -> Option<Arc<Index>> {
        let known = self.known.load();
        let known = known.as_ref().filter(|known| known.version == version);
        known.map(|known| Arc::clone(&known.index))
    }
}

/// Off the workers: with many records it takes some hundred milliseconds.
async fn read(store: Arc<dyn Store>) -> Result<Known, StoreError> {
    let runtime = Handle::current();
    let read = task::spawn_blocking(move || {
        let (version, policy) = runtime.block_on(store.policy())?;
        let index = Arc::new(Index::new(policy));
        tracing::info!(records = index.records(), "roles and records taken in");
        Ok(Known { version, index })
    });
    read.await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

impl App {
    /// Whether `subject` has `permission` on `resource`, and why, by the roles and records that are stored now.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be said. It must end in a refusal, and never in "denied": nothing is known.
    pub async fn authorize(
        &self,
        subject: &Subject,
        resource: &ResourcePath,
        permission: &Permission,
    ) -> Result<Decision, StoreError> {
        let index = self.access_index().await?;
        Ok(index.authorize(subject, resource, permission))
    }

    /// What answers as of now: for several checks of one moment.
    ///
    /// # Errors
    /// As [`App::authorize`].
    pub async fn access_index(&self) -> Result<Arc<Index>, StoreError> {
        self.access.index(&self.store).await
    }
}
