//! `sessionmint audit list`: what operators and a running service leave behind, how it is found, and how it is shown.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::path::Path;
use std::time::Duration;

use ops_support::service::{App, PASSWORD, folder, login, serve};
use ops_support::{Said, command, fails, ok, run, send};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::time::Instant;

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--config", "iam.toml"]].concat()
}

fn list(folder: &Path, more: &[&str]) -> Vec<Value> {
    let args = [&["audit", "list", "--json"], more].concat();
    let lines = ok(folder, &with(&args), "");
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Kinds and reasons, newest first.
fn what(records: &[Value]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|record| {
            (
                record["kind"].as_str().unwrap(),
                record["reason"].as_str().unwrap_or(""),
            )
        })
        .collect()
}

#[test]
fn c151_acts_at_the_command_line_are_the_operators() {
    let folder = folder();
    let at = folder.path();
    let user = |args: &[&str], input: &str| ok(at, &with(&[&["user"], args].concat()), input);
    user(&["set", "ann", "--scope", "notes:read"], "");
    user(
        &["passwd", "ann", "--password-stdin"],
        "nine large porcupines",
    );
    user(&["disable", "ann"], "");
    user(&["enable", "ann"], "");
    ok(at, &with(&["client", "set", "web", "--ttl", "60"]), "");
    ok(at, &with(&["client", "remove", "web"]), "");
    let removed = Said::from(
        command(at)
            .args(with(&["user", "remove", "ann"]))
            .env("SUDO_USER", "margaret")
            .output()
            .unwrap(),
    );
    assert_eq!(removed.code, 0, "{}", removed.err);

    let records = list(at, &[]);
    assert_eq!(
        what(&records),
        [
            ("user.removed", ""),
            ("client.removed", ""),
            ("client.changed", ""),
            ("user.enabled", ""),
            ("user.disabled", ""),
            ("password.changed", ""),
            ("user.scopes-changed", ""),
            ("client.added", ""),
            ("user.added", ""),
        ]
    );
    for record in &records {
        assert_eq!(record["actor"]["type"], "operator", "{record}");
        assert_eq!(record["network"], Value::Null);
    }
    let me = records[1]["actor"]["id"].as_str().unwrap();
    assert_eq!(
        records[0]["actor"]["id"],
        format!("margaret as {me}"),
        "behind sudo both are named"
    );
    assert_eq!(records[2]["details"]["ttl"], 60);
    assert_eq!(records[6]["details"]["scopes"], "notes:read");

    // Of who was removed the id is left, which the command has told, and the name is nowhere.
    let id = records[0]["user_id"].as_str().unwrap();
    assert!(removed.out.contains(id), "{}", removed.out);
    let of_id = list(at, &["--user", id]);
    assert_eq!(of_id.len(), 6);
    for record in &of_id {
        assert_eq!(
            (&record["user_id"], &record["username"]),
            (&json!(id), &Value::Null)
        );
        assert!(!record.to_string().contains("ann"), "{record}");
    }
    let refused = fails(at, &with(&["audit", "list", "--user", "ann"]), "");
    assert!(refused.contains("there is no user `ann`"), "{refused}");
}

