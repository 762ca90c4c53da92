//! A server under measurement: started, watched through /proc, stopped by its pid.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(30);
/// The unit of the times in /proc/PID/stat, in microseconds: 1/100 s on every Linux.
const TICK_MICROS: u64 = 10_000;

/// What runs, so that Ctrl-C ends it.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A child process that is gone when this is dropped.
pub(super) struct Process(Child);

/// A server that listens.
pub(super) struct Server {
    process: Process,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
}

/// Has Ctrl-C and SIGTERM end everything that runs, then this program.
pub(super) fn stop_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        for pid in RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        std::process::exit(130);
    })?;
    Ok(())
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} did not start", command.get_program().display()))?;
        running(|pids| pids.push(child.id()));
        Ok(Self(child))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// What it writes to standard error, where that is a pipe.
    pub(super) fn stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.0.stderr.take()
    }

    /// Waits for its end.
    pub(super) fn output(mut self) -> Result<String> {
        let mut text = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            std::io::Read::read_to_string(&mut stdout, &mut text)?;
        }
        let status = self.0.wait()?;
        if !status.success() {
            bail!("a measurement ended with {status}: {text}");
        }
        Ok(text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.0.id();
        if let Ok(None) = self.0.try_wait() {
            // SIGTERM, so that it closes its files; what does not heed it within some seconds is killed.
            let _ = Command::new("kill").arg(pid.to_string()).status();
            for _ in 0..100 {
                if !matches!(self.0.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
        running(|pids| pids.retain(|other| *other != pid));
    }
}

fn running(change: impl FnOnce(&mut Vec<u32>)) {
    change(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
}

impl Server {
    /// Starts a server and waits for its line `listening on http://…`. Everything that it says goes to a file: an
    /// operator keeps the log as well.
    pub(super) fn start(mut command: Command, folder: &Path) -> Result<Self> {
        let log: PathBuf = folder.join("log");
        let file = File::create(&log)?;
        let process = Process::spawn(command.stdout(file.try_clone()?).stderr(file))?;
        let address = wait_for_address(&log)
            .with_context(|| format!("{} did not come up", command.get_program().display()))?;
        Ok(Self { process, address })
    }

    /// The CPU time that it has used so far, all threads, user and system, in microseconds.
    pub(super) fn cpu_micros(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(self.proc("stat"))?;
        // The name in brackets may hold anything; utime and stime are the 14th and 15th field.
        let (_, rest) = stat.rsplit_once(") ").context("/proc/PID/stat")?;
        let mut ticks = rest.split(' ').skip(11).take(2);
        let mut next = || ticks.next().and_then(|text| text.parse::<u64>().ok());
        let user = next().context("/proc/PID/stat")?;
        let system = next().context("/proc/PID/stat")?;
        Ok((user + system) * TICK_MICROS)
    }

    /// Resident memory now, in KiB.
    pub(super) fn resident_kib(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that it was, in KiB.
    pub(super) fn peak_kib(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("{name} in /proc/PID/status"))
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.process.pid())
    }
}

fn wait_for_address(log: &Path) -> Result<String> {
    const PAUSE: Duration = Duration::from_millis(10);
    let attempts = START.as_millis() / PAUSE.as_millis();
    let mut text = String::new();
    for _ in 0..attempts {
        text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
        if let Some(address) = address(&text) {
            return Ok(address);
        }
        std::thread::sleep(PAUSE);
    }
    bail!("it does not listen after {} s:\n{text}", START.as_secs())
}

/// From a whole line `… listening on http://ADDRESS …`.
pub(super) fn address(text: &str) -> Option<String> {
    let (lines, _) = text.rsplit_once('\n')?;
    lines.lines().find_map(|line| {
        let (_, rest) = line.split_once("listening on http://")?;
        rest.split_whitespace().next().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_a_whole_line_only() {
        assert_eq!(address("x listening on http://127.0.0.1:12"), None);
        assert_eq!(
            address("a\nx listening on http://127.0.0.1:12 issuer=i\n").as_deref(),
            Some("127.0.0.1:12")
        );
    }
}
