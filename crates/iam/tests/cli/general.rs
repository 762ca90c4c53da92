//! The database, the configuration, the help.

use super::support::*;
use crate::ops_support::Said;

#[test]
fn the_database_is_asked_for_and_a_mistyped_one_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(
        fails(folder, &["user", "list"], "").contains("no database: give `--database sqlite:PATH`")
    );
    let missing = fails(
        folder,
        &["user", "list", "--database", "sqlite:typo.db"],
        "",
    );
    assert!(
        missing.contains("there is no database at typo.db"),
        "{missing}"
    );
    assert!(!folder.join("typo.db").exists());
    assert!(
        fails(
            folder,
            &["user", "list", "--database", "postgres://x/y"],
            ""
        )
        .contains("PostgreSQL is not in this version")
    );
    let nowhere = fails(
        folder,
        &[
            "user",
            "add",
            "a",
            "--password-stdin",
            "--database",
            "sqlite:no/such/iam.db",
        ],
        PASSWORD,
    );
    assert!(
        nowhere.contains("the folder no/such does not exist"),
        "{nowhere}"
    );
}

#[test]
fn config_check_prints_what_is_in_effect_or_all_that_is_wrong() {
    let folder = folder();
    let folder = folder.path();
    let out = ok(folder, &with(&["config", "check"]), "");
    assert!(
        out.starts_with("ok\nissuer = \"https://api.example.com/iam\"\nlisten = \"127.0.0.1:0\"\n"),
        "{out}"
    );
    assert!(out.contains("\nsessions.idle_secs = 3600\n"), "{out}");
    assert_eq!(
        list(folder, &["config", "check"])["login.argon2_memory_kib"],
        19_456
    );

    std::fs::write(
        folder.join("iam.toml"),
        "isuer = \"x\"\n\n[sessions]\nidle_secs = 5\n",
    )
    .unwrap();
    assert_eq!(
        fails(folder, &with(&["config", "check"]), ""),
        "error: iam.toml:1: unknown key `isuer`, did you mean `issuer`?\n\
         iam.toml:4: `sessions.idle_secs` must be a whole number from 60 to 2592000, not `5`\n"
    );
    assert!(fails(folder, &with(&["serve"]), "").contains("iam.toml:4"));
}

#[test]
fn help_shows_examples_and_usage_errors_end_in_2() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["user", "add", "--help"],
        &["client", "add", "--help"],
        &["client", "set", "--help"],
        &["config", "check", "--help"],
        &["config", "example", "--help"],
        &["health", "--help"],
        &["user", "set", "--help"],
        &["user", "disable", "--help"],
        &["user", "passwd", "--help"],
        &["session", "end", "--help"],
        &["keys", "rotate", "--help"],
        &["keys", "change-encryption-key", "--help"],
        &["audit", "list", "--help"],
        &["backup", "--help"],
        &["restore", "--help"],
    ] {
        let help = ok(folder, args, "");
        let (_, example) = help
            .split_once("Example")
            .unwrap_or_else(|| panic!("{args:?}"));
        let long = example.lines().find(|line| line.chars().count() > 125);
        assert_eq!(long, None, "{args:?}");
    }
    for args in [
        &["usr"][..],
        &["user"],
        &["client", "add"],
        &["serve", "--dev"],
        &["session", "end"],
        &["session", "end", "alice"],
    ] {
        assert_eq!(run(folder, args, "").code, 2, "{args:?}");
    }
}

#[test]
fn health_is_what_the_running_service_says_of_itself() {
    let folder = folder();
    let folder = folder.path();
    let refused = fails(folder, &with(&["health"]), "");
    assert!(refused.contains("set `admin.listen`"), "{refused}");
    let health = |address: &str| {
        let health = command(folder)
            .arg("health")
            .env("SESSIONMINT_ADMIN_LISTEN", address)
            .output();
        Said::from(health.unwrap())
    };

    let variables = [("SESSIONMINT_ADMIN_LISTEN", "127.0.0.1:0")];
    let mut server = Server::start(folder, &with(&["serve"]), &variables);
    let admin = server
        .log_so_far
        .lines()
        .find_map(|line| line.split_once("admin on http://"));
    let admin = admin.unwrap().1.trim().to_owned();
    let ready = health(&admin);
    assert_eq!(
        (ready.code, ready.out.as_str()),
        (0, "ready\n"),
        "{}",
        ready.err
    );

    let public = health(&server.address.to_string());
    assert_eq!(public.code, 1);
    assert!(
        public
            .err
            .contains("does not answer as this service does: `HTTP/1.1 404"),
        "{}",
        public.err
    );
    server.stop();
    let gone = health(&admin);
    assert_eq!(gone.code, 1);
    assert!(
        gone.err.contains("no answer from 127.0.0.1"),
        "{}",
        gone.err
    );
}

#[test]
fn the_example_that_is_printed_is_accepted() {
    let folder = folder();
    let folder = folder.path();
    let example = ok(folder, &["config", "example"], "");
    std::fs::write(folder.join("iam.toml"), example).unwrap();
    assert!(ok(folder, &with(&["config", "check"]), "").starts_with("ok\n"));
    let reference = ok(folder, &["config", "reference"], "");
    assert_eq!(reference, include_str!("../../CONFIGURATION.md"));
}
