//! The table in Markdown, the raw figures in JSON, the chart beside them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::goals::{self, megabytes, number};
use super::mint::names;
use super::results::{Contestant, Effort, Results, median};
use super::{chart, wrk};
use crate::sh;

const TABLE: &str = "RESULTS.md";
const CHART: &str = "chart.svg";

fn folder() -> PathBuf {
    sh::target().join("bench")
}

/// Keeps the raw figures of this run under `name`, and makes table and chart from the newest of each section.
pub(super) fn save(results: &Results, name: &str) -> Result<String> {
    let folder = folder();
    let json = serde_json::to_vec_pretty(results)?;
    std::fs::write(folder.join(format!("{name}.json")), &json)?;
    let latest = folder.join("latest.json");
    let this: Results = serde_json::from_slice(&json)?;
    // Figures of an older form are of no use.
    let merged = match std::fs::read(&latest).map(|text| serde_json::from_slice(&text)) {
        Ok(Ok(older)) => this.or(older),
        _ => this,
    };
    std::fs::write(&latest, serde_json::to_vec_pretty(&merged)?)?;
    let text = table(&merged)?;
    std::fs::write(folder.join(TABLE), &text)?;
    if let Some(svg) = chart::draw(&merged) {
        std::fs::write(folder.join(CHART), svg)?;
    }
    Ok(text)
}

/// Copies table and chart to where they are committed.
pub(super) fn publish() -> Result<()> {
    let to = sh::root().join("crates/bench");
    for file in [TABLE, CHART] {
        std::fs::copy(folder().join(file), to.join(file)).with_context(|| file.to_owned())?;
    }
    Ok(())
}

fn table(results: &Results) -> Result<String> {
    let mut text = String::from("# Figures\n\n");
    machine(&mut text, results)?;
    goals_table(&mut text, results)?;
    mint(&mut text, results)?;
    refresh(&mut text, results)?;
    growth(&mut text, results)?;
    rest(&mut text, results)?;
    Ok(text)
}

fn machine(text: &mut String, results: &Results) -> Result<()> {
    let machine = &results.machine;
    writeln!(
        text,
        "Written by `cargo xtask bench --publish` at {}, on a virtual machine with {} cores ({}), server and load \
         generator on the same machine over loopback. {}.\n\n\
         Absolute figures belong to that machine. What carries over are the ratios, and of those best the CPU time that the \
         server spends on a request: user and system time of all its threads, from `/proc`, divided by the number of \
         requests. Loads are `wrk` with {} connections kept alive; servers take turns in every round, peers after \
         one that is not counted, as their code is compiled while it runs; the figures are medians over the rounds. Everything of the service is on: its log (at the default level, standard error to a \
         file), metrics and their listener, limits (raised so that no session is throttled), CORS and Fetch Metadata. The \
         requests have the headers of a browser, and the floors are made of the same libraries and of none of its code.\n",
        commits(&results.commits),
        machine.cores,
        machine.processor,
        machine.versions.join(", "),
        wrk::CONNECTIONS,
    )?;
    Ok(())
}

/// `commit A`, or `commit A (refresh) and commit B (mint, size)`.
fn commits(commits: &BTreeMap<String, String>) -> String {
    let mut sections = BTreeMap::<&str, Vec<&str>>::new();
    for (section, commit) in commits {
        sections.entry(commit).or_default().push(section);
    }
    let [(commit, _)] = sections.iter().collect::<Vec<_>>()[..] else {
        let each = sections
            .iter()
            .map(|(commit, sections)| format!("commit {commit} ({})", sections.join(", ")));
        return each.collect::<Vec<_>>().join(" and ");
    };
    format!("commit {commit}")
}

fn goals_table(text: &mut String, results: &Results) -> Result<()> {
    let goals = goals::all(results);
    if goals.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "## Goals\n\n| what | goal | measured | |\n|---|--:|--:|---|"
    )?;
    for goal in goals {
        let verdict = if goal.holds { "holds" } else { "**missed**" };
        writeln!(
            text,
            "| {} | {} | {} | {verdict} |",
            goal.what, goal.target, goal.measured
        )?;
    }
    text.push('\n');
    Ok(())
}

fn mint(text: &mut String, results: &Results) -> Result<()> {
    let Some(mint) = &results.mint else {
        return Ok(());
    };
    writeln!(
        text,
        "## Session cookie to token\n\n![CPU time of the server for one token](chart.svg)\n\n\
         {} live sessions (64 for the peers), {}. Where the time goes: [PROFILE.md](PROFILE.md).\n\n\
         | what | requests/s | of the fixed answer | p50 ms | p99 ms | server CPU µs | memory idle / peak MB |\n\
         |---|--:|--:|--:|--:|--:|--:|",
        mint.sessions,
        effort(mint.effort)
    )?;
    let fixed = mint
        .contestants
        .iter()
        .find(|one| one.name == names::FIXED)
        .map(Contestant::per_second);
    for one in &mint.contestants {
        let share = fixed.map_or(String::new(), |fixed| number(one.per_second() / fixed));
        writeln!(
            text,
            "| {} | {:.0} | {share} | {} |",
            one.name,
            one.per_second(),
            cells(one)
        )?;
    }
    for (name, why) in &mint.missing {
        let why = why.lines().next().unwrap_or_default();
        writeln!(text, "| {name} | did not run: {why} | | | | | |")?;
    }
    text.push('\n');
    Ok(())
}

