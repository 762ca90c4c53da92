//! `cargo xtask mutants`: whether the tests notice when the renewal machine or the rotation of refresh tokens is broken.
//!
//! Two kinds of breakage are tried on a copy of the crates: mistakes that somebody could make, each with a name, and, of the
//! renewal machine, all that cargo-mutants thinks of. The lists have the first, and the few of the second that change no
//! behaviour, each with its reason. It takes a quarter of an hour, so it is not part of the test command.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::sh;

/// What is broken: a folder, the crates that its tests need, its list, and the tests that must notice.
struct Subject {
    name: &'static str,
    crates: &'static [&'static str],
    list: &'static str,
    tests: &'static [&'static [&'static str]],
}

const CRATE: &str = "crates/renewal";

/// The machine in the browser.
const RENEWAL: Subject = Subject {
    name: "renewal",
    crates: &[CRATE],
    list: "crates/renewal/mutants.toml",
    tests: &[&["--workspace"]],
};

/// Refresh tokens: what is decided, and the compare-and-swap.
const REFRESH: Subject = Subject {
    name: "refresh",
    crates: &["crates/access", "crates/oauth", "crates/store"],
    list: "crates/oauth/mutants.toml",
    tests: &[
        &["--package", "sessionmint-oauth", "--lib", "rotation"],
        &["--package", "sessionmint-oauth", "--test", "family"],
        &[
            "--package",
            "sessionmint-store",
            "--test",
            "sqlite_contract",
            "c09",
        ],
    ],
};

const REPORT: &str = "crates/renewal/MUTATION.md";
const TOOL_VERSION: &str = "27.1.0";
/// Schedules a property test, and the seed of all: a mutant should be caught every time or never.
const SCHEDULES: &str = "16";
const SEED: &str = "1";

/// What to try.
#[derive(Args)]
pub(crate) struct Options {
    /// Only the mistakes that have a name
    #[arg(long)]
    named: bool,
    /// Only those of `renewal` or `refresh`
    #[arg(long, value_parser = [RENEWAL.name, REFRESH.name], conflicts_with = "publish")]
    of: Option<String>,
    /// Write crates/renewal/MUTATION.md when done
    #[arg(long, conflicts_with = "named")]
    publish: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    named: Vec<Named>,
    #[serde(default)]
    equivalent: Vec<Equivalent>,
}

/// A mistake that somebody could make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    /// Below the crate's folder, or below `crates`.
    file: String,
    /// Text that is there once …
    old: String,
    /// … and what stands there instead.
    new: String,
}

/// A change that no test can notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Equivalent {
    file: String,
    /// As cargo-mutants calls it.
    change: String,
    /// The line that it is on, without the space around it.
    line: String,
    reason: String,
}

/// What cargo-mutants tried and nobody noticed.
struct Survivor {
    file: String,
    change: String,
    line: String,
}

/// How many mutants came to which end.
struct Score {
    caught: usize,
    timed_out: usize,
    unviable: usize,
    survived: usize,
}

/// `cargo xtask mutants`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut problems = Vec::new();
    for subject in [&RENEWAL, &REFRESH] {
        if options
            .of
            .as_deref()
            .is_none_or(|only| only == subject.name)
        {
            subject.run(options, &mut problems)?;
        }
    }
    if !problems.is_empty() {
        bail!("not noticed, or not as listed:\n{}", problems.join("\n"));
    }
    sh::step("every mutant is caught or explained");
    Ok(())
}

impl Subject {
    fn run(&self, options: &Options, problems: &mut Vec<String>) -> Result<()> {
        let list: List = toml::from_str(&std::fs::read_to_string(sh::root().join(self.list))?)
            .with_context(|| self.list.to_owned())?;
        let tree = self.copy()?;
        sh::step(&format!("the tests of {} as they are", self.name));
        ensure!(self.passes(&tree)?, "the tests fail without any mutant");
        for named in &list.named {
            sh::step(&named.name);
            if let Some(problem) = named.tried(self, &tree)? {
                problems.push(format!("{}: {problem}", named.name));
            }
        }
        if !options.named && self.name == RENEWAL.name {
            let (score, survivors) = all(&tree)?;
            problems.extend(unexplained(&list.equivalent, &survivors));
            let text = report(&list, &score);
            println!("{text}");
            if options.publish {
                std::fs::write(sh::root().join(REPORT), text)?;
            }
        }
        Ok(())
    }

