//! The running service when its process is killed or stopped under load, and when its database is locked or full:
//! what was acknowledged stays, with its record in the audit trail and no other, nobody is signed out, and it recovers by
//! itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ops_support::service::{App, PASSWORD, folder, login, serve};
use ops_support::{Answer, Server, ok};
use rusqlite::Connection;
use tokio::time::Instant;

/// So many sessions and failed sign-ins as the tests need.
const ROOM: [(&str, &str); 2] = [
    ("SESSIONMINT_SESSIONS_MAX_PER_USER", "1000"),
    ("SESSIONMINT_LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK", "1000"),
];

fn add_user(folder: &Path, name: &str) {
    let args = [
        "user",
        "add",
        name,
        "--password-stdin",
        "--config",
        "iam.toml",
    ];
    ok(folder, &args, PASSWORD);
}

/// What a browser was told of its sessions.
#[derive(Default)]
struct Ledger {
    live: Vec<String>,
    ended: Vec<String>,
}

impl Ledger {
    fn add(&mut self, other: Self) {
        self.live.extend(other.live);
        self.ended.extend(other.ended);
    }

    /// All that was acknowledged is so.
    fn check(&self, app: App) {
        for cookie in &self.live {
            assert!(app.is_signed_in(cookie), "a sign-in was lost");
        }
        for cookie in &self.ended {
            assert!(!app.is_signed_in(cookie), "an ended session lives");
        }
    }
}