/// Latency, cost and memory.
fn cells(one: &Contestant) -> String {
    format!(
        "{} | {} | {} | {} / {}",
        number(one.median(|run| run.p50_us) / 1e3),
        number(one.median(|run| run.p99_us) / 1e3),
        number(one.cpu_us()),
        number(megabytes(one.idle_kib)),
        number(megabytes(one.peak_kib)),
    )
}

fn refresh(text: &mut String, results: &Results) -> Result<()> {
    if results.refresh.is_none() && results.storm.is_none() {
        return Ok(());
    }
    writeln!(text, "## Refresh token to new tokens\n")?;
    if let Some(refresh) = &results.refresh {
        writeln!(
            text,
            "Each request replaces the refresh token of another grant and gets a JWT access token of 300 s; {}. sessionmint \
             answers when the new token is on disk (SQLite, `synchronous=FULL`, commits shared by those who wait). \
             oidc-provider rotates as well, but keeps everything in one JavaScript `Map`, so its memory holds all tokens from \
             the start and nothing survives a restart; it runs in one process, as that store allows no second. \
             The requests are the same, client secret included. One that is refused fails the measurement.\n\n\
             | what | requests/s | p50 ms | p99 ms | server CPU µs | memory idle / peak MB |\n|---|--:|--:|--:|--:|--:|",
            effort(refresh.effort)
        )?;
        for one in &refresh.contestants {
            let per_second = one.per_second();
            writeln!(text, "| {} | {per_second:.0} | {} |", one.name, cells(one))?;
        }
        for (name, why) in &refresh.missing {
            let why = why.lines().next().unwrap_or_default();
            writeln!(text, "| {name} | did not run: {why} | | | | |")?;
        }
        text.push('\n');
    }
    if let Some(storm) = &results.storm {
        writeln!(
            text,
            "Many callers with one refresh token at once, over HTTP: {} bursts of {} callers, two audiences mixed. {} of {} \
             came away with a working pair: an access token of their own that `sessionmint-verify` takes, for the audience \
             that they asked for, and the refresh token that all others got and that was taken in the next burst. {} \
             generation steps, {} × `invalid_grant`, {} grants ended; {:.0} s.\n",
            storm.bursts,
            storm.callers,
            storm.good,
            storm.bursts * storm.callers,
            storm.steps,
            storm.invalid_grant,
            storm.ended,
            storm.seconds
        )?;
    }
    Ok(())
}

fn growth(text: &mut String, results: &Results) -> Result<()> {
    let Some(growth) = &results.growth else {
        return Ok(());
    };
    writeln!(
        text,
        "## Cost as it grows\n\nEdDSA, every session minted in turn, {}.\n\n\
         | live sessions | mints/s | p99 ms | server CPU µs | memory idle / peak MB |\n|--:|--:|--:|--:|--:|",
        effort(growth.effort)
    )?;
    for (sessions, one) in &growth.steps {
        writeln!(
            text,
            "| {sessions} | {:.0} | {} | {} | {} / {} |",
            one.per_second(),
            number(one.median(|run| run.p99_us) / 1e3),
            number(one.cpu_us()),
            number(megabytes(one.idle_kib)),
            number(megabytes(one.peak_kib)),
        )?;
    }
    text.push('\n');
    Ok(())
}

fn rest(text: &mut String, results: &Results) -> Result<()> {
    if let Some(costs) = &results.verify {
        writeln!(
            text,
            "## Check of a token (`sessionmint-verify`)\n\n| | new, µs | seen before, µs |\n|---|--:|--:|"
        )?;
        for cost in costs {
            writeln!(
                text,
                "| {} | {} | {} |",
                cost.alg,
                number(cost.new_us),
                number(cost.seen_us)
            )?;
        }
        text.push('\n');
    }
    if let Some(login) = &results.login {
        let of = |runs: &[super::results::Run], what: fn(&super::results::Run) -> f64| {
            number(median(runs.iter().map(what)) / 1e3)
        };
        writeln!(
            text,
            "## Mints beside sign-ins\n\n16 connections sign in as fast as password hashing lets them (argon2id, 19 MiB), \
             {} a second; {}.\n\n| mints | p50 ms | p99 ms |\n|---|--:|--:|",
            number(median(login.sign_ins_per_second.iter().copied())),
            effort(login.effort)
        )?;
        for (name, runs) in [("alone", &login.alone), ("beside sign-ins", &login.beside)] {
            let p50 = of(runs, |run| run.p50_us);
            let p99 = of(runs, |run| run.p99_us);
            writeln!(text, "| {name} | {p50} | {p99} |")?;
        }
        text.push('\n');
    }
    if let Some(start) = &results.start {
        writeln!(
            text,
            "Start to first answer: {} ms (median of {}).",
            number(median(start.millis.iter().copied())),
            start.millis.len()
        )?;
    }
    if let Some(bytes) = results.size {
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let size = bytes as f64 / 1e6;
        writeln!(text, "Binary, stripped: {} MB.", number(size))?;
    }
    Ok(())
}

fn effort(effort: Effort) -> String {
    let rounds = if effort.rounds == 1 {
        "round"
    } else {
        "rounds"
    };
    format!("{} s each in {} {rounds}", effort.seconds, effort.rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_say_what_they_were_measured_of() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(section, commit)| ((*section).to_owned(), (*commit).to_owned()));
            commits(&pairs.collect())
        };
        assert_eq!(of(&[("mint", "abc"), ("size", "abc")]), "commit abc");
        assert_eq!(
            of(&[("mint", "b2"), ("refresh", "a1"), ("size", "b2")]),
            "commit a1 (refresh) and commit b2 (mint, size)"
        );
    }
}
