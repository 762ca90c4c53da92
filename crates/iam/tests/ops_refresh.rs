//! Refresh tokens of the running service when its process is killed, and when its disk is full: whoever asks again goes on with
//! exactly one successor, and nothing is handed out that is not stored.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ops_support::service::{PASSWORD, folder, serve};
use ops_support::{Answer, Server, send};
use rusqlite::Connection;
use sessionmint_iam::config::{Database, KeysConfig};
use sessionmint_iam::keys::SigningKeys;
use sessionmint_iam::testing::server_client;
use sessionmint_iam::{Clock as _, SystemClock, renewal};
use sessionmint_oauth::{GrantId, RefreshPolicy, RefreshToken, SecretId};
use sessionmint_store::{
    By, ClientSecret, Grants as _, NewGrant, OAuthClients as _, SqliteStore, StartGrant, Users as _,
};

const SECRET: &str = "sms_right";

fn sha256(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes())
        .as_ref()
        .to_vec()
}

/// Looks in steps for what another process or thread does, for half a minute at least.
#[track_caller]
fn until(step: Duration, condition: impl Fn() -> bool) {
    let looks = Duration::from_secs(30).as_micros() / step.as_micros();
    for _ in 0..looks {
        if condition() {
            return;
        }
        thread::sleep(step);
    }
    panic!("it did not happen within half a minute");
}

/// The client `server`, and so many grants of `ann` to it; their first refresh tokens.
fn grants(folder: &Path, count: u16) -> Vec<RefreshToken> {
    let file = folder.join("iam.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&file).unwrap();
        let now = SystemClock.now();
        let by = By::service(now);
        let (config, database) = (KeysConfig::default(), Database::Sqlite(file));
        let keys = SigningKeys::open(&config, &database, &store, &by);
        let keys = keys.await.unwrap().for_refresh_tokens();
        let client = server_client(RefreshPolicy::default());
        let secret = ClientSecret {
            id: SecretId::from_random([1; 16]),
            hash: sha256(SECRET).try_into().unwrap(),
            created_at: now,
        };
        let added = store.add_oauth_client(client.clone(), Some(secret), by.clone());
        added.await.unwrap();
        let ann = store.user_by_name("ann").await.unwrap().unwrap().id;
        let mut tokens = Vec::new();
        for number in 0..count {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            let id = GrantId::from_random(bytes[..16].try_into().unwrap());
            let token = RefreshToken::first(&id, bytes, keys.newest(), &*keys).unwrap();
            let grant = NewGrant {
                id,
                client_id: client.client_id.clone(),
                user_id: ann.clone(),
                session_id: None,
                scopes: client.scopes.clone(),
                resources: client.resources.clone(),
                auth_time: now,
                refresh_token: Some(renewal::hash(&token)),
                absolute_end: now.plus_secs(86_400),
                idle_end: now.plus_secs(86_400),
            };
            let started = store.start_grant(grant, by.clone()).await;
            assert_eq!(started, Ok(StartGrant::Started));
            tokens.push(token);
        }
        tokens
    })
}

