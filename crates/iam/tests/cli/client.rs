//! `sessionmint client …`.

use super::support::*;

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
