//! Reading the configuration: what is refused, where the message points, and what wins.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

use std::path::Path;

use sessionmint_iam::config::keys::{KEYS, Kind};
use sessionmint_iam::config::reference::{EXAMPLE, explanation, reference};
use sessionmint_iam::config::{ConfigErrors, Input, LogFormat, Partial, defaults};
use sessionmint_iam::keys::EncryptionKeySource;

/// Problems of one file, one a line.
fn problems(text: &str) -> String {
    match Partial::parse("iam.toml", text) {
        Ok(config) => panic!("accepted as {config:?}"),
        Err(errors) => errors.to_string(),
    }
}

fn with_environment(
    file: Option<&Path>,
    variables: &[(&str, &str)],
) -> Result<Partial, ConfigErrors> {
    let environment = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Partial::load(Input {
        file,
        environment,
        ..Input::default()
    })
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_what_was_meant() {
    assert_eq!(
        problems("issuer = \"https://a.example/iam\"\n\n[sessions]\nidle_sec = 5\n"),
        "iam.toml:4: unknown key `idle_sec` in `[sessions]`, did you mean `idle_secs`?"
    );
    assert_eq!(
        problems("isuer = \"x\""),
        "iam.toml:1: unknown key `isuer`, did you mean `issuer`?"
    );
    assert_eq!(
        problems("\n[session]\nx = 1"),
        "iam.toml:2: unknown section `[session]`, did you mean `[sessions]`?"
    );
    assert_eq!(
        problems("idle_secs = 60"),
        "iam.toml:1: unknown key `idle_secs`, did you mean `idle_secs` in `[sessions]`?"
    );
    assert_eq!(
        problems("[sessions]\nlisten = \"127.0.0.1:1\""),
        "iam.toml:2: unknown key `listen` in `[sessions]`, did you mean `listen` before the first section?"
    );
    assert_eq!(problems("quux = 1"), "iam.toml:1: unknown key `quux`");
}

#[test]
fn an_unknown_variable_is_refused_with_what_was_meant() {
    let errors = with_environment(None, &[("SESSIONMINT_SESSION_IDLE_SECS", "60")]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "SESSIONMINT_SESSION_IDLE_SECS: there is no such setting, did you mean `SESSIONMINT_SESSIONS_IDLE_SECS`?"
    );
    assert!(with_environment(None, &[("PATH", "/bin"), ("SESSIONMINT_CONFIG", "x")]).is_ok());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "issuer = \"http://api.example.com\"\nlisten = \"localhost\"\n[sessions]\nidle_secs = 1\nabsolute_secs = \"a day\"\n";
    let all = problems(text);
    let places: Vec<_> = all
        .lines()
        .map(|line| line.split(": ").next().unwrap_or_default())
        .collect();
    assert_eq!(
        places,
        ["iam.toml:5", "iam.toml:1", "iam.toml:2", "iam.toml:4"]
    );
}

#[test]
fn broken_toml_is_cited_by_line() {
    assert!(problems("issuer = \"x\"\nlisten = \n").starts_with("iam.toml:2: "));
    assert!(
        problems("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n")
            .starts_with("iam.toml:2: ")
    );
}

#[test]
fn each_value_is_checked_and_the_message_says_what_would_be_right() {
    for (text, expected) in [
        (
            "issuer = \"http://api.example.com/iam\"",
            "an issuer starts with `https://`",
        ),
        (
            "issuer = \"https://api.example.com/iam/\"",
            "no `/` at the end",
        ),
        ("issuer = \"https://api.example.com/iam?x\"", "no query"),
        ("issuer = 5", "`issuer` must be a string, not `5`"),
        (
            "listen = \"api.example.com:80\"",
            "an IP address and a port, such as `127.0.0.1:80`",
        ),
        (
            "database = \"postgres://db/iam\"",
            "PostgreSQL is not in this version",
        ),
        ("database = \"iam.db\"", "`sqlite:PATH`"),
        (
            "trusted_proxies = [\"10.0.0.0/33\"]",
            "such as `10.0.0.0/8`",
        ),
        (
            "trusted_proxies = [\"0.0.0.0/0\"]",
            "trusts the whole internet",
        ),
        (
            "trusted_proxies = \"10.0.0.0/8\"",
            "must be a list of strings, not a string",
        ),
        ("trusted_proxies = [10]", "must be a list of strings"),
        (
            "sessions.idle_secs = 59",
            "must be a whole number from 60 to 2592000, not `59`",
        ),
        (
            "sessions.idle_secs = -1",
            "must be a whole number from 60 to 2592000, not `-1`",
        ),
        (
            "sessions.idle_secs = 60.5",
            "must be a whole number from 60 to 2592000, not `60.5`",
        ),
        (
            "[sessions]\nidle_secs = 7200\nabsolute_secs = 3600",
            "no session could become idle",
        ),
        ("sessions = 3", "unknown key `sessions`"),
        ("login.argon2_memory_kib = 19455", "from 19456 to"),
        ("login.argon2_iterations = 1", "from 2 to"),
        ("login.password_min_bytes = 7", "from 8 to"),
        (
            "log.format = \"xml\"",
            "`log.format` is `text` or `json`, not `xml`",
        ),
        ("log.filter = \"info,=,\"", "`log.filter` is"),
        ("log.filter = \"\"", "`log.filter` is"),
    ] {
        let found = problems(text);
        assert!(found.contains(expected), "{text}\n{found}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iam.toml");
    std::fs::write(
        &file,
        "database = \"sqlite:file.db\"\nlisten = \"127.0.0.1:1\"\n[sessions]\nidle_secs = 61\n",
    )
    .unwrap();
    let variables = [
        ("SESSIONMINT_DATABASE", "sqlite:environment.db"),
        ("SESSIONMINT_SESSIONS_IDLE_SECS", "62"),
        ("SESSIONMINT_TRUSTED_PROXIES", "10.0.0.1, fd00::/8"),
        ("SESSIONMINT_LOG_FORMAT", "json"),
    ];
    let config = with_environment(Some(&file), &variables).unwrap();
    assert_eq!(config.sessions.idle_secs, 62);
    assert_eq!(
        config.database().unwrap().to_string(),
        "sqlite:environment.db"
    );
    assert_eq!(config.listen.port(), 1);
    assert_eq!(
        config.trusted_proxies,
        ["10.0.0.1/32".parse().unwrap(), "fd00::/8".parse().unwrap()]
    );
    assert_eq!(config.log.format, LogFormat::Json);

    let config = Partial::load(Input {
        file: Some(&file),
        environment: vec![(
            "SESSIONMINT_DATABASE".to_owned(),
            "sqlite:environment.db".to_owned(),
        )],
        database: Some("sqlite:flag.db".to_owned()),
        listen: Some("[::1]:2".to_owned()),
    });
    let config = config.unwrap();
    assert_eq!(config.database().unwrap().to_string(), "sqlite:flag.db");
    assert_eq!(config.listen, "[::1]:2".parse().unwrap());
}

#[test]
fn a_wrong_variable_is_cited_by_its_name() {
    let errors =
        with_environment(None, &[("SESSIONMINT_SESSIONS_IDLE_SECS", "an hour")]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "SESSIONMINT_SESSIONS_IDLE_SECS: must be a whole number from 60 to 2592000, not `an hour`"
    );
}

#[test]
fn a_missing_file_is_named() {
    let errors = with_environment(Some(Path::new("no/such.toml")), &[]).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("no/such.toml: cannot be read: "),
        "{errors}"
    );
}

#[test]
fn c166_issuer_and_database_have_no_default() {
    let errors = Partial::parse("iam.toml", "")
        .unwrap()
        .complete()
        .unwrap_err()
        .to_string();
    assert!(errors.contains("no issuer: set"), "{errors}");
    assert!(errors.contains("no database: give"), "{errors}");
}

#[test]
fn the_example_file_is_accepted_and_equals_the_defaults() {
    let example = Partial::parse("sessionmint.example.toml", EXAMPLE)
        .unwrap()
        .complete()
        .unwrap();
    let minimal = format!(
        "issuer = \"{}\"\ndatabase = \"{}\"\n",
        example.issuer, example.database
    );
    assert_eq!(
        example,
        Partial::parse("minimal", &minimal)
            .unwrap()
            .complete()
            .unwrap()
    );
}

#[test]
fn the_example_file_with_all_its_options_switched_on_is_accepted_too() {
    let switched_on: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if KEYS
                    .iter()
                    .any(|key| rest.starts_with(&format!("{} = ", key.last_name()))) =>
            {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let all = Partial::parse("switched on", &switched_on)
        .unwrap()
        .complete()
        .unwrap();
    let mut example = Partial::parse("sessionmint.example.toml", EXAMPLE)
        .unwrap()
        .complete()
        .unwrap();
    // These have no fixed default to be switched on as.
    example.trusted_proxies.clone_from(&all.trusted_proxies);
    example.admin = all.admin.clone();
    example.tls = all.tls.clone();
    example.authorize.clone_from(&all.authorize);
    example.keys.encryption = all.keys.encryption.clone();
    example.login.hashing.concurrent_hashes = all.login.hashing.concurrent_hashes;
    assert_eq!(all, example);
    assert!(!all.trusted_proxies.is_empty() && all.login.hashing.concurrent_hashes.is_some());
    assert!(
        all.tls
            .is_some_and(|tls| tls.hsts.is_some_and(|hsts| hsts == defaults::HSTS))
    );
    assert!(all.admin.listen.is_some() && !all.admin.allow.is_empty());
    assert!(matches!(all.keys.encryption, EncryptionKeySource::File(_)));
}

#[test]
fn every_setting_is_explained_with_its_range_and_default() {
    for key in KEYS {
        let text = explanation(key).unwrap_or_else(|| panic!("{} is not explained", key.name));
        assert!(
            text.contains("Default") || text.contains("Required"),
            "{}: {text}",
            key.name
        );
        if let Kind::Integer(range) = &key.kind {
            let range = format!("{} to {}", range.start(), range.end());
            assert!(text.contains(&range), "{}: {text}", key.name);
        }
    }
}

#[test]
fn the_reference_in_the_repository_is_what_the_program_prints() {
    let committed = include_str!("../CONFIGURATION.md");
    assert!(
        committed == reference(),
        "cargo run -p sessionmint-iam -- config reference > crates/iam/CONFIGURATION.md"
    );
}

#[test]
fn the_settings_of_signing_keys_are_read_and_contradictions_refused() {
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    let given = [("SESSIONMINT_KEYS_ENCRYPTION_KEY", key)];
    let config = with_environment(None, &given).unwrap();
    assert!(matches!(
        config.keys.encryption,
        EncryptionKeySource::Given(_)
    ));
    assert!(!format!("{config:?}").contains(key));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iam.toml");
    std::fs::write(&file, "[keys]\nencryption_key_file = \"/etc/key\"\n").unwrap();
    let both = with_environment(Some(&file), &given).unwrap_err();
    assert!(both.to_string().contains("both set"), "{both}");
    assert_eq!(
        problems("[keys]\nalgorithm = \"HS256\""),
        "iam.toml:2: `keys.algorithm` is `ES256`, `EdDSA` or `RS256`, not `HS256`"
    );
    let in_file = problems("[keys]\nencryption_key = \"secret\"");
    assert!(in_file.contains("unknown key"), "{in_file}");
}
