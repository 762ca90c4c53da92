//! `sessionmint keys …`, and changes beside a running service.

use super::support::*;

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

#[test]
fn the_keys_of_refresh_tokens_are_replaced_by_command() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let refused = run(
        folder,
        &with(&["keys", "rotate", "--refresh", "--emergency"]),
        "",
    );
    assert_eq!(refused.code, 2);
    for version in 2..=3 {
        let name = ok(folder, &with(&["keys", "rotate", "--refresh"]), "");
        assert_eq!(name.trim(), format!("refresh-{version}"));
    }
    let records = ok(
        folder,
        &with(&["audit", "list", "--kind", "key.added", "--json"]),
        "",
    );
    assert!(records.contains(r#""refresh-3""#), "{records}");
}
