//! What the embedded engine promises of the audit trail beyond the contract: a record and its change are on disk together or
//! not at all, at no extra flush, and no secret is in it.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp, UserId};
use sessionmint_store::sqlite::{RestoreOptions, backup, restore};
use sessionmint_store::{
    Actor, Audit as _, AuditFilter, AuditKind, AuditReason, AuditRecord, By, Change, CommandEnd,
    CommandKind, EndSessions, NewAuditRecord, NewSession, NewUser, Observer, Refusal,
    Sessions as _, SqliteStore, StartSession, StoreError, Users as _,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

#[tokio::test]
async fn c151_a_change_that_cannot_be_recorded_does_not_happen() {
    let (folder, store) = store_with_user().await;
    start(&store, 1).await;
    let before = records(&store).await;
    let other = other_connection(folder.path());
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no room'); END",
        )
        .unwrap();

    let refused = store.start_session(session(2), None, 20, by()).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("no room")),
        "{refused:?}"
    );
    assert!(store.end_session(&key_hash(1), by()).await.is_err());
    assert!(set_password(&store, "new").await.is_err());
    assert!(store.remove_user(&user().id, by()).await.is_err());

    let ids: Vec<_> = store.sessions_of(&user().id).await.unwrap();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids.first().map(|session| &session.id), Some(&session_id(1)));
    let kept = store.user(&user().id).await.unwrap().unwrap();
    assert_eq!(kept.password_hash.as_deref(), Some("hash"));
    assert_eq!(records(&store).await, before);

    other.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(
        store.end_session(&key_hash(1), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(records(&store).await.len(), before.len() + 1);
}

#[tokio::test]
async fn c151_a_change_that_fails_leaves_no_record() {
    let (folder, store) = store_with_user().await;
    start(&store, 1).await;
    start(&store, 2).await;
    let before = records(&store).await;
    // It fails after the first of two sessions was ended.
    other_connection(folder.path())
        .execute_batch(
            "CREATE TRIGGER second BEFORE DELETE ON sessions
             WHEN (SELECT count(*) FROM sessions) = 1
             BEGIN SELECT raise(ABORT, 'broken'); END",
        )
        .unwrap();
    assert!(set_password(&store, "new").await.is_err());
    assert_eq!(store.sessions_of(&user().id).await.unwrap().len(), 2);
    assert_eq!(records(&store).await, before);
}

#[tokio::test]
async fn c151_records_share_the_transaction_of_their_change() {
    let (_folder, store) = store_with_user().await;
    let before = (store.write_transactions(), records(&store).await.len());
    for number in 1..=10 {
        start(&store, number).await;
    }
    assert_eq!(store.write_transactions(), before.0 + 10);
    assert_eq!(records(&store).await.len(), before.1 + 10);
}

#[tokio::test]
async fn c151_after_a_kill_there_is_a_record_for_each_change_and_for_nothing_else() {
    const NAME: &str = "c151_after_a_kill_there_is_a_record_for_each_change_and_for_nothing_else";
    if let Some(path) = std::env::var_os("SESSIONMINT_DATABASE_OF_THE_KILLED") {
        let store = Arc::new(SqliteStore::open(path).unwrap());
        store.add_user(user(), by()).await.unwrap();
        // Many at a time, so that the kill hits groups of commands.
        for round in 0..u32::MAX {
            let mut tasks = tokio::task::JoinSet::new();
            for number in round * 20..round * 20 + 20 {
                let store = Arc::clone(&store);
                tasks.spawn(async move {
                    start(&store, number).await;
                    if number % 2 == 0 {
                        store.end_session(&key_hash(number), by()).await.unwrap();
                    }
                });
            }
            tasks.join_all().await;
            println!("\nacknowledged {round}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env("SESSIONMINT_DATABASE_OF_THE_KILLED", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let rounds = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("acknowledged "))
        .take(10)
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(rounds, 10);

    let store = SqliteStore::open(&path).unwrap();
    let sids = |kind, records: &[AuditRecord]| -> Vec<SessionId> {
        let of_kind = records.iter().filter(|record| record.kind == kind);
        of_kind
            .map(|record| record.session_id.clone().unwrap())
            .collect()
    };
    let all = records(&store).await;
    let mut began = sids(AuditKind::SignInSucceeded, &all);
    let ended = sids(AuditKind::SessionEnded, &all);
    assert!(began.len() >= 200 && ended.len() >= 100);
    began.retain(|id| !ended.contains(id));
    began.sort();
    let live = store.sessions_of(&user().id).await.unwrap();
    let mut live: Vec<_> = live.into_iter().map(|session| session.id).collect();
    live.sort();
    assert_eq!(began, live);
}

#[tokio::test]
async fn c151_a_session_is_named_by_its_public_id_and_no_secret_is_recorded() {
    let (folder, store) = store_with_user().await;
    start(&store, 1).await;
    set_password(&store, "$argon2id$new").await.unwrap();
    let conn = other_connection(folder.path());
    let columns: i64 = conn
        .query_row(
            "SELECT count(*) FROM pragma_table_info('audit')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let mut rows = conn.prepare("SELECT * FROM audit").unwrap();
    let rows: Vec<String> = rows
        .query_map([], |row| {
            let mut text = String::new();
            for column in 0..usize::try_from(columns).unwrap() {
                let value = row.get_ref(column)?;
                text.push_str(&format!("{value:?} "));
                if let Ok(value) = value.as_str() {
                    text.push_str(value);
                }
            }
            Ok(text)
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 4);
    let text = rows.join("\n");
    assert!(text.contains(session_id(1).as_str()), "{text}");
    for secret in ["argon2", "hash\"", "ada", "Blob", "BQUF", "0505"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error() {
    for damage in [
        "kind = 'session'",
        "reason = 'because'",
        "actor = 'root'",
        "actor = 'user', actor_id = NULL",
        "actor_id = 'root'",
        "user_id = 'ada'",
        "session_id = 'ses_short'",
        "client_id = ''",
        "network = 'here'",
        "attempts = -1",
        "details = '[]'",
    ] {
        let (folder, store) = store_with_user().await;
        other_connection(folder.path())
            .execute_batch(&format!("UPDATE audit SET {damage}"))
            .unwrap();
        let read = store.audit(&AuditFilter::default(), None, 10).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(_))),
            "{damage}: {read:?}"
        );
    }
}

#[tokio::test]
async fn a_session_with_a_damaged_id_still_ends() {
    let (folder, store) = store_with_user().await;
    start(&store, 1).await;
    other_connection(folder.path())
        .execute_batch("UPDATE sessions SET id = 'ses_short'")
        .unwrap();
    assert_eq!(
        store.end_session(&key_hash(1), by()).await,
        Ok(Change::Done)
    );
    let newest = records(&store).await.pop().unwrap();
    assert_eq!(
        (newest.kind, newest.session_id, newest.user_id),
        (AuditKind::SessionEnded, None, Some(user().id))
    );
}

#[tokio::test]
async fn c151_a_restore_keeps_the_trail_of_the_backup_and_is_recorded() {
    let (folder, store) = store_with_user().await;
    let (database, copy) = (folder.path().join("test.db"), folder.path().join("copy.db"));
    start(&store, 1).await;
    backup(&database, &copy, false).unwrap();
    store.end_session(&key_hash(1), by()).await.unwrap();
    let before = records(&store).await;
    drop(store);

    let options = RestoreOptions {
        replace: true,
        keep_sessions: false,
    };
    let operator = By::operator("root", NOW.plus_secs(60));
    let restored = restore(&copy, &database, options, &operator).unwrap();
    let store = SqliteStore::open(&database).unwrap();
    let after = records(&store).await;
    let (kept, new) = after.split_at(2);
    assert_eq!(kept, before.get(..2).unwrap(), "as of the backup");
    let [restore, ended] = new else {
        panic!("{new:?}");
    };
    assert_eq!(
        (restore.kind, &restore.actor, restore.at),
        (
            AuditKind::DatabaseRestored,
            &Actor::Operator("root".to_owned()),
            NOW.plus_secs(60)
        )
    );
    assert_eq!(
        restore.details.get("recorded_until"),
        Some(&NOW.secs().into())
    );
    assert_eq!(
        (ended.kind, ended.reason, &ended.session_id),
        (
            AuditKind::SessionEnded,
            Some(AuditReason::Restored),
            &Some(session_id(1))
        )
    );
    drop(store);

    let replaced = SqliteStore::open(restored.kept_as.unwrap()).unwrap();
    assert_eq!(
        records(&replaced).await,
        before,
        "what the restored one lacks"
    );
}

/// Kinds in the order in which the observer was told of them.
#[derive(Default)]
struct Told(Mutex<Vec<AuditKind>>);

impl Observer for Told {
    fn begun(&self, _: CommandKind) {}

    fn ended(&self, _: CommandKind, _: CommandEnd, _: Duration) {}

    fn recorded(&self, kind: AuditKind) {
        self.0.lock().unwrap().push(kind);
    }
}

#[tokio::test]
async fn an_observer_is_told_of_each_record_that_is_on_disk() {
    let (folder, store) = store_with_user().await;
    let told = Arc::new(Told::default());
    store.observe(told.clone());
    start(&store, 1).await;
    assert_eq!(
        store.end_session(&key_hash(9), by()).await,
        Ok(Change::NotFound)
    );
    let refusal = Refusal {
        by: By::nobody(NOW),
        record: NewAuditRecord::new(AuditKind::SignInFailed),
    };
    store.record_refusals(vec![refusal]).await.unwrap();
    other_connection(folder.path())
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, ''); END",
        )
        .unwrap();
    assert!(store.end_session(&key_hash(1), by()).await.is_err());
    assert_eq!(
        *told.0.lock().unwrap(),
        [AuditKind::SignInSucceeded, AuditKind::SignInFailed]
    );
}

async fn store_with_user() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("test.db")).unwrap();
    store.add_user(user(), by()).await.unwrap();
    (folder, store)
}

/// In the order of arrival.
async fn records(store: &SqliteStore) -> Vec<AuditRecord> {
    let mut records = store
        .audit(&AuditFilter::default(), None, u32::MAX)
        .await
        .unwrap();
    records.sort_by_key(|record| record.id);
    records
}

fn other_connection(folder: &Path) -> Connection {
    let conn = Connection::open(folder.join("test.db")).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn
}

fn by() -> By {
    By::service(NOW)
}

fn user() -> NewUser {
    NewUser {
        id: UserId::from_random([1; 16]),
        username: "ada".to_owned(),
        password_hash: Some("hash".to_owned()),
        scopes: None,
        disabled_at: None,
        created_at: NOW,
    }
}

fn session_id(number: u32) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SessionId::from_random(bytes)
}

fn key_hash(number: u32) -> SessionKeyHash {
    let mut bytes = [5; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    SessionKeyHash(bytes)
}

fn session(number: u32) -> NewSession {
    NewSession {
        key_hash: key_hash(number),
        id: session_id(number),
        user_id: user().id,
        client_id: "web".parse().unwrap(),
        now: NOW,
        absolute_end: NOW.plus_secs(86_400),
        persistent: false,
        user_agent: "a browser".to_owned(),
        password_hash: None,
    }
}

/// Sets a password and ends all sessions.
async fn set_password(store: &SqliteStore, hash: &str) -> Result<Change, StoreError> {
    store
        .set_password(&user().id, hash.to_owned(), EndSessions::All, by())
        .await
}

async fn start(store: &SqliteStore, number: u32) {
    let began = store.start_session(session(number), None, u32::MAX, by());
    assert_eq!(began.await, Ok(StartSession::Started { evicted: 0 }));
}
