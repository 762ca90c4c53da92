//! `sessionmint client …`.

use super::support::*;
use crate::ops_support::Said;

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
            "kind": "browser",
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
            "kind": "browser",
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

/// Adds a service that acts for itself; what the command printed.
fn add_worker(folder: &std::path::Path, id: &str, more: &[&str]) -> Said {
    let mut args = vec!["client", "add", id, "--resource", "https://api.example.com"];
    args.extend(["--scope", "notes:read notes:write"]);
    args.extend(more);
    run(folder, &with(&args), "")
}

#[test]
fn a_client_of_the_standard_grants_is_managed_from_end_to_end() {
    let folder = folder();
    let folder = folder.path();
    let added = add_worker(
        folder,
        "worker",
        &["--grant", "client_credentials", "--json"],
    );
    let added: Value = serde_json::from_str(&added.out).unwrap();
    let secret = added["secret"].as_str().unwrap();
    assert!(secret.starts_with("sms_") && secret.len() == 47, "{secret}");

    let shown = list(folder, &["client", "show", "worker"]);
    assert_eq!(shown["kind"], "oauth");
    assert_eq!(shown["authentication"], "client_secret_basic");
    assert_eq!(shown["grants"], json!(["client_credentials"]));
    assert_eq!(shown["secrets"][0]["id"], added["secret_id"]);
    assert!(shown["subject"].as_str().unwrap().starts_with("cli_"));
    assert_eq!(list(folder, &["client", "list"]), json!([shown]));
    assert!(!shown.to_string().contains(secret));

    let second = ok(
        folder,
        &with(&["client", "rotate-secret", "worker", "--json"]),
        "",
    );
    let second: Value = serde_json::from_str(&second).unwrap();
    let refused = run(folder, &with(&["client", "rotate-secret", "worker"]), "");
    assert!(refused.err.contains("drop-secret worker"));
    let first = added["secret_id"].as_str().unwrap();
    ok(
        folder,
        &with(&["client", "drop-secret", "worker", first]),
        "",
    );
    let shown = list(folder, &["client", "show", "worker"]);
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(shown["secrets"][0]["id"], second["secret_id"]);

    let args = [
        "client",
        "set",
        "worker",
        "--add-grant",
        "token-exchange",
        "--ttl",
        "60",
        "--name",
        "Night shift",
    ];
    ok(folder, &with(&args), "");
    ok(folder, &with(&["client", "disable", "worker"]), "");
    let shown = list(folder, &["client", "show", "worker"]);
    assert_eq!(
        shown["grants"][1],
        "urn:ietf:params:oauth:grant-type:token-exchange"
    );
    assert_eq!(
        (&shown["ttl"], &shown["name"]),
        (&json!(60), &json!("Night shift"))
    );
    assert!(shown["disabled_at"].is_string());
    assert!(ok(folder, &with(&["client", "list"]), "").contains("worker (disabled)"));
    ok(folder, &with(&["client", "enable", "worker"]), "");
    assert!(list(folder, &["client", "show", "worker"])["disabled_at"].is_null());
    ok(folder, &with(&["client", "remove", "worker"]), "");
    assert_eq!(list(folder, &["client", "list"]), json!([]));
}

#[test]
fn what_makes_no_client_of_the_standard_grants_is_refused_with_what_would_be_right() {
    let folder = folder();
    let folder = folder.path();
    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    let code = ["--grant", "authorization_code"];
    let native = [&code[..], &["--auth", "none"]].concat();
    let own = ["--grant", "client_credentials"];
    for (args, code, why) in [
        (vec![], 2, "--origin <ORIGIN>|--grant <GRANT>"),
        (
            [&own[..], &["--origin", "https://x.example"]].concat(),
            2,
            "cannot be used with",
        ),
        (
            vec!["--origin", "https://x.example", "--auth", "none"],
            2,
            "cannot be used with",
        ),
        (
            vec!["--grant", "password"],
            2,
            "a grant is authorization_code",
        ),
        (
            [&own[..], &["--auth", "tls"]].concat(),
            2,
            "is not a way to authenticate",
        ),
        (
            [&own[..], &["--auth", "none"]].concat(),
            1,
            "not for public ones",
        ),
        (
            [&own[..], &["--auth", "private_key_jwt"]].concat(),
            1,
            "needs the client's public keys",
        ),
        (
            [&own[..], &["--jwks-file", "missing.json"]].concat(),
            1,
            "missing.json",
        ),
        (
            [&own[..], &["--redirect-uri", "https://app.example.com/cb"]].concat(),
            1,
            "for the grant authorization_code",
        ),
        (code.to_vec(), 1, "needs a redirect URI"),
        (
            [&code[..], &["--redirect-uri", "http://app.example.com/cb"]].concat(),
            1,
            "http://app.example.com/cb",
        ),
        (
            [&code[..], &["--redirect-uri", "com.example.app:/cb"]].concat(),
            1,
            "for a public client",
        ),
        (
            [
                &native[..],
                &["--redirect-uri", "https://ui.example.com/cb"],
            ]
            .concat(),
            1,
            "browser app `web`",
        ),
        (
            [
                &native[..],
                &[
                    "--redirect-uri",
                    "com.example.app:/cb",
                    "--grant",
                    "refresh_token",
                    "--refresh-rotation",
                    "none",
                ],
            ]
            .concat(),
            1,
            "are replaced",
        ),
    ] {
        let output = add_worker(folder, "other", &args);
        let said = &output.err;
        assert_eq!(output.code, code, "{args:?}: {said}");
        assert!(said.contains(why), "{args:?}: {said}");
    }
    let taken = add_worker(folder, "web", &own);
    assert!(taken.err.contains("there is a client `web` already"));
    for args in [
        &["client", "set", "web", "--trusted", "true"][..],
        &["client", "rotate-secret", "web"],
        &["client", "disable", "web"],
    ] {
        let said = run(folder, &with(args), "");
        assert!(said.err.contains("`web` is a browser app"), "{args:?}");
    }
    let public = [
        &native[..],
        &["--redirect-uri", "https://app.example.com/cb"],
    ]
    .concat();
    assert!(add_worker(folder, "app", &public).code == 0);
    let args = [
        "client",
        "set",
        "web",
        "--add-origin",
        "https://app.example.com",
    ];
    let said = run(folder, &with(&args), "");
    assert!(said.err.contains("the public client `app`"));
}
