//! The command line, through the real binary: what it does, what it prints, and how it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::path::Path;

use ops_support::{Server, fails, ok, run};
use serde_json::{Value, json};
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp};
use sessionmint_store::{NewSession, Sessions as _, SqliteStore, StartSession, Users as _};

const PASSWORD: &str = "seven small hedgehogs\n";
const DB: [&str; 2] = ["--database", "sqlite:iam.db"];

/// A folder with a configuration file.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "issuer = \"https://api.example.com/iam\"\ndatabase = \"sqlite:iam.db\"\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("iam.toml"), config).unwrap();
    folder
}

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter()
        .copied()
        .chain(["--config", "iam.toml"])
        .collect()
}

fn add_user(folder: &Path, name: &str) -> String {
    ok(
        folder,
        &with(&["user", "add", name, "--password-stdin"]),
        PASSWORD,
    )
}

fn add_client(folder: &Path, id: &str, more: &[&str]) -> String {
    let mut args = vec![
        "client",
        "add",
        id,
        "--resource",
        "https://api.example.com",
        "--scope",
        "notes:read notes:write account",
    ];
    args.extend(more);
    ok(folder, &with(&args), "")
}

fn list(folder: &Path, args: &[&str]) -> Value {
    let mut args = with(args);
    args.push("--json");
    serde_json::from_str(&ok(folder, &args, "")).unwrap()
}