    /// The crates in a workspace of their own, which may be broken.
    fn copy(&self) -> Result<PathBuf> {
        let tree = folder().join(self.name);
        if tree.exists() {
            std::fs::remove_dir_all(&tree)?;
        }
        for part in ["Cargo.toml", "Cargo.lock"].iter().chain(self.crates) {
            copy_all(&sh::root().join(part), &tree.join(part))?;
        }
        Ok(tree)
    }

    /// The folder that the names of files are below.
    fn base(&self) -> &'static str {
        match self.crates {
            [alone] => alone,
            _ => "crates",
        }
    }

    fn passes(&self, tree: &Path) -> Result<bool> {
        for tests in self.tests {
            let mut build = cargo(tree, ["test", "--quiet", "--no-run"]);
            let built = sh::output(build.args(*tests))?;
            if !built.status.success() {
                bail!(
                    "it does not compile:\n{}",
                    String::from_utf8_lossy(&built.stderr)
                );
            }
            let mut test = cargo(tree, ["test", "--quiet"]);
            if !sh::output(test.args(*tests))?.status.success() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn folder() -> PathBuf {
    sh::target().join("mutants")
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            copy_all(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

fn cargo<const N: usize>(tree: &Path, args: [&str; N]) -> Command {
    let mut cargo = sh::cmd("cargo", args);
    cargo
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", folder().join("build"))
        .env("PROPTEST_CASES", SCHEDULES)
        .env("PROPTEST_RNG_SEED", SEED);
    cargo
}

impl Named {
    /// What is wrong with this mutant, if it is not caught.
    fn tried(&self, subject: &Subject, tree: &Path) -> Result<Option<String>> {
        let path = tree.join(subject.base()).join(&self.file);
        let original = std::fs::read_to_string(&path)?;
        let places = original.matches(&self.old).count();
        if places != 1 {
            return Ok(Some(format!(
                "{} has its text {places} times instead of once",
                self.file
            )));
        }
        std::fs::write(&path, original.replace(&self.old, &self.new))?;
        let passed = subject.passes(tree).with_context(|| self.name.clone());
        std::fs::write(&path, original)?;
        Ok(passed?.then(|| "no test notices".to_owned()))
    }
}

/// Runs cargo-mutants over the copy, after installing it if need be.
fn all(tree: &Path) -> Result<(Score, Vec<Survivor>)> {
    if !sh::output(&mut sh::cmd("cargo", ["mutants", "--version"]))?
        .status
        .success()
    {
        sh::step("installing cargo-mutants");
        let install = ["install", "cargo-mutants", "--locked", "--version"];
        sh::quiet(sh::cmd("cargo", install).arg(TOOL_VERSION))?;
    }
    let out = folder().join("out");
    let mut tool = cargo(
        tree,
        ["mutants", "--in-place", "--no-shuffle", "--colors=never"],
    );
    tool.args([
        "--baseline=skip",
        "--timeout=60",
        "--build-timeout=300",
        "--output",
    ]);
    let status = tool.arg(&out).status()?;
    // 2: some survived; 3: some ran into the time limit.
    ensure!(
        matches!(status.code(), Some(0 | 2 | 3)),
        "cargo-mutants ended with {status}"
    );
    let lines = |name: &str| -> Result<Vec<String>> {
        let text = std::fs::read_to_string(out.join("mutants.out").join(name))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let survivors = lines("missed.txt")?
        .iter()
        .map(|line| Survivor::read(tree, line))
        .collect::<Result<Vec<_>>>()?;
    let score = Score {
        caught: lines("caught.txt")?.len(),
        timed_out: lines("timeout.txt")?.len(),
        unviable: lines("unviable.txt")?.len(),
        survived: survivors.len(),
    };
    Ok((score, survivors))
}

impl Survivor {
    /// From `crates/renewal/src/key.rs:106:9: replace …`.
    fn read(tree: &Path, line: &str) -> Result<Self> {
        let (place, change) = line.split_once(": ").context("no change")?;
        let mut place = place.splitn(3, ':');
        let (Some(path), Some(number)) = (place.next(), place.next()) else {
            bail!("not a place: {line}");
        };
        let number: usize = number.parse()?;
        let source = std::fs::read_to_string(tree.join(path))?;
        let source = source.lines().nth(number.saturating_sub(1));
        Ok(Self {
            file: path
                .trim_start_matches(CRATE)
                .trim_start_matches('/')
                .to_owned(),
            change: change.to_owned(),
            line: source.unwrap_or_default().trim().to_owned(),
        })
    }

    fn is(&self, known: &Equivalent) -> bool {
        (&self.file, &self.change, &self.line) == (&known.file, &known.change, &known.line)
    }
}

/// Survivors without a reason, and reasons without a survivor.
fn unexplained(known: &[Equivalent], survivors: &[Survivor]) -> Vec<String> {
    let new = survivors
        .iter()
        .filter(|survivor| !known.iter().any(|one| survivor.is(one)))
        .map(|one| format!("{}: {}: `{}`", one.file, one.change, one.line));
    let gone = known
        .iter()
        .filter(|one| !survivors.iter().any(|survivor| survivor.is(one)))
        .map(|one| format!("{}: {}: is caught after all, or gone", one.file, one.change));
    new.chain(gone).collect()
}

fn report(list: &List, score: &Score) -> String {
    let mut text = String::from(
        "# What the tests of the renewal machine notice\n\n\
         Written by `cargo xtask mutants --publish`; without `--publish` the command checks, and fails if a mutant survives that is \
         not\nexplained below. It takes a quarter of an hour on one core, so `cargo xtask test` does not run it.\n\n",
    );
    let viable = score.caught + score.timed_out + score.survived;
    let _ = write!(
        text,
        "cargo-mutants {TOOL_VERSION}, {SCHEDULES} schedules a property test, seed {SEED}. Of {viable} mutants that compile, caught: {} \
         (by the time limit: {});\nwithout a difference: {}. {} do not compile.\n\n## Mistakes with a name, all caught\n\n",
        score.caught + score.timed_out,
        score.timed_out,
        score.survived,
        score.unviable,
    );
    for named in &list.named {
        let _ = writeln!(text, "- {} (`{}`)", named.name, named.file);
    }
    if !list.equivalent.is_empty() {
        text.push_str("\n## Changes without a difference\n\n");
    }
    for one in &list.equivalent {
        let _ = writeln!(
            text,
            "- `{}`, {}, in `{}`: {}",
            one.file, one.change, one.line, one.reason
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_and_their_reasons_are_compared_both_ways() {
        let survivor = |line: &str| Survivor {
            file: "src/a.rs".to_owned(),
            change: "replace < with <= in f".to_owned(),
            line: line.to_owned(),
        };
        let known = Equivalent {
            file: "src/a.rs".to_owned(),
            change: "replace < with <= in f".to_owned(),
            line: "if a < b {".to_owned(),
            reason: "they are never equal".to_owned(),
        };
        let known = [known];
        assert_eq!(unexplained(&known, &[survivor("if a < b {")]), [""; 0]);
        let problems = unexplained(&known, &[survivor("if c < d {")]);
        assert_eq!(
            problems,
            [
                "src/a.rs: replace < with <= in f: `if c < d {`",
                "src/a.rs: replace < with <= in f: is caught after all, or gone",
            ]
        );
    }
}
