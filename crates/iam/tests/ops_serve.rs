//! The running service: how it starts, what it refuses to start with, how it ends, what it writes down.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use ops_support::service::{ORIGIN, PASSWORD, folder, login, mint, serve};
use ops_support::{Answer, Server, fails, ok, run};
use serde_json::{Value, json};

/// Sends all but the end of a sign-in and waits until its handler asks for the body: from then on it is in flight.
fn begin_login(server: &Server) -> (TcpStream, String) {
    let body = json!({ "username": "ann", "password": PASSWORD }).to_string();
    let mut stream = server.connect();
    let head = format!(
        "POST /iam/passwordlogin HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut seen = [0; 25];
    stream.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"HTTP/1.1 100 Continue\r\n\r\n");
    (stream, body)
}

/// With an admin listener on a free port.
const ADMIN: [(&str, &str); 1] = [("SESSIONMINT_ADMIN_LISTEN", "127.0.0.1:0")];

#[test]
fn readiness_ends_when_the_service_begins_to_stop_while_requests_are_finished() {
    let folder = folder();
    let mut server = serve(folder.path(), &ADMIN);
    let ready = server.admin("/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let (mut stream, body) = begin_login(&server);

    server.signal("TERM");
    server.wait_for_log("SIGTERM: stopping");
    let draining = server.admin("/readyz");
    assert_eq!(draining.status, 503, "{}", draining.body);
    assert_eq!(server.admin("/healthz").status, 200);
    assert!(
        server
            .admin("/metrics")
            .body
            .contains("\nsessionmint_draining 1\n")
    );

    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(Answer::read(stream).status, 200);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log_so_far);
}

#[test]
fn the_running_service_measures_its_store_its_connections_and_its_password_checks() {
    let folder = folder();
    let mut server = serve(folder.path(), &ADMIN);
    let cookie = login(&server, "ann", PASSWORD).session();
    assert_eq!(mint(&server, &cookie, "").status, 200);
    let idle = server.connect();
    let (stream, _) = begin_login(&server);
    let answer = server.admin("/metrics");
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    let value = |series: &str| -> f64 {
        let mut lines = answer.body.lines();
        let line = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series}:\n{}", answer.body))
            .parse()
            .unwrap()
    };
    let store = |kind: &str, end: &str| {
        value(&format!(
            "sessionmint_store_command_seconds_count{{kind=\"{kind}\",end=\"{end}\"}}"
        ))
    };
    assert!(store("read", "answered") >= 3.0 && store("write", "answered") >= 1.0);
    assert_eq!(store("read", "failed") + store("write", "failed"), 0.0);
    assert_eq!(
        value("sessionmint_store_commands_under_way{kind=\"write\"}"),
        0.0
    );
    assert!(value("sessionmint_connections") >= 2.0);
    assert!(value("sessionmint_password_hash_permits") >= 1.0);
    assert_eq!(
        value("sessionmint_tokens_total{grant=\"session\",outcome=\"minted\"}"),
        1.0
    );
    assert!(answer.body.contains("sessionmint_build_info{version=\""));
    drop((idle, stream));
    server.stop();
}

#[test]
fn an_admin_address_that_others_reach_needs_to_say_who_may_ask() {
    let folder = folder();
    let refuse = |text: &str| {
        let path = folder.path().join("admin.toml");
        std::fs::write(
            path,
            format!("issuer = \"https://a.example\"\ndatabase = \"sqlite:x.db\"\n{text}"),
        )
        .unwrap();
        fails(
            folder.path(),
            &["config", "check", "--config", "admin.toml"],
            "",
        )
    };
    let said = refuse("[admin]\nlisten = \"0.0.0.0:9090\"\n");
    assert!(
        said.contains("admin.toml:4") && said.contains("`admin.allow`"),
        "{said}"
    );
    let said = refuse("[admin]\nlisten = \"0.0.0.0:9090\"\nallow = [\"0.0.0.0/0\"]\n");
    assert!(said.contains("trusts the whole internet"), "{said}");
    let said = refuse("[admin]\nlisten = \"localhost\"\n");
    assert!(
        said.contains("`admin.listen` is an IP address and a port"),
        "{said}"
    );
}