#[test]
fn c151_what_the_service_saw_is_listed_with_every_documented_field() {
    let folder = folder();
    let at = folder.path();
    let mut server = serve(at, &[]);
    let app = App(server.address);
    let cookie = login(&server, "ann", PASSWORD).session();
    for _ in 0..3 {
        assert_eq!(app.login("ann", "wrong").unwrap().status, 401);
    }
    let headers = [
        ("Origin", "https://evil.example.com"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let body = "grant_type=session";
    let denied = send(server.address, "POST", "/iam/oauth/token", &headers, body).unwrap();
    assert_eq!(denied.status, 403);
    app.logout(&cookie).unwrap();
    // What was refused is written at the end at the latest.
    server.stop();

    let records = list(
        at,
        &["--kind", "sign-in", "--kind", "session", "--kind", "origin"],
    );
    let mut found = what(&records);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("origin.refused", "not-registered"),
            ("session.ended", "sign-out"),
            ("sign-in.failed", "rejected"),
            ("sign-in.succeeded", ""),
        ]
    );
    for record in &records {
        let mut fields: Vec<_> = record.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "actor",
                "at",
                "attempts",
                "client_id",
                "details",
                "id",
                "key_id",
                "kind",
                "network",
                "reason",
                "session_id",
                "user_id",
                "username",
            ]
        );
        assert_eq!(record["network"], "127.0.0.1");
        let time = record["at"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    let one = |kind: &str| records.iter().find(|r| r["kind"] == kind).unwrap();
    let failed = one("sign-in.failed");
    assert_eq!(
        (
            &failed["attempts"],
            &failed["username"],
            &failed["client_id"]
        ),
        (&json!(3), &json!("ann"), &json!("web"))
    );
    assert_eq!(failed["actor"], json!({ "type": "nobody", "id": null }));
    let refused = one("origin.refused");
    assert_eq!(refused["details"]["origin"], "https://evil.example.com");
    let ended = one("session.ended");
    assert_eq!(ended["session_id"], one("sign-in.succeeded")["session_id"]);
    assert_eq!(ended["actor"]["id"], ended["user_id"]);

    let service = list(at, &["--kind", "key.added"]);
    assert_eq!(
        service[0]["actor"],
        json!({ "type": "service", "id": null })
    );
    assert!(service[0]["key_id"].is_string());
}

#[test]
fn c151_records_are_found_by_time_kind_and_number() {
    let folder = folder();
    let at = folder.path();
    for scope in ["a", "b", "c"] {
        ok(at, &with(&["user", "set", "ann", "--scope", scope]), "");
    }
    Connection::open(at.join("iam.db"))
        .unwrap()
        .execute_batch("UPDATE audit SET at = at - 7200000 WHERE details LIKE '%\"a\"%'")
        .unwrap();
    let scopes = |more: &[&str]| -> Vec<String> {
        let args = [&["--kind", "user.scopes-changed"], more].concat();
        let records = list(at, &args);
        let scopes = records.iter().map(|r| r["details"]["scopes"].as_str());
        scopes.map(|scope| scope.unwrap().to_owned()).collect()
    };
    assert_eq!(scopes(&[]), ["c", "b", "a"]);
    assert_eq!(scopes(&["--since", "1h"]), ["c", "b"]);
    assert_eq!(scopes(&["--until", "1h"]), ["a"]);
    assert_eq!(
        scopes(&["--since", "3h", "--until", "1h", "--user", "ann"]),
        ["a"]
    );
    assert_eq!(
        scopes(&["--since", "2000-01-01", "--until", "2001-01-01T08:00:00Z"]).len(),
        0
    );
    assert_eq!(scopes(&["--limit", "2"]), ["c", "b"]);

    let said = run(at, &with(&["audit", "list", "--limit", "1"]), "");
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    assert!(
        said.err.contains("the newest 1; there may be more"),
        "{}",
        said.err
    );

    for (args, why) in [
        (["--since", "yesterday"], "2026-01-31T08:00:00Z"),
        (["--kind", "sign"], "the kinds are sign-in.succeeded, "),
        (["--limit", "0"], "1.."),
    ] {
        let said = run(at, &with(&[&["audit", "list"], &args[..]].concat()), "");
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.contains(why), "{args:?}: {}", said.err);
    }
    let nowhere = ["audit", "list", "--database", "sqlite:no.db"];
    assert!(fails(at, &nowhere, "").contains("there is no database at no.db"));
}

