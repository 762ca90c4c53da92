//! The files that operators deploy with agree with the program: the container file, the compose file, the unit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ops_support::{Said, Server, command, ok};

const CONTAINERFILE: &str = include_str!("../ops/Containerfile");
const COMPOSE: &str = include_str!("../ops/compose.yaml");
const UNIT: &str = include_str!("../ops/sessionmint.service");

/// The top folder, which the container is built from.
fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_path_buf()
}

/// The instructions of the container file, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = CONTAINERFILE.replace("\\\n", "");
    let lines = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (word, rest) = line.split_once(' ').unwrap();
            (word.to_owned(), rest.to_owned())
        })
        .collect()
}

/// What the instructions of that name say.
fn said(name: &str) -> Vec<String> {
    let all = instructions().into_iter();
    all.filter(|(word, _)| word == name)
        .map(|(_, rest)| rest)
        .collect()
}

/// The variables that the container file sets.
fn variables() -> BTreeMap<String, String> {
    let all = said("ENV").into_iter();
    all.map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    })
    .collect()
}

#[test]
fn the_container_is_built_from_what_is_there_and_is_allowed_in() {
    let ignored = std::fs::read_to_string(top().join(".dockerignore")).unwrap();
    let let_in: Vec<_> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let mut copied = 0;
    for line in said("COPY") {
        let mut words: Vec<_> = line.split(' ').collect();
        words.pop();
        if words[0].starts_with("--from=build") {
            let made = words.last().unwrap();
            assert!(said("RUN")[0].contains(made), "{made} is not made");
            continue;
        }
        for source in words {
            assert!(top().join(source).exists(), "{source} is not there");
            assert!(let_in.contains(&source), "{source} is ignored");
            copied += 1;
        }
    }
    assert_eq!(copied, let_in.len(), "nothing is let in without need");
    // Images by their short names: whose registry is the operator's choice.
    for image in said("FROM") {
        let name = image.split(' ').next().unwrap();
        assert!(!name.contains('/'), "{name}");
    }
}

#[test]
fn the_container_runs_as_nobody_special_with_settings_that_are_accepted() {
    assert_eq!(said("USER"), ["10001:10001"]);
    assert_eq!(said("STOPSIGNAL"), ["SIGTERM"]);
    let volume = said("VOLUME").remove(0);
    assert_eq!(said("WORKDIR").last(), Some(&volume));
    let database = &variables()["SESSIONMINT_DATABASE"];
    assert!(
        database.starts_with(&format!("sqlite:{volume}/")),
        "{database}"
    );

    // No more than an issuer is missing.
    let folder = tempfile::tempdir().unwrap();
    let check = command(folder.path())
        .args(["config", "check"])
        .envs(variables())
        .env("SESSIONMINT_ISSUER", "https://api.example.com/iam")
        .output();
    let check = Said::from(check.unwrap());
    assert_eq!(check.code, 0, "{}", check.err);
    let port = variables()["SESSIONMINT_LISTEN"]
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    assert_eq!(said("EXPOSE"), [port]);
}

/// The words of a JSON list of strings.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap()
}

#[test]
fn the_container_starts_and_asks_for_health_with_commands_that_there_are() {
    let program = words(&said("ENTRYPOINT")[0]);
    let [binary] = program.as_slice() else {
        panic!("{program:?}")
    };
    assert!(said("COPY").iter().any(|line| line.ends_with(binary)));
    let serve = words(&said("CMD")[0]);
    let health = said("HEALTHCHECK").remove(0);
    let health = words(health.split_once("CMD ").unwrap().1);
    assert_eq!(&health[0], binary);

    let folder = tempfile::tempdir().unwrap();
    let mut variables = variables();
    for (name, value) in [
        ("SESSIONMINT_ISSUER", "https://api.example.com/iam"),
        ("SESSIONMINT_DATABASE", "sqlite:iam.db"),
        ("SESSIONMINT_LISTEN", "127.0.0.1:0"),
        ("SESSIONMINT_ADMIN_LISTEN", "127.0.0.1:0"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let mut started = command(folder.path());
    let mut server = Server::spawn(started.args(serve).envs(&variables));
    let log = server.log_so_far.clone();
    let admin = log
        .lines()
        .find_map(|line| line.split_once("admin on http://"));
    variables.insert(
        "SESSIONMINT_ADMIN_LISTEN".to_owned(),
        admin.unwrap().1.trim().to_owned(),
    );
    let asked = command(folder.path())
        .args(&health[1..])
        .envs(&variables)
        .output();
    assert_eq!(Said::from(asked.unwrap()).out, "ready\n");
    server.stop();
}

#[test]
fn the_compose_file_sets_what_there_is_and_builds_the_container_file() {
    let variables = COMPOSE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("SESSIONMINT_"))
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (format!("SESSIONMINT_{name}"), value.to_owned())
        });
    let folder = tempfile::tempdir().unwrap();
    let check = command(folder.path())
        .args(["config", "check", "--database", "sqlite:iam.db"])
        .envs(variables)
        .output();
    let check = Said::from(check.unwrap());
    assert_eq!(check.code, 0, "{}", check.err);
    let value = |name: &str| {
        let line = COMPOSE
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let context = top().join("crates/iam/ops").join(value("context:"));
    let context = context.canonicalize().unwrap();
    assert_eq!(context, top().canonicalize().unwrap());
    assert!(context.join(value("dockerfile:")).exists());
    let volume = format!(":{}", said("VOLUME")[0]);
    assert!(COMPOSE.contains(&volume));
}

#[test]
fn the_unit_starts_the_program_with_arguments_that_it_takes() {
    let line = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let mut words: Vec<_> = line.unwrap().split(' ').skip(1).collect();
    words.push("--help");
    let folder = tempfile::tempdir().unwrap();
    assert!(ok(folder.path(), &words, "").contains("Run the service"));
    for line in UNIT.lines().filter(|line| line.contains("SESSIONMINT_")) {
        let (_, variable) = line.split_once("Environment=").unwrap();
        let name = variable.split('=').next().unwrap();
        let known = sessionmint_iam::config::keys::KEYS.iter();
        assert!(known.clone().any(|key| key.env() == name), "{name}");
    }
}
