//! Sessions are remembered between reads; whatever others do to the file, no read gives what is not stored any more.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::{Connection, params};
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp, UserId};
use sessionmint_store::{By, Change, NewUser, Sessions, SqliteStore, Users};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

struct Place {
    store: Arc<SqliteStore>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Place {
    /// A user with so many sessions.
    async fn with(sessions: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        let user = NewUser {
            id: user_id(),
            username: "ada".to_owned(),
            password_hash: None,
            scopes: None,
            disabled_at: None,
            created_at: NOW,
        };
        store.add_user(user, By::service(NOW)).await.unwrap();
        let mut conn = Connection::open(&path).unwrap();
        let tx = conn.transaction().unwrap();
        for number in 0..sessions {
            insert(&tx, number);
        }
        tx.commit().unwrap();
        Self {
            store,
            path,
            _folder: folder,
        }
    }

    /// Another process that knows nothing of what the service remembers.
    fn elsewhere(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    async fn live(&self, number: u32) -> bool {
        self.activity(number).await.is_some()
    }

    async fn activity(&self, number: u32) -> Option<i64> {
        let session = self.store.session(&key_hash(number)).await.unwrap();
        session.map(|session| session.last_activity.millis())
    }
}

fn user_id() -> UserId {
    UserId::from_random([1; 16])
}

fn bytes<const N: usize>(number: u32) -> [u8; N] {
    let mut bytes = [0; N];
    bytes
        .iter_mut()
        .zip(number.to_be_bytes())
        .for_each(|(to, from)| *to = from);
    bytes
}

fn key_hash(number: u32) -> SessionKeyHash {
    SessionKeyHash(bytes(number))
}

fn insert(conn: &Connection, number: u32) {
    let id = SessionId::from_random(bytes(number));
    conn.prepare_cached(
        "INSERT INTO sessions (key_hash, id, user_id, client_id, auth_time, last_activity, absolute_end, created_at,
            persistent, user_agent)
         VALUES (?1, ?2, ?3, 'web', ?4, ?4, ?4, ?4, 0, '')",
    )
    .unwrap()
    .execute(params![key_hash(number).0, id.as_str(), user_id().as_str(), NOW.millis()])
    .unwrap();
}

#[tokio::test]
async fn c018_what_is_changed_by_hand_counts_at_once() {
    let place = Place::with(3).await;
    let other = place.elsewhere();
    let by_hand = |sql: &str| other.execute_batch(sql).unwrap();
    for number in [0, 1, 2, 0, 1, 2] {
        assert!(place.live(number).await);
    }
    by_hand("DELETE FROM sessions WHERE seq = 1");
    assert!(!place.live(0).await && place.live(1).await);
    by_hand("UPDATE sessions SET last_activity = 7 WHERE seq = 2");
    assert_eq!(place.activity(1).await, Some(7));
    by_hand("UPDATE users SET disabled_at = 1");
    assert!(!place.live(1).await && !place.live(2).await);
    by_hand("UPDATE users SET disabled_at = NULL");
    assert!(place.live(1).await && place.live(2).await);
    by_hand("PRAGMA foreign_keys = off; DELETE FROM users");
    assert!(!place.live(1).await && !place.live(2).await);
}

#[tokio::test]
async fn c018_who_missed_changes_forgets_everything() {
    let place = Place::with(4).await;
    let other = place.elsewhere();
    let by_hand = |sql: &str| other.execute_batch(sql).unwrap();
    let mut left = 4;
    // Numbers are gone in the middle, at the end, all; and new ones begin again.
    for lost in [
        "seq < (SELECT max(seq) FROM session_changes)",
        "seq % 2 = 0",
        "true",
        "false",
    ] {
        for number in (0..left).chain(0..left) {
            assert!(place.live(number).await, "{lost}: {number}");
        }
        left -= 1;
        by_hand(&format!(
            "BEGIN; UPDATE users SET scopes = NULL; DELETE FROM sessions WHERE seq = {}; DELETE FROM session_changes WHERE {lost}; COMMIT",
            left + 1
        ));
        assert!(!place.live(left).await, "{lost}");
    }
}

#[tokio::test]
async fn c018_more_changes_than_are_kept_are_not_missed() {
    let place = Place::with(2).await;
    let other = place.elsewhere();
    assert!(place.live(0).await && place.live(1).await);
    let one_by_one =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO session_changes (key_hash) SELECT zeroblob(32) FROM n";
    other
        .execute_batch(&format!(
            "BEGIN; DELETE FROM sessions WHERE seq = 1; {one_by_one}; COMMIT"
        ))
        .unwrap();
    let kept = |conn: &Connection| {
        let count = "SELECT count(*) FROM session_changes";
        conn.query_row(count, [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    assert_eq!(kept(&other), 4096, "there is a bound");
    assert!(!place.live(0).await && place.live(1).await);
}

#[tokio::test]
async fn more_sessions_than_are_remembered_are_read() {
    const MANY: u32 = 20_000;
    let place = Place::with(MANY).await;
    for number in (0..MANY).chain(0..MANY).step_by(3) {
        assert!(place.live(number).await, "{number}");
    }
    place
        .elsewhere()
        .execute_batch("DELETE FROM sessions WHERE seq > 10000")
        .unwrap();
    let mut live = 0;
    for number in 0..MANY {
        live += u32::from(place.live(number).await);
    }
    assert_eq!(live, 10_000);
}

/// Four tasks look all the time, and none may see a session after its end was acknowledged to any.
#[test]
fn c018_no_reader_remembers_a_session_beyond_its_end() {
    const SESSIONS: u32 = 400;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let place = Arc::new(Place::with(SESSIONS).await);
        let second = Arc::new(SqliteStore::open(&place.path).unwrap());
        let ended = Arc::new(AtomicU32::new(0));
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (place, ended) = (Arc::clone(&place), Arc::clone(&ended));
            readers.spawn(async move {
                loop {
                    let over = ended.load(Ordering::SeqCst);
                    for number in over.saturating_sub(3)..(over + 3).min(SESSIONS) {
                        let live = place.live(number).await;
                        assert!(!live || number >= over, "{number} of {over}");
                    }
                    if over == SESSIONS {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        for number in 0..SESSIONS {
            let store = if number % 2 == 0 {
                &place.store
            } else {
                &second
            };
            let end = store.end_session(&key_hash(number), By::service(NOW)).await;
            assert_eq!(end, Ok(Change::Done));
            ended.store(number + 1, Ordering::SeqCst);
        }
        readers.join_all().await;
    });
}
