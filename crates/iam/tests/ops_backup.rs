//! `sessionmint backup` and `restore` beside a service that runs, and what they say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use ops_support::service::{App, PASSWORD, folder, login, serve};
use ops_support::{fails, ok, run};

const CONFIG: [&str; 2] = ["--config", "iam.toml"];

#[test]
fn c020_a_session_that_ended_after_the_backup_stays_ended() {
    let folder = folder();
    let at = folder.path();
    let args = |more: &[&'static str]| [more, &CONFIG].concat();
    let mut server = serve(at, &[]);
    let app = App(server.address);
    let (stays, ends) = (
        login(&server, "ann", PASSWORD).session(),
        login(&server, "ann", PASSWORD).session(),
    );
    let said = ok(at, &args(&["backup", "monday.db"]), "");
    assert!(
        said.contains("wrote monday.db: ")
            && said.contains("1 user, 2 sessions, 1 client, 1 signing key"),
        "{said}"
    );
    let refused = fails(at, &args(&["backup", "monday.db"]), "");
    assert!(
        refused.contains("`monday.db` exists; `--force` replaces it"),
        "{refused}"
    );
    assert!(app.is_signed_in(&ends), "the service goes on");
    assert_eq!(app.logout(&ends).unwrap().status, 204);
    ok(
        at,
        &args(&["user", "passwd", "ann", "--password-stdin"]),
        "nine large porcupines",
    );

    let refused = fails(at, &args(&["restore", "monday.db", "--force"]), "");
    assert!(refused.contains("is in use: stop the service"), "{refused}");
    server.stop();
    let refused = fails(at, &args(&["restore", "monday.db"]), "");
    assert!(
        refused.contains("exists; `--force` replaces it"),
        "{refused}"
    );

    let said = run(at, &args(&["restore", "monday.db", "--force"]), "");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.contains("is kept as iam.db.replaced-1"),
        "{}",
        said.out
    );
    assert!(
        said.err
            .contains("2 sessions dropped, everybody signs in again"),
        "{}",
        said.err
    );
    let mut server = serve(at, &[]);
    let app = App(server.address);
    assert!(!app.is_signed_in(&stays));
    assert!(!app.is_signed_in(&ends));
    // As the help says: the password is the one of the backup.
    assert_eq!(
        app.login("ann", "nine large porcupines").unwrap().status,
        401
    );
    app.login("ann", PASSWORD).unwrap().session();
    server.stop();

    let said = run(
        at,
        &args(&["restore", "monday.db", "--force", "--keep-sessions"]),
        "",
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.contains("ended since the backup are alive again"),
        "{}",
        said.err
    );
    let mut server = serve(at, &[]);
    let app = App(server.address);
    assert!(app.is_signed_in(&stays) && app.is_signed_in(&ends));
    server.stop();
}

#[test]
fn a_backup_makes_a_service_on_another_machine() {
    let (old, new) = (folder(), tempfile::tempdir().unwrap());
    ok(
        old.path(),
        &["backup", "copy.db", "--database", "sqlite:iam.db"],
        "",
    );
    for name in ["copy.db", "iam.toml"] {
        std::fs::copy(old.path().join(name), new.path().join(name)).unwrap();
    }
    let missing = fails(new.path(), &["backup", "x.db", "--config", "iam.toml"], "");
    assert!(
        missing.contains("there is no database at iam.db"),
        "{missing}"
    );
    let missing = fails(
        new.path(),
        &["restore", "tpyo.db", "--config", "iam.toml"],
        "",
    );
    assert!(
        missing.contains("there is no backup at tpyo.db"),
        "{missing}"
    );
    ok(
        new.path(),
        &["restore", "copy.db", "--config", "iam.toml"],
        "",
    );
    let mut server = serve(new.path(), &[]);
    login(&server, "ann", PASSWORD).session();
    server.stop();
}