#[test]
fn graceful_shutdown_finishes_the_request_in_flight_and_accepts_no_other() {
    for signal in ["TERM", "INT"] {
        let folder = folder();
        let mut server = serve(folder.path(), &[]);
        let mut idle = server.connect();
        let (mut stream, body) = begin_login(&server);

        server.signal(signal);
        server.wait_for_log(&format!("SIG{signal}: stopping"));
        assert_eq!(
            idle.read(&mut [0; 1]).unwrap(),
            0,
            "an idle connection is closed at once"
        );
        assert!(
            TcpStream::connect(server.address).is_err(),
            "nothing new is accepted"
        );

        stream.write_all(body.as_bytes()).unwrap();
        let answer = Answer::read(stream);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.session();
        assert_eq!(server.wait().code(), Some(0), "{}", server.log_so_far);
        assert!(server.log_so_far.contains("all requests are finished"));

        // The session that was acknowledged is there after the restart.
        let mut again = serve(folder.path(), &[]);
        assert_eq!(mint(&again, &answer.session(), "").status, 200);
        again.stop();
    }
}

#[test]
fn a_second_signal_cuts_off_what_hangs() {
    let folder = folder();
    let mut server = serve(folder.path(), &[]);
    let (_hanging, _) = begin_login(&server);
    server.signal("TERM");
    server.wait_for_log("SIGTERM: stopping");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1), "{}", server.log_so_far);
}

#[test]
fn c166_no_default_secrets_or_users() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let error = fails(folder, &["serve"], "");
    assert!(
        error.contains("no issuer") && error.contains("no database"),
        "{error}"
    );

    let start = |name: &str| {
        let database = format!("sqlite:{name}.db");
        let variables = [("SESSIONMINT_ISSUER", "http://localhost:4181/iam")];
        let mut server = Server::start(
            folder,
            &["serve", "--database", &database, "--listen", "127.0.0.1:0"],
            &variables,
        );
        let jwks = server
            .request("GET", "/iam/.well-known/jwks.json", &[], "")
            .json();
        for (name, password) in [
            ("admin", "admin"),
            ("root", ""),
            ("dev", "dev"),
            ("", ""),
            ("demo", "password"),
        ] {
            let answer = login(&server, name, password);
            assert!(
                answer.header("set-cookie").is_none() && answer.status >= 400,
                "{name}: {}",
                answer.body
            );
        }
        server.stop();
        for subject in ["user", "client", "session"] {
            let listed: Value = serde_json::from_str(&ok(
                folder,
                &[subject, "list", "--json", "--database", &database],
                "",
            ))
            .unwrap();
            assert_eq!(listed, json!([]), "a fresh database has no {subject}");
        }
        jwks
    };
    let (one, other) = (start("one"), start("other"));
    assert_eq!(one["keys"].as_array().unwrap().len(), 1);
    assert_ne!(
        one["keys"][0]["x"], other["keys"][0]["x"],
        "each installation makes a key of its own"
    );
    assert_eq!(start("one"), one, "and keeps it");
}