#[test]
fn c151_what_comes_from_outside_neither_begins_a_line_nor_reaches_the_terminal() {
    let folder = folder();
    let at = folder.path();
    // As a record of a hostile browser and of an import from elsewhere would look like.
    let hostile = "x\r\n2026 root \u{1b}[31m\u{7f}\u{9b}31m\u{202e}ä";
    let conn = Connection::open(at.join("iam.db")).unwrap();
    let details = json!({ "user_agent": hostile }).to_string();
    conn.execute("UPDATE users SET username = ?1", [hostile])
        .unwrap();
    conn.execute(
        "UPDATE audit SET details = ?1, actor_id = ?2 WHERE kind = 'user.added'",
        [&details, hostile],
    )
    .unwrap();

    let args = ["audit", "list", "--kind", "user.added"];
    let table = ok(at, &with(&args), "");
    assert_eq!(table.lines().count(), 2, "{table:?}");
    let lines = ok(at, &with(&[&args[..], &["--json"]].concat()), "");
    assert_eq!(lines.lines().count(), 1, "{lines:?}");
    for text in [&table, &lines] {
        let bad = text
            .chars()
            .find(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}'));
        assert_eq!(bad, None, "{text:?}");
        assert!(text.contains('ä'), "{text:?}");
    }
    let record: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(
        record["details"]["user_agent"], hostile,
        "as data it is whole"
    );
    assert_eq!(record["username"], hostile);
    assert_eq!(record["actor"]["id"], hostile);
}

#[test]
fn c151_old_records_are_removed_when_their_days_are_over() {
    let folder = folder();
    let at = folder.path();
    Connection::open(at.join("iam.db"))
        .unwrap()
        .execute_batch("UPDATE audit SET at = at - 2 * 86400000 - 60000 WHERE kind = 'user.added'")
        .unwrap();
    let kinds = || {
        let records = list(at, &["--kind", "user", "--kind", "client"]);
        records
            .iter()
            .map(|r| r["kind"].to_string())
            .collect::<Vec<_>>()
    };
    for (days, left) in [("3", 2), ("2", 1)] {
        let mut server = serve(at, &[("SESSIONMINT_AUDIT_KEEP_DAYS", days)]);
        let cookie = login(&server, "ann", PASSWORD).session();
        // The first round is at the start.
        let begun = Instant::now();
        while kinds().len() != left && begun.elapsed() < Duration::from_secs(30) {
            App(server.address).is_signed_in(&cookie);
        }
        assert_eq!(kinds().len(), left, "{days}");
        server.stop();
    }
    assert_eq!(kinds(), ["\"client.added\""]);
}

#[test]
fn c151_a_restore_is_recorded_and_says_where_the_records_since_are() {
    let folder = folder();
    let at = folder.path();
    ok(at, &with(&["backup", "monday.db"]), "");
    ok(at, &with(&["user", "disable", "ann"]), "");
    let said = run(at, &with(&["restore", "monday.db", "--force"]), "");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err
            .contains("audit list --database sqlite:iam.db.replaced-1"),
        "{}",
        said.err
    );
    let records = list(at, &[]);
    let restored = ("database.restored", "");
    assert_eq!(
        what(&records),
        [restored, ("client.added", ""), ("user.added", "")]
    );
    assert_eq!(records[0]["actor"]["type"], "operator");
    let until = records[0]["details"]["recorded_until"].as_i64().unwrap();
    assert!(until > 1_700_000_000, "{until}");

    let args = [
        "audit",
        "list",
        "--json",
        "--database",
        "sqlite:iam.db.replaced-1",
    ];
    let replaced = ok(at, &args, "");
    assert!(replaced.contains("user.disabled"), "{replaced}");
}

#[test]
fn the_document_names_every_kind_reason_and_field() {
    let document = include_str!("../AUDIT.md");
    let words = sessionmint_store::AuditKind::ALL
        .iter()
        .map(|kind| kind.as_str());
    let reasons = sessionmint_store::AuditReason::ALL
        .iter()
        .map(|reason| reason.as_str());
    for word in words.chain(reasons) {
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
    let folder = folder();
    for field in list(folder.path(), &[])[0].as_object().unwrap().keys() {
        assert!(document.contains(&format!("| `{field}` |")), "{field}");
    }
}
