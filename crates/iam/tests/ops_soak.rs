//! Use for a while: what the service holds does not grow with what it has done.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::fs;
use std::path::Path;

use ops_support::service::{App, ISSUER, ORIGIN, PASSWORD, folder, serve};
use ops_support::{Server, send};
use rusqlite::Connection;

/// What the process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    kib: u64,
    files: usize,
    threads: u64,
}

fn held(server: &Server) -> Held {
    let process = format!("/proc/{}", server.id());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    };
    Held {
        kib: number("VmRSS:"),
        files: fs::read_dir(format!("{process}/fd")).unwrap().count(),
        threads: number("Threads:"),
    }
}

fn metric(server: &Server, series: &str) -> f64 {
    let text = server.admin("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("no {series}:\n{text}"));
    value.trim().parse().unwrap()
}

/// Sign-ins, wrong ones among them, mints of each session, a list, a sign-out, and what is refused.
fn use_it(app: App, sign_ins: usize, mints: usize) {
    for round in 0..sign_ins {
        let cookie = app.login("ann", PASSWORD).unwrap().session();
        for _ in 0..mints {
            assert_eq!(app.mint(&cookie, "&idle_for=0").unwrap().status, 200);
        }
        assert_eq!(app.mint("no-session", "").unwrap().status, 401);
        assert_eq!(app.mint(&cookie, "&scope=beyond").unwrap().status, 400);
        let account = format!("&resource={ISSUER}&scope=account");
        let minted = app.mint(&cookie, &account).unwrap().json();
        let bearer = format!("Bearer {}", minted["access_token"].as_str().unwrap());
        let headers = [("Origin", ORIGIN), ("Authorization", bearer.as_str())];
        let listed = send(app.0, "GET", "/iam/sessions", &headers, "").unwrap();
        assert_eq!(listed.status, 200, "{}", listed.body);
        // Every other one is left to the limit of sessions a user may have.
        if round % 2 == 0 {
            assert_eq!(app.logout(&cookie).unwrap().status, 204);
        }
        if round % 8 == 0 {
            let name = format!("nobody{round}");
            assert!(matches!(
                app.login(&name, "wrong").unwrap().status,
                401 | 429
            ));
        }
    }
}

fn sessions(folder: &Path) -> i64 {
    let database = Connection::open(folder.join("iam.db")).unwrap();
    let count = "SELECT count(*) FROM sessions";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn c168_after_thousands_of_requests_nothing_has_grown() {
    let folder = folder();
    let variables = [
        ("SESSIONMINT_ADMIN_LISTEN", "127.0.0.1:0"),
        ("SESSIONMINT_SESSIONS_MINTS_PER_MINUTE", "100000"),
        ("SESSIONMINT_SESSIONS_MAX_PER_USER", "10"),
    ];
    let mut server = serve(folder.path(), &variables);
    let app = App(server.address);
    // Caches, pools and the allocator are filled by the first round.
    use_it(app, 30, 10);
    let before = held(&server);
    for _ in 0..4 {
        use_it(app, 30, 20);
    }
    let after = held(&server);
    let both = format!("{before:?}, then {after:?}");
    assert!(after.kib < before.kib + 16 * 1024, "{both}");
    assert!(after.files <= before.files + 4, "{both}");
    assert!(after.threads <= before.threads + 8, "{both}");

    assert!(sessions(folder.path()) <= 10);
    let minted = metric(
        &server,
        "sessionmint_tokens_total{grant=\"session\",outcome=\"minted\"}",
    );
    assert_eq!(minted, f64::from(30 * 11 + 4 * 30 * 21));
    let remembered = |table: &str| {
        metric(
            &server,
            &format!("sessionmint_limiter_entries{{table=\"{table}\"}}"),
        )
    };
    // One bucket a session until the next clean-up, which comes after a thousand mints; of a failed sign-in one of the
    // account, one of the account there, and one of the network; of a right one the last stays for the others.
    assert!((1.0..=1024.0).contains(&remembered("mints")));
    assert!(
        (1.0..=15.0).contains(&remembered("sign_ins")),
        "{}",
        remembered("sign_ins")
    );
    assert!(metric(&server, "sessionmint_connections") < 8.0);
    assert_eq!(metric(&server, "sessionmint_log_lines_dropped_total"), 0.0);
    server.stop();
}
