//! `sessionmint role …`, `group …`, `record …` and `access check`.

use std::path::Path;

use super::support::*;

fn do_it(folder: &Path, args: &[&str]) -> String {
    ok(folder, &with(args), "")
}

/// What a command that must fail says.
fn refused(folder: &Path, args: &[&str]) -> String {
    let said = run(folder, &with(args), "");
    assert!(
        said.code != 0 && said.out.is_empty(),
        "{args:?}: {}",
        said.out
    );
    said.err
}

/// Exit status and output of a check.
fn check(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut words = vec!["access", "check"];
    words.extend(args);
    let said = run(folder, &with(&words), "");
    (said.code, said.out.trim_end().to_owned())
}

#[test]
fn an_operator_gives_a_role_to_a_group_and_asks_who_may() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "ada");
    add_user(folder, "bob");
    let add_jobs = [
        "client",
        "add",
        "jobs",
        "--grant",
        "client_credentials",
        "--resource",
        "https://api.example.com",
    ];
    do_it(
        folder,
        &[&add_jobs[..], &["--scope", "notes:read"]].concat(),
    );
    do_it(
        folder,
        &["role", "add", "reader", "--permission", "credentials:read"],
    );
    do_it(
        folder,
        &[
            "group",
            "add",
            "night",
            "--member",
            "user:ada",
            "--member",
            "client:jobs",
        ],
    );
    let path = "/user-credentials/refresh-tokens/users";
    let added = do_it(
        folder,
        &[
            "record",
            "add",
            "group:night",
            "reader",
            &format!("{path}/*"),
        ],
    );
    let id = added.trim_start_matches("added record ").trim();

    let one = format!("{path}/7");
    for who in ["user:ada", "client:jobs"] {
        assert_eq!(
            check(folder, &[who, &one, "credentials:read"]),
            (0, "allowed".to_owned())
        );
        assert_eq!(
            check(folder, &[who, &one, "credentials:write"]),
            (1, "denied".to_owned())
        );
        assert_eq!(
            check(folder, &[who, path, "credentials:read"]),
            (1, "denied".to_owned())
        );
    }
    let why = format!("allowed: role reader on {path}/* through group night (record {id})");
    assert_eq!(
        check(folder, &["user:ada", &one, "credentials:read", "--why"]),
        (0, why)
    );
    let (status, text) = check(folder, &["user:bob", &one, "credentials:read", "--json"]);
    assert_eq!(status, 1);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["allowed"], false);
    assert_eq!(json["why"]["code"], "no_records");

    do_it(folder, &["group", "add-member", "night", "user:bob"]);
    do_it(folder, &["group", "remove-member", "night", "user:ada"]);
    do_it(
        folder,
        &[
            "role",
            "set",
            "reader",
            "--add-permission",
            "credentials:list",
            "--remove-permission",
            "credentials:read",
        ],
    );
    assert_eq!(check(folder, &["user:bob", &one, "credentials:list"]).0, 0);
    assert_eq!(check(folder, &["user:bob", &one, "credentials:read"]).0, 1);
    assert_eq!(check(folder, &["user:ada", &one, "credentials:list"]).0, 1);
    do_it(folder, &["user", "disable", "bob"]);
    let denied = check(folder, &["user:bob", &one, "credentials:list", "--why"]);
    assert_eq!(denied, (1, "denied: the subject is disabled".to_owned()));

    let roles = list(folder, &["role", "list"]);
    assert_eq!(roles[0]["name"], "reader");
    assert_eq!(roles[0]["permissions"], json!(["credentials:list"]));
    assert_eq!(list(folder, &["role", "show", "reader"]), roles[0]);
    assert_eq!(list(folder, &["group", "list"])[0]["members"], 2);
    let members = list(folder, &["group", "show", "night"]);
    let names: Vec<_> = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["jobs", "bob"]);
    let records = list(
        folder,
        &[
            "record",
            "list",
            "--role",
            "reader",
            "--subject",
            "group:night",
        ],
    );
    assert_eq!(
        records,
        json!([{"id": id, "subject": "group:night", "role": "reader", "resource": format!("{path}/*")}])
    );
    let table = do_it(folder, &["group", "show", "night"]);
    assert!(
        table.contains("client:jobs") && table.contains("user:bob"),
        "{table}"
    );
    do_it(folder, &["record", "remove", id]);
    assert_eq!(list(folder, &["record", "list"]), json!([]));
    assert_eq!(
        check(folder, &["client:jobs", &one, "credentials:list"]).0,
        1
    );
}

#[test]
fn what_is_in_use_is_removed_only_when_that_is_asked_for() {
    let folder = folder();
    let folder = folder.path();
    do_it(folder, &["role", "add", "reader", "--permission", "a:read"]);
    do_it(folder, &["group", "add", "ops"]);
    do_it(folder, &["record", "add", "group:ops", "reader", "/a/**"]);
    let again = do_it(folder, &["record", "add", "group:ops", "reader", "/a/**"]);
    assert!(again.contains("says so already"), "{again}");
    let said = refused(folder, &["role", "remove", "reader"]);
    assert!(
        said.contains("in use by 1 record") && said.contains("group:ops has role reader on /a/**"),
        "{said}"
    );
    assert!(said.contains("--with-records"), "{said}");
    assert!(
        refused(folder, &["group", "remove", "ops"]).contains("in use"),
        "{said}"
    );
    do_it(folder, &["group", "remove", "ops", "--with-records"]);
    assert_eq!(list(folder, &["record", "list"]), json!([]));
    do_it(folder, &["role", "remove", "reader"]);
    assert_eq!(list(folder, &["role", "list"]), json!([]));
}

#[test]
fn mistakes_are_refused_with_what_would_be_right() {
    let folder = folder();
    let folder = folder.path();
    do_it(folder, &["role", "add", "reader", "--permission", "a:read"]);
    for (args, what) in [
        (
            &["role", "add", "reader", "--permission", "a:b"][..],
            "sessionmint role set reader",
        ),
        (
            &["role", "add", "x", "--permission", "all"],
            "`kind:action`",
        ),
        (&["role", "add", "x", "--permission", "a:*"], "no wildcards"),
        (&["role", "set", "reader"], "required"),
        (
            &["role", "set", "reader", "--remove-permission", "a:b"],
            "does not have",
        ),
        (&["role", "show", "x"], "sessionmint role list"),
        (
            &["record", "add", "group:x", "reader", "/a"],
            "sessionmint group list",
        ),
        (
            &["record", "add", "user:x", "reader", "/a"],
            "sessionmint user list",
        ),
        (
            &["record", "add", "client:x", "reader", "/a"],
            "sessionmint client list",
        ),
        (&["record", "add", "ada", "reader", "/a"], "user:NAME"),
        (
            &["record", "add", "group:x", "reader", "/a/{id}"],
            "`*` for any one segment",
        ),
        (
            &["group", "add", "g", "--member", "group:x"],
            "no groups in them",
        ),
        (
            &["record", "remove", "rec_AAAAAAAAAAAAAAAAAAAAAA"],
            "sessionmint record list",
        ),
    ] {
        let said = refused(folder, args);
        assert!(said.contains(what), "{args:?}: {said}");
    }
    assert_eq!(
        list(folder, &["group", "list"]),
        json!([]),
        "a mistake leaves no half"
    );
    // A script must not take an error for "no".
    for args in [
        &["user:nobody", "/a", "a:read"][..],
        &["user:ada", "a", "a:read"],
        &["user:ada", "/a"],
        &["group:ops", "/a", "a:read"],
    ] {
        assert_eq!(check(folder, args).0, 2, "{args:?}");
    }
}
