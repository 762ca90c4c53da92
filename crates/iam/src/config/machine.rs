//! What the machine has, to choose how much of it password hashing may take.

use std::thread;

/// Cores that this process may use; one if the system does not say.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Memory that this process may use in KiB: the machine's, or less in a container. `None` where the system does not say
/// (anything but Linux).
pub(super) fn memory_kib() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_kib(&text));
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| limit_kib(&text));
    match (machine, container) {
        (Some(machine), Some(container)) => Some(machine.min(container)),
        (machine, container) => machine.or(container),
    }
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn limit_kib(memory_max: &str) -> Option<u64> {
    memory_max
        .trim()
        .parse::<u64>()
        .ok()
        .map(|bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_what_linux_writes() {
        assert_eq!(
            total_kib("MemTotal:       16316412 kB\nMemFree:  1 kB\n"),
            Some(16_316_412)
        );
        assert_eq!(total_kib("nothing"), None);
        assert_eq!(limit_kib("1073741824\n"), Some(1_048_576));
        assert_eq!(limit_kib("max\n"), None);
    }
}
