//! How many files the process may have open, and so how many connections. Most shells and supervisors start with 1024,
//! which a single slow attacker uses up; programs that do not use `select` may raise that to the hard limit by themselves.

/// Kept back for the database, its readers, the log and the admin listener.
const RESERVED: usize = 200;

/// Raises the limit as far as `wanted` connections need and the system lets; gives how many there can be.
pub(super) fn connections(wanted: usize) -> usize {
    let Some(limit) = raised(wanted + RESERVED) else {
        return wanted;
    };
    let possible = limit.saturating_sub(RESERVED).clamp(1, wanted);
    if possible < wanted {
        tracing::warn!(
            "only {possible} connections at once instead of {wanted}: the process may have {limit} files open; raise \
             the hard limit (`LimitNOFILE=` in systemd, `ulimit -n` in a shell)"
        );
    }
    possible
}

/// The limit that is in force afterwards. Reads it from /proc and makes no system call where it is high enough: sandboxes
/// that end a process for asking about its limits give a sufficient one.
#[cfg(target_os = "linux")]
fn raised(needed: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let (soft, hard) = open_files(&limits)?;
    if soft >= needed {
        return Some(soft);
    }
    let new = needed.min(hard);
    let as_rlimit = |files: usize| u64::try_from(files).ok().filter(|_| files != usize::MAX);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: as_rlimit(new),
            maximum: as_rlimit(hard),
        },
    );
    Some(if raised.is_ok() { new } else { soft })
}

#[cfg(not(target_os = "linux"))]
fn raised(_: usize) -> Option<usize> {
    None
}

/// The soft and the hard limit of open files in the text of /proc/self/limits.
#[cfg(target_os = "linux")]
fn open_files(limits: &str) -> Option<(usize, usize)> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace().map(|number| match number {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             7823                 7823                 processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some((1024, 524_288)));
        let text =
            "Max open files            unlimited            unlimited            files     \n";
        assert_eq!(open_files(text), Some((usize::MAX, usize::MAX)));
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        assert!(open_files(&limits).is_some_and(|(soft, hard)| 0 < soft && soft <= hard));
    }
}
