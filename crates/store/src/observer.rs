//! Watching an engine from outside: how many commands are under way, and how long they take.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::AuditKind;

/// What a command does to the stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// It looks.
    Read,
    /// It changes.
    Write,
}

impl CommandKind {
    /// `read` or `write`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// How a command ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandEnd {
    /// With an outcome.
    Answered,
    /// With a [`StoreError`](crate::StoreError).
    Failed,
    /// The caller went away before the answer; a write may still happen.
    Abandoned,
}

impl CommandEnd {
    /// `answered`, `failed` or `abandoned`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Is told of each command. Called on the way of every request: it must be quick and must not wait.
pub trait Observer: Send + Sync {
    /// A command begins; a write waits in its queue from here on.
    fn begun(&self, kind: CommandKind);
    /// The same command ended after so long, queueing included.
    fn ended(&self, kind: CommandKind, end: CommandEnd, took: Duration);
    /// A record of this kind was added to the audit trail, and the caller knows of it.
    fn recorded(&self, kind: AuditKind) {
        let _ = kind;
    }
}

/// One command under watch: says that it begins, and when dropped, that and how it ended.
pub(crate) struct Watch {
    observer: Option<Arc<dyn Observer>>,
    kind: CommandKind,
    end: CommandEnd,
    began: Instant,
}

impl Watch {
    pub(crate) fn begin(observer: Option<&Arc<dyn Observer>>, kind: CommandKind) -> Self {
        if let Some(observer) = observer {
            observer.begun(kind);
        }
        Self {
            observer: observer.cloned(),
            kind,
            end: CommandEnd::Abandoned,
            began: Instant::now(),
        }
    }

    pub(crate) fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.end = match result {
            Ok(_) => CommandEnd::Answered,
            Err(_) => CommandEnd::Failed,
        };
        result
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.ended(self.kind, self.end, self.began.elapsed());
        }
    }
}