#[test]
fn c022_no_secret_is_in_the_log_or_the_database() {
    for format in ["text", "json"] {
        let folder = folder();
        let at = folder.path();
        let mut server = serve(
            at,
            &[
                ("SESSIONMINT_LOG_FILTER", "trace"),
                ("SESSIONMINT_LOG_FORMAT", format),
            ],
        );

        let mut secrets = vec![
            PASSWORD.to_owned(),
            "a wrong guess".to_owned(),
            "typed into the name".to_owned(),
        ];
        assert_eq!(login(&server, "ann", "a wrong guess").status, 401);
        assert_eq!(login(&server, "typed into the name", PASSWORD).status, 401);
        let first = login(&server, "ann", PASSWORD).session();
        let second = login(&server, "ann", PASSWORD).session();
        let token = |answer: &Answer| answer.json()["access_token"].as_str().unwrap().to_owned();
        let api = token(&mint(&server, &first, "&idle_for=0"));
        let account = token(&mint(
            &server,
            &second,
            "&resource=http%3A%2F%2Fapi.app.localhost%3A4181%2Fiam&scope=account",
        ));
        mint(&server, "made-up-cookie-value", "");
        mint(&server, &first, "&scope=beyond");
        let bearer = |token: &str| format!("Bearer {token}");
        assert_eq!(
            server
                .request(
                    "GET",
                    "/iam/userinfo",
                    &[("Authorization", &bearer(&account))],
                    ""
                )
                .status,
            200
        );
        assert_eq!(
            server
                .request(
                    "GET",
                    "/iam/userinfo",
                    &[("Authorization", &bearer(&api))],
                    ""
                )
                .status,
            401
        );
        server.request(
            "GET",
            &format!("/iam/userinfo?access_token={account}"),
            &[],
            "",
        );
        let cookie = format!("__Host-Http-sid={first}");
        assert_eq!(
            server
                .request(
                    "POST",
                    "/iam/logout",
                    &[("Origin", ORIGIN), ("Cookie", &cookie)],
                    ""
                )
                .status,
            204
        );
        server.stop();

        secrets.extend(["made-up-cookie-value".to_owned(), first, second]);
        for token in [api, account] {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            secrets.extend([
                signed.split_once('.').unwrap().1.to_owned(),
                signature.to_owned(),
            ]);
        }
        let log = &server.log_so_far;
        assert!(
            log.contains("grant") && log.contains("listening on"),
            "it does log"
        );
        if format == "json" {
            assert!(
                log.lines()
                    .all(|line| serde_json::from_str::<Value>(line).is_ok()),
                "{log}"
            );
        }
        let mut places = vec![("the log".to_owned(), log.clone().into_bytes())];
        for file in std::fs::read_dir(at).unwrap().map(Result::unwrap) {
            places.push((
                file.file_name().to_string_lossy().into_owned(),
                std::fs::read(file.path()).unwrap(),
            ));
        }
        assert!(places.len() >= 3);
        for (place, bytes) in &places {
            for secret in &secrets {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {place}");
            }
        }
    }
}

#[test]
fn who_cannot_tell_clients_apart_is_told_so_at_the_start() {
    let folder = folder();
    let start = |listen: &str, variables: &[(&str, &str)]| {
        let mut server = Server::start(
            folder.path(),
            &["serve", "--config", "iam.toml", "--listen", listen],
            variables,
        );
        server.stop();
        server.log_so_far.clone()
    };
    let warned = |log: &str| log.contains("WARN") && log.contains("`trusted_proxies` is empty");
    let https = ("SESSIONMINT_ISSUER", "https://api.example.com/iam");
    assert!(warned(&start("0.0.0.0:0", &[])));
    assert!(warned(&start("127.0.0.1:0", &[https])));
    assert!(!warned(&start("127.0.0.1:0", &[])));
    assert!(!warned(&start(
        "127.0.0.1:0",
        &[https, ("SESSIONMINT_TRUSTED_PROXIES", "127.0.0.1")]
    )));
}

#[test]
fn a_client_on_the_services_own_origin_stops_the_start() {
    let folder = folder();
    let mut child = ops_support::command(folder.path());
    child
        .args(["serve", "--config", "iam.toml"])
        .env("SESSIONMINT_ISSUER", format!("{ORIGIN}/iam"));
    let output = child.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(&format!(
            "sessionmint client set web --remove-origin {ORIGIN}"
        )),
        "{error}"
    );
}

#[test]
fn an_address_in_use_is_named() {
    let folder = folder();
    let server = serve(folder.path(), &[]);
    let error = fails(
        folder.path(),
        &[
            "serve",
            "--config",
            "iam.toml",
            "--listen",
            &server.address.to_string(),
        ],
        "",
    );
    assert!(
        error.contains(&format!(
            "cannot listen on {}: Address already in use",
            server.address
        )),
        "{error}"
    );
}