fn refresh(to: SocketAddr, token: &str) -> std::io::Result<Answer> {
    let basic = format!("Basic {}", STANDARD.encode(format!("server:{SECRET}")));
    let headers = [
        ("Authorization", basic.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    send(to, "POST", "/iam/oauth/token", &headers, &body)
}

/// The successor in an answer that must have one.
#[track_caller]
fn successor(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["refresh_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("{}", answer.body))
}

/// The generation of a grant, and the hash of its token.
fn row(folder: &Path, token: &RefreshToken) -> (u32, Vec<u8>) {
    let conn = Connection::open(folder.join("iam.db")).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn.query_row(
        "SELECT generation, current_hash FROM grants WHERE id = ?1 AND revoked_at IS NULL",
        [token.family().as_str()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .unwrap()
}

/// So many kills of the process have to come after the commit and before the first byte of the answer …
const KILLS_BETWEEN: usize = 2;
/// … of at most so many.
const KILLS: u16 = 60;

#[test]
fn c156_a_kill_between_commit_and_answer_loses_no_token() {
    let folder = folder();
    let folder = folder.path();
    let mut between = 0;
    for token in grants(folder, KILLS) {
        // On a busy machine who kills it comes first.
        let mut nice = Command::new("nice");
        nice.current_dir(folder).args([
            "-n",
            "19",
            env!("CARGO_BIN_EXE_sessionmint"),
            "serve",
            "--config",
            "iam.toml",
        ]);
        let mut server = Server::spawn(&mut nice);
        let mut stream = server.connect();
        let body = format!(
            "grant_type=refresh_token&refresh_token={}&client_id=server",
            token.as_str()
        );
        let basic = STANDARD.encode(format!("server:{SECRET}"));
        write!(
            stream,
            "POST /iam/oauth/token HTTP/1.1\r\nHost: api.app.localhost:4181\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        committed(folder, &token);
        server.kill();
        // Whatever the service got out before it was killed.
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let (_, committed) = row(folder, &token);
        let mut again = serve(folder, &[]);
        let next = successor(&refresh(again.address, token.as_str()).unwrap());
        assert_eq!(sha256(&next), committed, "the identical refresh token");
        assert_eq!(
            row(folder, &token),
            (1, committed),
            "and nothing was written"
        );
        again.stop();
        between += usize::from(answer.is_empty());
        if between == KILLS_BETWEEN {
            return;
        }
    }
    panic!("only {between} of {KILLS} kills came before the answer");
}

/// Waits without a pause until the token was replaced.
fn committed(folder: &Path, token: &RefreshToken) {
    let conn = Connection::open(folder.join("iam.db")).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    let mut generation = conn
        .prepare("SELECT generation FROM grants WHERE id = ?1")
        .unwrap();
    let family = token.family().as_str();
    for _ in 0..10_000_000 {
        let generation: u32 = generation.query_one([family], |row| row.get(0)).unwrap();
        if generation == 1 {
            return;
        }
    }
    panic!("the token was not replaced");
}

#[test]
fn c156_kills_under_load_leave_one_state_to_go_on_from() {
    const ROUNDS: usize = 6;
    const PER_ROUND: usize = 60;
    let folder = folder();
    let folder = folder.path();
    let all = grants(folder, u16::try_from(ROUNDS * PER_ROUND).unwrap());
    for (round, tokens) in all.chunks(PER_ROUND).enumerate() {
        let mut server = serve(folder, &[]);
        let address = server.address;
        let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Which was asked for, and what came back.
        let mut told = Vec::new();
        thread::scope(|scope| {
            let callers = [(); 4].map(|()| {
                scope.spawn(|| {
                    let mut told = Vec::new();
                    while let Some(token) = tokens.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let answer = refresh(address, token.as_str()).ok();
                        let over = answer.is_none();
                        told.push((token, answer));
                        answered.fetch_add(1, Ordering::SeqCst);
                        if over {
                            break;
                        }
                    }
                    told
                })
            });
            // Another moment in each round.
            until(Duration::from_micros(200), || {
                answered.load(Ordering::SeqCst) >= 5 + 7 * round
            });
            server.kill();
            for caller in callers {
                told.extend(caller.join().unwrap());
            }
        });
        let mut again = serve(folder, &[]);
        for (token, answer) in told {
            let before = row(folder, token);
            let next = successor(&refresh(again.address, token.as_str()).unwrap());
            if let Some(answer) = answer {
                assert_eq!(successor(&answer), next, "what was answered stays so");
            }
            if before.0 == 1 {
                assert_eq!(before.1, sha256(&next), "what was committed is answered");
            }
            assert_eq!(row(folder, token), (1, sha256(&next)));
            let current = refresh(again.address, &next).unwrap();
            assert_eq!(current.status, 200, "{}", current.body);
        }
        again.stop();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn c157_without_space_no_refresh_token_is_issued_and_none_is_lost() {
    let folder = folder();
    let folder = folder.path();
    let tokens = grants(folder, 2);
    // The signal that comes with the error would end the process; what is ignored stays so across `exec`.
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args([
        "-c",
        "trap '' XFSZ; exec \"$0\" serve --config iam.toml",
        env!("CARGO_BIN_EXE_sessionmint"),
    ]);
    let mut server = Server::spawn(&mut shell);
    let limit = |bytes: &str| {
        let service = format!("--pid={}", server.id());
        let mut prlimit = Command::new("prlimit");
        let limited = prlimit.args([&service, &format!("--fsize={bytes}:")]);
        assert!(limited.status().unwrap().success());
    };
    let retried = successor(&refresh(server.address, tokens[1].as_str()).unwrap());
    Connection::open(folder.join("iam.db"))
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    limit("0");
    let refused = refresh(server.address, tokens[0].as_str()).unwrap();
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("2"))
    );
    assert!(!refused.body.contains("smr_"));
    assert_eq!(row(folder, &tokens[0]).0, 0);
    // What needs no write goes on.
    let again = refresh(server.address, tokens[1].as_str()).unwrap();
    assert_eq!(successor(&again), retried);
    limit("unlimited");
    let next = successor(&refresh(server.address, tokens[0].as_str()).unwrap());
    assert_eq!(row(folder, &tokens[0]), (1, sha256(&next)));
    server.stop();
}

#[test]
fn c092_what_a_killed_service_leaves_behind_is_searched_for_secrets() {
    let folder = folder();
    let mut server = serve(folder.path(), &[]);
    let left = format!("ann has the password {PASSWORD}");
    std::fs::write(folder.path().join("iam.db-copy"), left).unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| server.kill()));
    let said = *ended.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("(\"password\", \"iam.db-copy\")"), "{said}");
    assert!(!said.contains(PASSWORD), "the value itself is not told");
}
