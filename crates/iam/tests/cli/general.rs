//! The database, the configuration, the help.

use super::support::*;

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
    ] {
        assert!(ok(folder, args, "").contains("Example"), "{args:?}");
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