#[test]
fn users_are_added_listed_disabled_enabled_and_removed() {
    let folder = folder();
    let folder = folder.path();
    let added = add_user(folder, "alice");
    assert!(added.starts_with("added user `alice` (usr_"), "{added}");
    ok(
        folder,
        &with(&[
            "user",
            "add",
            "bob",
            "--scope",
            "notes:read",
            "--password-stdin",
        ]),
        PASSWORD,
    );

    let users = list(folder, &["user", "list"]);
    assert_eq!(users[0]["username"], "alice");
    assert_eq!(users[0]["scopes"], Value::Null);
    assert_eq!(users[1]["scopes"], "notes:read");
    assert_eq!(
        (&users[1]["has_password"], &users[1]["disabled_at"]),
        (&json!(true), &Value::Null)
    );
    let table = ok(folder, &with(&["user", "list"]), "");
    assert!(table.starts_with("NAME "), "{table}");
    assert!(
        !table.contains("argon2") && !users.to_string().contains("argon2"),
        "a hash is nobody's business"
    );

    assert_eq!(
        ok(folder, &with(&["user", "disable", "bob"]), ""),
        "disabled user `bob` and ended their sessions\n"
    );
    assert!(
        list(folder, &["user", "list"])[1]["disabled_at"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    ok(folder, &with(&["user", "enable", "bob"]), "");
    assert_eq!(
        list(folder, &["user", "list"])[1]["disabled_at"],
        Value::Null
    );
    ok(folder, &with(&["user", "set", "bob", "--all-scopes"]), "");
    assert_eq!(list(folder, &["user", "list"])[1]["scopes"], Value::Null);
    ok(folder, &with(&["user", "remove", "bob"]), "");
    assert_eq!(list(folder, &["user", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn c053_an_id_is_not_given_again_to_a_user_of_the_same_name() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let first = list(folder, &["user", "list"])[0]["id"].clone();
    ok(folder, &with(&["user", "disable", "alice"]), "");
    ok(folder, &with(&["user", "enable", "alice"]), "");
    assert_eq!(list(folder, &["user", "list"])[0]["id"], first);
    ok(folder, &with(&["user", "remove", "alice"]), "");
    add_user(folder, "alice");
    assert_ne!(list(folder, &["user", "list"])[0]["id"], first);
}

#[test]
fn a_user_that_cannot_be_added_is_refused_with_the_reason() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let add = |name: &str, password: &str| {
        fails(
            folder,
            &with(&["user", "add", name, "--password-stdin"]),
            password,
        )
    };
    assert!(add("alice", PASSWORD).contains("there is a user `alice` already"));
    assert!(add("", PASSWORD).contains("1 to 256 bytes"));
    assert!(add(&"x".repeat(257), PASSWORD).contains("1 to 256 bytes"));
    assert!(add("al\nice", PASSWORD).contains("no control characters"));
    assert!(add(" alice", PASSWORD).contains("no space at its ends"));
    assert!(fails(folder, &with(&["user", "add", "bob"]), PASSWORD).contains("--password-stdin"));
    assert!(
        fails(folder, &with(&["user", "disable", "nobody"]), "")
            .contains("there is no user `nobody`")
    );
}

#[test]
fn c145_password_rules() {
    let folder = folder();
    let folder = folder.path();
    let add = |name: &str, password: &str| {
        run(
            folder,
            &with(&["user", "add", name, "--password-stdin"]),
            password,
        )
    };
    let long = |len: usize| "correct horse battery ".repeat(50)[..len].to_owned();
    for (name, password) in [
        ("sixty-four", format!("{}\n", long(64))),
        ("longest", format!("{}\n", long(1024))),
        ("lower-case-only", "nvkqpwlz".to_owned()),
        ("spaces", "   a  b   \r\n".to_owned()),
        ("unicode", "größer als Ømega 🦊\n".to_owned()),
    ] {
        let said = add(name, &password);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
    }
    for (name, password, why) in [
        ("short", "1234567\n".to_owned(), "at least 8 bytes"),
        ("long", format!("{}x\n", long(1024)), "at most 1024 bytes"),
        (
            "longer",
            format!("{}\n", "x".repeat(1_000_000)),
            "at most 1024 bytes",
        ),
        ("common", "Password123\n".to_owned(), "tried first"),
        ("product", "sessionmint1\n".to_owned(), "tried first"),
        (
            "margaret.hill",
            "Margaret.Hill99\n".to_owned(),
            "the user name",
        ),
        ("empty", "\n".to_owned(), "no password on standard input"),
        ("nothing", String::new(), "no password on standard input"),
    ] {
        let said = add(name, &password);
        assert_eq!(said.code, 1, "{name}");
        assert!(said.err.contains(why), "{name}: {}", said.err);
        assert!(
            !said.err.contains(password.trim_end()) || password.trim_end().is_empty(),
            "the password is repeated"
        );
    }
}

#[tokio::test]
async fn a_new_password_and_disabling_end_the_sessions() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    let session = |n: u8| {
        let folder = folder.to_owned();
        async move {
            let store = SqliteStore::open(folder.join("iam.db")).unwrap();
            let user = store.user_by_name("alice").await.unwrap().unwrap();
            let now = Timestamp::from_secs(4_000_000_000);
            let session = NewSession {
                key_hash: SessionKeyHash([n; 32]),
                id: SessionId::from_random([n; 16]),
                user_id: user.id,
                client_id: "web".parse().unwrap(),
                now,
                absolute_end: now.plus_secs(3600),
                persistent: false,
                user_agent: "Browser \u{1b}[31m".to_owned(),
                password_hash: None,
            };
            assert!(matches!(
                store.start_session(session, None, 20).await.unwrap(),
                StartSession::Started { .. }
            ));
        }
    };
    let count = || {
        list(folder, &["session", "list", "--user", "alice"])
            .as_array()
            .unwrap()
            .len()
    };

    session(1).await;
    session(2).await;
    assert_eq!(count(), 2);
    let table = ok(folder, &with(&["session", "list"]), "");
    assert!(
        table.contains("Browser \\u{1b}[31m"),
        "a browser's name must not colour the terminal: {table}"
    );
    let id = SessionId::from_random([1; 16]);
    ok(folder, &with(&["session", "end", id.as_str()]), "");
    assert_eq!(count(), 1);
    assert!(
        fails(folder, &with(&["session", "end", id.as_str()]), "")
            .contains("there is no session ses_")
    );

    ok(
        folder,
        &with(&["user", "passwd", "alice", "--password-stdin"]),
        "another fine hedgehog\n",
    );
    assert_eq!(count(), 0);
    session(3).await;
    ok(folder, &with(&["user", "disable", "alice"]), "");
    ok(folder, &with(&["user", "enable", "alice"]), "");
    assert_eq!(count(), 0);
    session(4).await;
    assert_eq!(
        ok(folder, &with(&["session", "end", "--user", "alice"]), ""),
        "ended 1 session of `alice`\n"
    );
}

#[test]
fn clients_are_added_changed_listed_and_removed() {
    let folder = folder();
    let folder = folder.path();
    add_client(
        folder,
        "web",
        &[
            "--origin",
            "https://ui.example.com",
            "--resource",
            "https://api.example.com/iam",
            "--default-scope",
            "notes:read",
        ],
    );
    assert_eq!(
        list(folder, &["client", "list"]),
        json!([{
            "client_id": "web",
            "origins": ["https://ui.example.com"],
            "default_resource": "https://api.example.com",
            "resources": ["https://api.example.com", "https://api.example.com/iam"],
            "scopes": "account notes:read notes:write",
            "default_scopes": "notes:read",
            "ttl": 300,
        }])
    );
    ok(
        folder,
        &with(&[
            "client",
            "set",
            "web",
            "--ttl",
            "15",
            "--add-origin",
            "https://beta.example.com",
            "--remove-origin",
            "https://ui.example.com",
        ]),
        "",
    );
    ok(
        folder,
        &with(&[
            "client",
            "set",
            "web",
            "--add-resource",
            "urn:example:x",
            "--default-resource",
            "urn:example:x",
            "--remove-resource",
            "https://api.example.com",
        ]),
        "",
    );
    ok(
        folder,
        &with(&[
            "client",
            "set",
            "web",
            "--scope",
            "a b",
            "--default-scope",
            "b",
        ]),
        "",
    );
    assert_eq!(
        list(folder, &["client", "list"]),
        json!([{
            "client_id": "web",
            "origins": ["https://beta.example.com"],
            "default_resource": "urn:example:x",
            "resources": ["https://api.example.com/iam", "urn:example:x"],
            "scopes": "a b",
            "default_scopes": "b",
            "ttl": 15,
        }])
    );
    ok(folder, &with(&["client", "remove", "web"]), "");
    assert_eq!(list(folder, &["client", "list"]), json!([]));
}

#[test]
fn a_client_that_would_be_unsafe_or_useless_is_refused_with_what_would_be_right() {
    let folder = folder();
    let folder = folder.path();
    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    let add = |args: &[&str]| {
        let mut all = vec!["client", "add", "other"];
        all.extend(args);
        if !args.contains(&"--resource") {
            all.extend(["--resource", "https://api.example.com"]);
        }
        if !args.contains(&"--scope") {
            all.extend(["--scope", "a b"]);
        }
        run(folder, &with(&all), "")
    };
    let origin = ["--origin", "https://other.example.com"];
    for (args, code, why) in [
        (
            vec!["--origin", "https://ui.example.com"],
            1,
            "belongs to client `web` already",
        ),
        (
            vec!["--origin", "https://api.example.com"],
            1,
            "the origin of the service itself",
        ),
        (
            vec!["--origin", "https://other.example.com/"],
            2,
            "write `https://other.example.com`",
        ),
        (
            vec!["--origin", "https://OTHER.example.com"],
            2,
            "write `https://other.example.com`",
        ),
        (
            vec!["--origin", "https://other.example.com:443"],
            2,
            "write `https://other.example.com`",
        ),
        (
            vec!["--origin", "http://other.example.com"],
            2,
            "use `https://other.example.com`",
        ),
        (vec!["--origin", "null"], 2, "sandboxed"),
        (vec!["--origin", "*"], 2, "no wildcards"),
        (vec![origin[0], origin[1], "--ttl", "4"], 2, "5..=300"),
        (vec![origin[0], origin[1], "--ttl", "301"], 2, "5..=300"),
        (
            vec![origin[0], origin[1], "--scope", "a  b"],
            2,
            "separated by single spaces",
        ),
        (
            vec![origin[0], origin[1], "--default-scope", "a c"],
            1,
            "go beyond the scopes of the client: c",
        ),
        (
            vec![
                origin[0],
                origin[1],
                "--resource",
                "https://api.example.com#x",
            ],
            2,
            "no fragment",
        ),
        (
            vec![origin[0], origin[1], "--resource", "/notes"],
            2,
            "a resource is the address of an API",
        ),
        (
            vec![
                origin[0],
                origin[1],
                "--default-resource",
                "https://else.example.com",
            ],
            1,
            "not among its resources",
        ),
        (vec![], 2, "--origin"),
    ] {
        let said = add(&args);
        assert_eq!(
            (said.code, said.out.as_str()),
            (code, ""),
            "{args:?}\n{}",
            said.err
        );
        assert!(said.err.contains(why), "{args:?}\n{}", said.err);
    }
    assert!(
        run(
            folder,
            &with(&[
                "client",
                "add",
                "web",
                "--origin",
                "https://x.example.com",
                "--resource",
                "urn:x:y",
                "--scope",
                "a"
            ]),
            ""
        )
        .err
        .contains("there is a client `web` already")
    );
    assert!(
        run(folder, &with(&["client", "set", "web"]), "").code == 2,
        "nothing to change"
    );
    assert!(
        fails(
            folder,
            &with(&["client", "set", "nobody", "--ttl", "5"]),
            ""
        )
        .contains("there is no client `nobody`")
    );
    assert!(
        fails(
            folder,
            &with(&[
                "client",
                "set",
                "web",
                "--add-origin",
                "https://api.example.com"
            ]),
            ""
        )
        .contains("the origin of the service itself")
    );
    assert!(
        fails(
            folder,
            &with(&[
                "client",
                "set",
                "web",
                "--remove-origin",
                "https://ui.example.com"
            ]),
            ""
        )
        .contains("at least one origin")
    );
    assert!(
        fails(
            folder,
            &with(&[
                "client",
                "set",
                "web",
                "--remove-origin",
                "https://x.example.com"
            ]),
            ""
        )
        .contains("it has https://ui.example.com")
    );

    let elsewhere = add(&["--origin", "https://ui.example.org"]);
    assert_eq!(elsewhere.code, 0);
    assert!(
        elsewhere.err.contains("different sites"),
        "{}",
        elsewhere.err
    );
}

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

#[test]
fn changes_are_made_while_the_service_runs_and_keys_are_listed() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let mut server = Server::start(folder, &with(&["serve"]), &[]);
    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    ok(folder, &with(&["client", "set", "web", "--ttl", "15"]), "");
    add_user(folder, "bob");

    let keys = list(folder, &["keys", "list"]);
    assert_eq!(
        (&keys[0]["alg"], keys.as_array().unwrap().len()),
        (&json!("ES256"), 1)
    );
    let mut names: Vec<_> = keys[0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "alg",
            "created_at",
            "gone_at",
            "kid",
            "signs_from",
            "signs_until",
            "state"
        ],
        "no private part"
    );
    let table = ok(folder, &["keys", "list", DB[0], DB[1]], "");
    assert!(table.contains(keys[0]["kid"].as_str().unwrap()), "{table}");

    let login = |name: &str| {
        let body = json!({ "username": name, "password": PASSWORD.trim_end() }).to_string();
        server.request(
            "POST",
            "/iam/passwordlogin",
            &[
                ("Origin", "https://ui.example.com"),
                ("Content-Type", "application/json"),
            ],
            &body,
        )
    };
    assert_eq!(
        login("bob").status,
        200,
        "a user and a client that came after the start"
    );
    ok(folder, &with(&["user", "disable", "bob"]), "");
    assert_eq!(login("bob").status, 401);
    assert_eq!(login("alice").status, 200);
    ok(folder, &with(&["client", "remove", "web"]), "");
    assert_eq!(login("alice").status, 403);
    server.stop();
}

#[test]
fn a_running_service_takes_over_the_keys_that_the_command_line_makes() {
    let folder = folder();
    let folder = folder.path();
    let mut server = Server::start(folder, &with(&["serve"]), &[]);
    let published = || {
        let set = server
            .request("GET", "/iam/.well-known/jwks.json", &[], "")
            .json();
        let keys = set["keys"].as_array().unwrap().clone();
        let kids = keys
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let wait_for = |kids: &[&str]| {
        for _ in 0..300 {
            if published() == kids {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{:?} instead of {kids:?}", published());
    };
    let states = || {
        let keys = list(folder, &["keys", "list"]);
        let states = keys
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    let first = published();
    assert_eq!(states(), ["active"]);

    let second = ok(folder, &with(&["keys", "rotate"]), "");
    wait_for(&[&first[0], second.trim()]);
    assert_eq!(states(), ["active", "pending"]);
    let keys = list(folder, &["keys", "list"]);
    let refused = fails(folder, &with(&["keys", "rotate"]), "");
    assert!(refused.contains("too soon"), "{refused}");
    assert!(
        refused.contains(keys[1]["signs_from"].as_str().unwrap()),
        "the earliest time: {refused}"
    );
    assert_eq!(states(), ["active", "pending"]);

    let said = run(folder, &with(&["keys", "rotate", "--emergency"]), "");
    assert_eq!(said.code, 0, "{}", said.err);
    for consequence in [
        "withdrawn",
        "within 5 s",
        "Tokens in circulation are refused",
        "up to 300 s",
    ] {
        assert!(said.err.contains(consequence), "{}", said.err);
    }
    wait_for(&[said.out.trim()]);
    assert_eq!(states(), ["active"]);
    server.stop();
}

#[cfg(unix)]
#[test]
fn c074_the_encryption_key_is_made_for_the_owner_alone_and_weak_or_open_ones_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = folder();
    let folder = folder.path();
    let file = folder.join("iam.db.key");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    Server::start(folder, &with(&["serve"]), &[]).stop();
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    mode(0o644).unwrap();
    let refused = fails(folder, &with(&["serve"]), "");
    assert!(refused.contains("chmod 600"), "{refused}");
    mode(0o600).unwrap();
    let zeros = "A".repeat(43);
    for (key, why) in [
        ("changeme", "32 random bytes"),
        (zeros.as_str(), "no random key"),
    ] {
        let output = ops_support::command(folder)
            .args(with(&["serve"]))
            .env("SESSIONMINT_KEYS_ENCRYPTION_KEY", key)
            .output()
            .unwrap();
        let said = ops_support::Said::from(output);
        assert_eq!(said.code, 1);
        assert!(said.err.contains(why), "{}", said.err);
        assert!(!said.err.contains(key), "{}", said.err);
    }
    std::fs::rename(&file, folder.join("elsewhere.key")).unwrap();
    let refused = fails(folder, &with(&["serve"]), "");
    assert!(refused.contains("put the file back"), "{refused}");
    let config = std::fs::read_to_string(folder.join("iam.toml")).unwrap();
    let config = format!("{config}[keys]\nencryption_key_file = \"elsewhere.key\"\n");
    std::fs::write(folder.join("iam.toml"), config).unwrap();
    Server::start(folder, &with(&["serve"]), &[]).stop();
}