/// Signs in and out for as long as there are answers and `more`. What got no answer counts neither way.
fn sign_in_and_out(app: App, more: impl Fn() -> bool, acknowledged: &AtomicU32) -> Ledger {
    let mut ledger = Ledger::default();
    while more() {
        let Ok(answer) = app.login("ann", PASSWORD) else {
            continue;
        };
        if answer.status != 503 {
            ledger.live.push(answer.session());
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        if ledger.live.len() > 1 {
            let cookie = ledger.live.remove(0);
            if let Ok(answer) = app.logout(&cookie) {
                assert_eq!(answer.status, 204, "{}", answer.body);
                ledger.ended.push(cookie);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    ledger
}

/// The password of a user who changes it all the time.
struct Passwords {
    acknowledged: String,
    /// One that the service was asked for and did not answer.
    perhaps: Option<String>,
    number: u32,
}

impl Passwords {
    /// Changes the password until an answer stays away. Each change ends the user's other session.
    fn change(&mut self, app: App, acknowledged: &AtomicU32) -> std::io::Result<Vec<String>> {
        let mut ended = Vec::new();
        loop {
            let signed_in = app
                .login("pat", &self.acknowledged)
                .and_then(|other| Ok((other, app.login("pat", &self.acknowledged)?)));
            let Ok((other, own)) = signed_in else {
                return Ok(ended);
            };
            if [other.status, own.status].contains(&503) {
                continue;
            }
            self.number += 1;
            let new = format!("{} very large porcupines", self.number);
            self.perhaps = Some(new.clone());
            match app.change_password(&own.session(), &self.acknowledged, &new) {
                Err(_) => return Ok(ended),
                Ok(answer) if answer.status == 503 => self.perhaps = None,
                Ok(answer) => {
                    assert_eq!(answer.status, 204, "{}", answer.body);
                    (self.acknowledged, self.perhaps) = (new, None);
                    ended.push(other.session());
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// The password that was acknowledged last is the one, or the one that came after it.
    fn check(&mut self, app: App) {
        let perhaps = self.perhaps.take();
        let is = |password: &str| app.login("pat", password).unwrap().status == 200;
        match perhaps {
            Some(perhaps) if is(&perhaps) => self.acknowledged = perhaps,
            _ => assert!(is(&self.acknowledged), "a password change was lost"),
        }
    }
}

#[test]
fn c158_what_was_acknowledged_survives_twenty_kills_under_load() {
    let folder = folder();
    add_user(folder.path(), "pat");
    let mut all = Ledger::default();
    let mut passwords = Passwords {
        acknowledged: PASSWORD.to_owned(),
        perhaps: None,
        number: 0,
    };
    for round in 0..20 {
        let mut server = serve(folder.path(), &ROOM);
        let app = App(server.address);
        passwords.check(app);
        let (acknowledged, killed) = (AtomicU32::new(0), AtomicBool::new(false));
        let mut told = Ledger::default();
        let alive = || !killed.load(Ordering::SeqCst);
        thread::scope(|scope| {
            let load = [(); 3].map(|()| scope.spawn(|| sign_in_and_out(app, alive, &acknowledged)));
            let changes = scope.spawn(|| passwords.change(app, &acknowledged));
            // Another moment in each round.
            while acknowledged.load(Ordering::SeqCst) < 4 + round % 7 {
                thread::sleep(Duration::from_millis(1));
            }
            server.signal("KILL");
            server.wait();
            killed.store(true, Ordering::SeqCst);
            for browser in load {
                told.add(browser.join().unwrap());
            }
            told.ended.extend(changes.join().unwrap().unwrap());
        });
        assert_recorded(&folder.path().join("iam.db"));
        let mut again = serve(folder.path(), &ROOM);
        told.check(App(again.address));
        again.signal("KILL");
        again.wait();
        all.add(told);
    }
    let mut server = serve(folder.path(), &ROOM);
    passwords.check(App(server.address));
    all.check(App(server.address));
    assert!(all.live.len() >= 20 && all.ended.len() >= 20 && passwords.number >= 5);
    server.stop();
}

#[test]
fn c164_a_stop_amid_a_thousand_requests_loses_nothing_acknowledged() {
    let folder = folder();
    let mut server = serve(folder.path(), &ROOM);
    let app = App(server.address);
    let (acknowledged, asked) = (AtomicU32::new(0), AtomicU32::new(0));
    let mut told = Ledger::default();
    // Each round of the loop asks twice.
    let more = || asked.fetch_add(2, Ordering::SeqCst) < 1000;
    thread::scope(|scope| {
        let load = [(); 8].map(|()| scope.spawn(|| sign_in_and_out(app, more, &acknowledged)));
        while acknowledged.load(Ordering::SeqCst) < 100 {
            thread::sleep(Duration::from_millis(1));
        }
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0), "{}", server.log_so_far);
        for browser in load {
            told.add(browser.join().unwrap());
        }
    });
    assert!(told.ended.len() >= 30, "{}", told.ended.len());
    let mut again = serve(folder.path(), &ROOM);
    told.check(App(again.address));
    again.stop();
}

fn other_connection(database: &Path) -> Connection {
    let conn = Connection::open(database).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn
}

/// What began and did not end by the audit trail is what lives, and nothing ended twice.
#[track_caller]
fn assert_recorded(database: &Path) {
    let recorded = "SELECT session_id FROM audit WHERE kind";
    let open = format!("{recorded} = 'sign-in.succeeded' EXCEPT {recorded} = 'session.ended'");
    let count = |sql: &str| -> i64 {
        other_connection(database)
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    };
    for (only_here, not_there) in [
        (open.as_str(), "SELECT id FROM sessions"),
        ("SELECT id FROM sessions", &open),
    ] {
        let sql = format!(
            "SELECT count(*) FROM (SELECT * FROM ({only_here}) EXCEPT SELECT * FROM ({not_there}))"
        );
        assert_eq!(count(&sql), 0, "{sql}");
    }
    let ends = "FROM audit WHERE kind = 'session.ended'";
    let twice = format!("SELECT count(*) - count(DISTINCT session_id) {ends}");
    assert_eq!(count(&twice), 0);
}

/// A service with two sessions that are so old that input in them is written down.
fn two_sessions(server: &Server, database: &Path) -> [String; 2] {
    let sessions = [(); 2].map(|()| login(server, "ann", PASSWORD).session());
    other_connection(database)
        .execute_batch("UPDATE sessions SET last_activity = last_activity - 600000")
        .unwrap();
    sessions
}

#[track_caller]
fn assert_come_back(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("2")),
        "{}",
        answer.body
    );
    assert_eq!(answer.header("set-cookie"), None);
}

/// What writes is put off, what only reads goes on, and nobody is signed out.
fn assert_outage(app: App, [leaves, stays]: &[String; 2]) {
    assert_come_back(&app.login("ann", PASSWORD).unwrap());
    assert_come_back(&app.logout(leaves).unwrap());
    assert_come_back(&app.mint(stays, "&idle_for=0").unwrap());
    assert!(app.is_signed_in(leaves) && app.is_signed_in(stays));
    assert_eq!(app.key_set().unwrap().status, 200);
}

/// All of it works again, and what was put off did not happen.
fn assert_recovered(app: App, [leaves, stays]: &[String; 2]) {
    assert_eq!(app.mint(stays, "&idle_for=0").unwrap().status, 200);
    assert!(app.is_signed_in(leaves));
    assert_eq!(app.logout(leaves).unwrap().status, 204);
    assert!(!app.is_signed_in(leaves) && app.is_signed_in(stays));
    app.login("ann", PASSWORD).unwrap().session();
}

#[test]
fn c153_a_locked_database_signs_nobody_out_and_it_passes() {
    let folder = folder();
    let database = folder.path().join("iam.db");
    let mut server = serve(folder.path(), &[]);
    let app = App(server.address);
    let sessions = two_sessions(&server, &database);
    let lock = other_connection(&database);
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_outage(app, &sessions);
    drop(lock);
    assert_recovered(app, &sessions);
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn c154_callers_of_a_slow_database_wait_for_a_bounded_time_and_leave_nothing() {
    let folder = folder();
    let database = folder.path().join("iam.db");
    let mut server = serve(folder.path(), &[]);
    let app = App(server.address);
    let [ends, stays] = two_sessions(&server, &database);
    // Only root may list the files of a process that keeps its memory to itself; since Linux 6.2 everybody is told how many.
    let used = |what: &str| {
        let folder = format!("/proc/{}/{what}", server.id());
        match (what, fs::metadata(&folder).unwrap().len()) {
            ("fd", files @ 1..) => usize::try_from(files).unwrap(),
            _ => fs::read_dir(folder).unwrap().count(),
        }
    };
    assert!(app.is_signed_in(&stays));
    let before = (used("fd"), used("task"));
    let lock = other_connection(&database);
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let waiting = Vec::from_iter((0..50).map(|_| {
            scope.spawn(|| {
                let begun = Instant::now();
                assert_come_back(&app.logout(&ends).unwrap());
                begun.elapsed()
            })
        }));
        // The others do not wait behind them.
        let begun = Instant::now();
        assert!(app.is_signed_in(&stays));
        assert_eq!(app.key_set().unwrap().status, 200);
        assert!(begun.elapsed() < Duration::from_secs(2));
        for caller in waiting {
            assert!(caller.join().unwrap() < Duration::from_secs(10));
        }
    });
    drop(lock);
    assert_eq!(app.logout(&ends).unwrap().status, 204);
    // Each worker thread may have opened its connection for reading, three files, in the meantime.
    let after = (used("fd"), used("task"));
    let workers = thread::available_parallelism().unwrap().get();
    assert!(
        after.0 <= before.0 + 3 * workers && after.1 <= before.1,
        "{before:?} {after:?}"
    );
    server.stop();
}

/// Space for a database that can be used up and given back.
enum Space {
    /// A small file system of its own.
    Mounted(PathBuf),
    /// A limit on the size of the service's files, for who may not mount. SQLite hears of another error then.
    Limited(u32),
}

impl Space {
    fn use_up(&self) {
        match self {
            Self::Mounted(at) => {
                let mut filler = File::create(at.join("filler")).unwrap();
                while filler.write_all(&[0; 512]).is_ok() {}
            }
            Self::Limited(service) => limit_files(*service, "0"),
        }
    }

    fn give_back(&self) {
        match self {
            Self::Mounted(at) => fs::remove_file(at.join("filler")).unwrap(),
            Self::Limited(service) => limit_files(*service, "unlimited"),
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Self::Mounted(at) = self {
            let _ = Command::new("umount").arg("--lazy").arg(at).status();
        }
    }
}

fn limit_files(service: u32, bytes: &str) {
    let limited = Command::new("prlimit")
        .args([&format!("--pid={service}"), &format!("--fsize={bytes}:")])
        .status();
    assert!(limited.unwrap().success());
}

/// The service on its own file system of 8 MB, or where that cannot be mounted on files that can be limited.
fn serve_in_small_space(folder: &Path) -> (Server, Space, PathBuf) {
    let small = folder.join("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|status| status.success());
    if mounted {
        let space = Space::Mounted(small.clone());
        ok(
            folder,
            &["backup", "small/iam.db", "--config", "iam.toml"],
            "",
        );
        let database = [("SESSIONMINT_DATABASE", "sqlite:small/iam.db")];
        return (serve(folder, &database), space, small.join("iam.db"));
    }
    let (server, space) = serve_with_limit(folder);
    (server, space, folder.join("iam.db"))
}

fn serve_with_limit(folder: &Path) -> (Server, Space) {
    // The signal that comes with the error would end the process; what is ignored stays so across `exec`.
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args([
        "-c",
        "trap '' XFSZ; exec \"$0\" serve --config iam.toml",
        env!("CARGO_BIN_EXE_sessionmint"),
    ]);
    let server = Server::spawn(&mut shell);
    let space = Space::Limited(server.id());
    (server, space)
}

fn c157_shortage(mut server: Server, space: &Space, database: &Path) {
    let app = App(server.address);
    let sessions = two_sessions(&server, database);
    // With an empty log the next write needs space.
    other_connection(database)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    space.use_up();
    assert_outage(app, &sessions);
    space.give_back();
    assert_recorded(database);
    assert_recovered(app, &sessions);
    assert_recorded(database);
    let whole: String = other_connection(database)
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    server.stop();
}

#[test]
fn c157_a_full_disk_signs_nobody_out_and_it_passes() {
    let folder = folder();
    let (server, space, database) = serve_in_small_space(folder.path());
    c157_shortage(server, &space, &database);
}

#[test]
fn c157_files_that_cannot_be_written_sign_nobody_out_and_it_passes() {
    let folder = folder();
    let (server, space) = serve_with_limit(folder.path());
    c157_shortage(server, &space, &folder.path().join("iam.db"));
}

#[test]
fn c163_a_newer_release_migrates_under_a_running_service_without_a_failed_request() {
    let folder = folder();
    let mut server = serve(folder.path(), &ROOM);
    let app = App(server.address);
    let stays = login(&server, "ann", PASSWORD).session();
    let acknowledged = AtomicU32::new(0);
    let migrated = AtomicBool::new(false);
    let wait_for = |count| {
        while acknowledged.load(Ordering::SeqCst) < count {
            thread::sleep(Duration::from_millis(1));
        }
    };
    let mut told = Ledger::default();
    let more = || !migrated.load(Ordering::SeqCst);
    thread::scope(|scope| {
        let load = [(); 3].map(|()| scope.spawn(|| sign_in_and_out(app, more, &acknowledged)));
        let minting = scope.spawn(|| {
            while more() {
                assert!(app.is_signed_in(&stays));
                assert_eq!(app.mint(&stays, "&idle_for=0").unwrap().status, 200);
                // As many as a session may have.
                thread::sleep(Duration::from_millis(250));
            }
        });
        wait_for(10);
        // What the rules of migrations allow, in one transaction as `migrate` does it.
        other_connection(&folder.path().join("iam.db"))
            .execute_batch(
                "BEGIN IMMEDIATE;
                 ALTER TABLE users ADD COLUMN colour TEXT;
                 ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE clients ADD COLUMN logo BLOB;
                 CREATE TABLE news (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id) ON DELETE CASCADE) STRICT;
                 CREATE INDEX sessions_by_generation ON sessions (generation);
                 INSERT INTO schema_migrations (version, checksum) VALUES (9999, 1);
                 COMMIT",
            )
            .unwrap();
        let then = acknowledged.load(Ordering::SeqCst);
        wait_for(then + 20);
        migrated.store(true, Ordering::SeqCst);
        minting.join().unwrap();
        for browser in load {
            told.add(browser.join().unwrap());
        }
    });
    told.check(app);
    let new = "nine large porcupines";
    assert_eq!(
        app.change_password(&stays, PASSWORD, new).unwrap().status,
        204
    );
    assert!(app.is_signed_in(&stays));
    assert!(told.live.iter().all(|cookie| !app.is_signed_in(cookie)));
    app.login("ann", new).unwrap().session();
    server.stop();
    // There were no answers but those that were expected.
    assert!(
        !server.log_so_far.contains("ERROR"),
        "{}",
        server.log_so_far
    );
}