/// What `serve --dev` printed under a name.
fn printed<'a>(said: &'a str, name: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{said}"))
        .trim()
}

#[test]
fn dev_is_usable_within_the_first_minute_and_keeps_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let origin = "http://localhost:5173";
    let args = [
        "serve",
        "--dev",
        "--origin",
        origin,
        "--listen",
        "127.0.0.1:0",
    ];
    let mut server = Server::start(folder, &args, &[]);
    let issuer = format!("http://localhost:{}/iam", server.address.port());
    let try_login = |server: &Server, password: &str| {
        let body = json!({ "username": "dev", "password": password }).to_string();
        server.request(
            "POST",
            "/iam/passwordlogin",
            &[("Origin", origin), ("Content-Type", "application/json")],
            &body,
        )
    };
    server.stop();
    let said = server.said_so_far.clone();
    assert_eq!(printed(&said, "issuer"), issuer);
    assert_eq!(printed(&said, "data"), "sqlite:./.sessionmint-dev/iam.db");
    let password = printed(&said, "password").to_owned();
    assert_eq!(password.len(), 19);
    let snippet = format!("await auth.login({{ username: \"dev\", password: \"{password}\" }});");
    assert!(
        said.contains(&snippet)
            && said.contains(&format!("createTokenManager({{ iam: \"{issuer}\"")),
        "{said}"
    );
    assert!(
        !server.log_so_far.contains(&password),
        "shown to the person, not written to the log"
    );

    let mut server = Server::start(folder, &args, &[]);
    let issuer = format!("http://localhost:{}/iam", server.address.port());
    let answer = try_login(&server, &password);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = format!("__Host-Http-sid={}", answer.session());
    let form = [
        ("Origin", origin),
        ("Cookie", &cookie),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let token = server
        .request("POST", "/iam/oauth/token", &form, "grant_type=session")
        .json();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let me = server.request(
        "GET",
        "/iam/userinfo",
        &[("Origin", origin), ("Authorization", &bearer)],
        "",
    );
    assert_eq!(
        (me.status, me.header("access-control-allow-origin")),
        (200, Some(origin)),
        "{}",
        me.body
    );
    let metadata = server
        .request(
            "GET",
            "/.well-known/oauth-authorization-server/iam",
            &[],
            "",
        )
        .json();
    assert_eq!(metadata["issuer"], issuer);

    let reset = [
        "user",
        "passwd",
        "dev",
        "--password-stdin",
        "--database",
        "sqlite:./.sessionmint-dev/iam.db",
    ];
    ok(folder, &reset, "a password of my own");
    assert_eq!(try_login(&server, &password).status, 401);
    assert_eq!(try_login(&server, "a password of my own").status, 200);
    server.stop();
    assert!(!server.said_so_far.contains(&password), "shown once");
    assert!(
        server
            .said_so_far
            .contains("sessionmint user passwd dev --database sqlite:./.sessionmint-dev/iam.db")
    );
    assert_eq!(
        std::fs::read_to_string(folder.join(".sessionmint-dev/.gitignore")).unwrap(),
        "*\n"
    );
}

#[test]
fn dev_stays_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let dev = |more: &[&str]| {
        let args: Vec<&str> = ["serve", "--dev", "--origin", "http://localhost:5173"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        run(folder, &args, "")
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let said = dev(&["--listen", listen]);
        assert_eq!(said.code, 1);
        assert!(
            said.err.contains("--dev is for this machine only"),
            "{}",
            said.err
        );
    }
    std::fs::write(folder.join("iam.toml"), "").unwrap();
    assert_eq!(
        dev(&["--config", "iam.toml"]).code,
        2,
        "a configuration for real is not mixed in"
    );
    assert!(!folder.join(".sessionmint-dev").exists());
}
