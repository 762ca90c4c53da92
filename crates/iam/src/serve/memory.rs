//! What others can get of the memory of the process, in which the signing keys are.

/// No core dump, also none that a handler of the system would take, and no debugger of the same user.
#[cfg(target_os = "linux")]
pub(super) fn keep_to_itself() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a crash may write the signing keys into a core dump: it cannot be forbidden here");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn keep_to_itself() {}
