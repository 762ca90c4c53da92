//! What the embedded engine promises beyond the contract: who can read the file, what a lock, a kill or a full queue does.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::time::Duration;

use rusqlite::Connection;
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp, UserId};
use sessionmint_store::{
    AddUser, By, Change, Keys, NewSession, NewUser, OpenError, ResealedKey, Sessions,
    SigningKeyRow, SqliteOptions, SqliteStore, StartSession, StoreError, Users,
};
use tokio::task::coop::unconstrained;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

#[cfg(unix)]
#[tokio::test]
async fn c074_only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mode = |name: &str| {
        std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    let store = SqliteStore::open(&path).unwrap();
    store.add_user(user(1), by()).await.unwrap();
    assert_eq!(
        [mode("new.db"), mode("new.db-wal"), mode("new.db-shm")],
        [0o600; 3]
    );

    for name in ["new.db", "new.db-wal"] {
        let loose = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join(name), loose).unwrap();
    }
    let _second = SqliteStore::open(&path).unwrap();
    assert_eq!(
        [mode("new.db"), mode("new.db-wal"), mode("new.db-shm")],
        [0o600; 3]
    );
}

#[test]
fn a_missing_folder_is_named_and_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("tpyo");
    let error = SqliteStore::open(missing.join("test.db")).unwrap_err();
    assert!(matches!(&error, OpenError::NoFolder(path) if *path == missing));
    assert!(error.to_string().contains("tpyo"));
    assert!(!missing.exists());
}

#[test]
fn files_of_something_else_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.txt");
    let text = "Dear all, ".repeat(100);
    std::fs::write(&letter, &text).unwrap();
    assert!(matches!(SqliteStore::open(&letter), Err(OpenError::Foreign(path)) if path == letter));
    assert_eq!(std::fs::read_to_string(&letter).unwrap(), text);

    let photos = folder.path().join("photos.db");
    Connection::open(&photos)
        .unwrap()
        .execute_batch("CREATE TABLE photos (x)")
        .unwrap();
    assert!(matches!(SqliteStore::open(&photos), Err(OpenError::Foreign(path)) if path == photos));
}

#[tokio::test]
async fn data_stays_and_migrations_are_not_repeated_when_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    for number in 1..=3 {
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.add_user(user(number), by()).await, Ok(AddUser::Added));
        assert_eq!(
            store.users(None, 10).await.unwrap().len(),
            usize::from(number)
        );
    }
}

#[test]
fn a_database_of_a_newer_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    drop(SqliteStore::open(&path).unwrap());
    other_connection(&path)
        .execute_batch("INSERT INTO schema_migrations VALUES (999, 0)")
        .unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 999, .. }));
}

#[test]
fn instances_that_create_a_database_together_all_get_it() {
    // SQLite refuses the switch to write-ahead logging about once in thirty rounds unless it is tried again.
    for _ in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        std::thread::scope(|scope| {
            let open = || scope.spawn(|| SqliteStore::open(&path));
            for opened in Vec::from_iter((0..8).map(|_| open())) {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test]
async fn queued_writes_share_transactions_and_one_that_fails_spoils_no_other() {
    let (folder, store) = open(&SqliteOptions::default());
    store.add_user(user(1), by()).await.unwrap();
    let lock = write_lock(folder.path());
    let before = store.write_transactions();
    let mut writes: Vec<_> = (0..500_u32)
        .map(|number| {
            // Every hundredth has the id of the first: refused, but only after ending the one before it.
            let refused = number > 0 && number % 100 == 0;
            let id = session_id(if refused { 0 } else { number });
            let replaces = refused.then(|| key_hash(number - 1));
            let new = NewSession {
                id,
                ..session(number)
            };
            // Without Tokio's budget for a task, which ends before all of them are queued.
            Box::pin(unconstrained(store.start_session(
                new,
                replaces,
                u32::MAX,
                by(),
            )))
        })
        .collect();
    for write in &mut writes {
        assert!(
            poll_once(write.as_mut()).is_none(),
            "nothing is answered before the commit"
        );
    }
    drop(lock);
    let mut refused = 0;
    for write in writes {
        match write.await {
            Ok(outcome) => assert_eq!(outcome, StartSession::Started { evicted: 0 }),
            Err(error) => {
                assert!(error.to_string().contains("UNIQUE"), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 4);
    assert_eq!(store.sessions_of(&user(1).id).await.unwrap().len(), 496);
    // The writer was waiting with what it had found first; the rest was one group.
    assert!(store.write_transactions() - before <= 2);
}

#[tokio::test]
async fn a_locked_database_is_an_outage_and_it_passes() {
    let mut options = SqliteOptions::default();
    options.busy_timeout = Duration::from_millis(50);
    let (folder, store) = open(&options);
    store.add_user(user(1), by()).await.unwrap();
    start(&store, 1).await;

    let lock = write_lock(folder.path());
    let ended = store.end_session(&key_hash(1), by()).await;
    assert!(
        matches!(ended, Err(StoreError::Unavailable(_))),
        "{ended:?}"
    );
    let refused = store.add_user(user(1), by()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "not `NameTaken`: {refused:?}"
    );
    assert!(
        store.session(&key_hash(1)).await.unwrap().is_some(),
        "reads go on"
    );
    drop(lock);

    assert_eq!(
        store.end_session(&key_hash(1), by()).await,
        Ok(Change::Done)
    );
}

#[tokio::test]
async fn a_write_waits_only_so_long_even_for_a_place_in_the_queue() {
    let mut options = SqliteOptions::default();
    options.busy_timeout = Duration::from_secs(30);
    options.write_timeout = Duration::from_millis(50);
    options.queue = 1;
    let (folder, store) = open(&options);
    let store = Arc::new(store);
    let lock = write_lock(folder.path());
    let mut writes = tokio::task::JoinSet::new();
    for number in 1..=20 {
        let store = Arc::clone(&store);
        writes.spawn(async move { store.add_user(user(number), by()).await });
    }
    for outcome in writes.join_all().await {
        assert!(
            matches!(outcome, Err(StoreError::Unavailable(_))),
            "{outcome:?}"
        );
    }
    drop(lock);
    drop(Arc::try_unwrap(store).unwrap());
    let reopened = SqliteStore::open(folder.path().join("test.db")).unwrap();
    let done = reopened.users(None, 100).await.unwrap().len();
    assert!(
        (1..=2).contains(&done),
        "the rest never entered the queue: {done}"
    );
}

#[tokio::test]
async fn dropping_the_store_finishes_what_is_queued() {
    let (folder, store) = open(&SqliteOptions::default());
    let lock = write_lock(folder.path());
    let mut writes: Vec<_> = (0..10)
        .map(|number| store.add_user(user(number), by()))
        .collect();
    for write in &mut writes {
        assert!(poll_once(write.as_mut()).is_none());
    }
    // The callers go away, as browsers do that do not wait for the answer.
    drop(writes);
    let closing = std::thread::spawn(move || drop(store));
    drop(lock);
    closing.join().unwrap();
    let reopened = SqliteStore::open(folder.path().join("test.db")).unwrap();
    assert_eq!(reopened.users(None, 100).await.unwrap().len(), 10);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_store_leaves_no_file_open() {
    let (folder, store) = open(&SqliteOptions::default());
    let store = Arc::new(store);
    let open_files = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
        targets
            .filter(|target| target.starts_with(folder.path()))
            .count()
    };
    let threads = Barrier::new(9);
    let done = Barrier::new(9);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let store = Arc::clone(&store);
            let (threads, done, runtime) = (&threads, &done, tokio::runtime::Handle::current());
            scope.spawn(move || {
                runtime.block_on(store.users(None, 10)).unwrap();
                drop(store);
                threads.wait();
                done.wait();
            });
        }
        threads.wait();
        assert!(open_files() > 8);
        drop(Arc::try_unwrap(store).unwrap());
        assert_eq!(
            open_files(),
            0,
            "while the threads that read are still there"
        );
        done.wait();
    });
}

#[tokio::test]
async fn several_stores_in_one_thread_do_not_mix() {
    let (_folder_a, a) = open(&SqliteOptions::default());
    let (_folder_b, b) = open(&SqliteOptions::default());
    a.add_user(user(1), by()).await.unwrap();
    b.add_user(user(2), by()).await.unwrap();
    assert!(a.user(&user(1).id).await.unwrap().is_some());
    assert_eq!(b.user(&user(1).id).await, Ok(None));
    drop(a);
    let (_folder_c, c) = open(&SqliteOptions::default());
    assert_eq!(c.user(&user(1).id).await, Ok(None));
    assert!(b.user(&user(2).id).await.unwrap().is_some());
}

#[tokio::test]
async fn damaged_data_is_an_error_and_never_absence_or_more_rights() {
    for damage in [
        "UPDATE sessions SET id = 'ses_short'",
        "UPDATE sessions SET client_id = 'not a client'",
        "UPDATE users SET scopes = 'two  spaces'",
    ] {
        let (folder, store) = open(&SqliteOptions::default());
        store.add_user(user(1), by()).await.unwrap();
        start(&store, 1).await;
        other_connection(&folder.path().join("test.db"))
            .execute_batch(damage)
            .unwrap();
        let read = store.session(&key_hash(1)).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(_))),
            "{damage}: {read:?}"
        );
    }
}

#[tokio::test]
async fn sessions_of_a_user_disabled_by_hand_are_hidden() {
    let (folder, store) = open(&SqliteOptions::default());
    store.add_user(user(1), by()).await.unwrap();
    start(&store, 1).await;
    let by_hand = other_connection(&folder.path().join("test.db"));
    by_hand
        .execute_batch("UPDATE users SET disabled_at = 0")
        .unwrap();
    assert_eq!(store.session(&key_hash(1)).await, Ok(None));
    assert_eq!(store.sessions_of(&user(1).id).await, Ok(Vec::new()));
}

#[tokio::test]
async fn c022_session_table_stores_only_a_hash() {
    let (folder, store) = open(&SqliteOptions::default());
    store.add_user(user(1), by()).await.unwrap();
    let cookie = "q83vEjRWeJASNFZ4kBI0VniQEjRWeJASNFZ4kBI0Vng";
    let hash = sha256(cookie.as_bytes());
    let new = NewSession {
        key_hash: SessionKeyHash(hash),
        ..session(1)
    };
    store.start_session(new, None, 20, by()).await.unwrap();
    assert!(
        store
            .session(&SessionKeyHash(hash))
            .await
            .unwrap()
            .is_some()
    );

    let mut found = false;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        found |= contains(&bytes, &hash);
        assert!(!contains(&bytes, cookie.as_bytes()));
        assert!(
            !contains(&bytes, cookie.as_bytes().first_chunk::<16>().unwrap()),
            "nor the beginning of it"
        );
    }
    assert!(
        found,
        "the files that were searched are those that hold the session"
    );
    // Whoever reads the table and sends what it holds has no session.
    assert_eq!(
        store.session(&SessionKeyHash(sha256(&hash))).await,
        Ok(None)
    );
}

#[cfg(unix)]
#[tokio::test]
async fn c153_a_read_only_file_can_be_read_and_is_written_once_it_may_be() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    const NAME: &str = "c153_a_read_only_file_can_be_read_and_is_written_once_it_may_be";
    const NOBODY: u32 = 65_534;
    if let Some(path) = std::env::var_os("SESSIONMINT_READ_ONLY_DATABASE") {
        let store = SqliteStore::open(&path).unwrap();
        assert!(store.user(&user(1).id).await.unwrap().is_some());
        let added = store.add_user(user(2), by()).await;
        assert!(
            matches!(added, Err(StoreError::Unavailable(_))),
            "{added:?}"
        );
        assert_eq!(store.user(&user(2).id).await, Ok(None));
        // SQLite gave the log and its index the mode of the database.
        for file in std::fs::read_dir(".")
            .unwrap()
            .map(|file| file.unwrap().path())
        {
            if file.to_string_lossy().contains("test.db") {
                std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        assert_eq!(store.add_user(user(2), by()).await, Ok(AddUser::Added));
        return;
    }
    let (folder, store) = open(&SqliteOptions::default());
    store.add_user(user(1), by()).await.unwrap();
    drop(store);
    let path = folder.path().join("test.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    // Root may write to any file, so the question is put as somebody else, from a copy of this program beside the data.
    let program = folder.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut child = Command::new(&program);
    child
        .args([NAME, "--exact"])
        .env("SESSIONMINT_READ_ONLY_DATABASE", &path);
    child.current_dir(folder.path());
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        for owned in [folder.path(), &path, &program] {
            chown(owned, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    const NAME: &str = "what_was_acknowledged_survives_a_kill";
    if let Some(path) = std::env::var_os("SESSIONMINT_DATABASE_OF_THE_KILLED") {
        let store = SqliteStore::open(path).unwrap();
        for number in 0..=u8::MAX {
            store.add_user(user(number), by()).await.unwrap();
            println!("\nacknowledged {number}");
        }
        std::future::pending::<()>().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env("SESSIONMINT_DATABASE_OF_THE_KILLED", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let acknowledged: Vec<u8> = lines
        .filter_map(|line| {
            line.strip_prefix("acknowledged ")
                .map(|number| number.parse().unwrap())
        })
        .take(50)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(acknowledged.len(), 50);
    let store = SqliteStore::open(&path).unwrap();
    for number in acknowledged {
        assert!(
            store.user(&user(number).id).await.unwrap().is_some(),
            "user {number}"
        );
    }
}

#[tokio::test]
async fn keys_of_any_bytes_come_back() {
    let (_folder, store) = open(&SqliteOptions::default());
    let pkcs8: Vec<u8> = (0..=u8::MAX).collect();
    store
        .add_key(signing_key("k", pkcs8.clone()), None, by())
        .await
        .unwrap();
    let keys = store.keys().await.unwrap();
    assert_eq!(keys.first().map(|key| &key.pkcs8), Some(&pkcs8));
    assert!(
        !format!("{keys:?}").contains("255"),
        "a private key does not print itself"
    );
}

#[tokio::test]
async fn c074_nothing_is_left_of_a_private_key_that_is_sealed_or_removed() {
    let (folder, store) = open(&SqliteOptions::default());
    let plain = b"a private key that is not encrypted".repeat(5);
    let removed = b"a private key that is withdrawn now".repeat(5);
    let mut newest = None;
    for (kid, pkcs8) in [("1", &plain), ("2", &removed), ("3", &vec![3])] {
        let key = signing_key(kid, pkcs8.clone());
        store.add_key(key.clone(), newest, by()).await.unwrap();
        newest = Some(key);
    }
    drop(store);
    let path = folder.path().join("test.db");
    let holds = |secret: &[u8]| {
        let file = std::fs::read(&path).unwrap();
        file.windows(30).any(|window| window == &secret[..30])
    };
    assert!(holds(&plain) && holds(&removed));

    let store = SqliteStore::open(&path).unwrap();
    // Longer than what it replaces, so the row moves.
    store.seal_key("1", vec![7; 300], 1, by()).await.unwrap();
    store.remove_key("2", by()).await.unwrap();
    drop(store);
    assert!(!holds(&plain) && !holds(&removed));
}

#[tokio::test]
async fn c074_nothing_is_left_of_the_old_form_of_a_key_that_is_encrypted_anew() {
    let (folder, store) = open(&SqliteOptions::default());
    let old = b"a private key under the old encryption key".repeat(4);
    let key = signing_key("1", old.clone());
    store.add_key(key, None, by()).await.unwrap();
    // A service that runs beside it.
    let other = SqliteStore::open(folder.path().join("test.db")).unwrap();
    other.keys().await.unwrap();
    let resealed = ResealedKey {
        kid: "1".to_owned(),
        old: old.clone(),
        new: vec![7; old.len()],
        seal_version: 1,
    };
    store
        .reseal_keys(vec![resealed], Vec::new(), by())
        .await
        .unwrap();
    assert_eq!(store.empty_log(), Ok(true));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        assert!(!contains(&content, &old[..30]), "{}", path.display());
    }
    assert_eq!(other.keys().await.unwrap()[0].pkcs8, vec![7; old.len()]);
}

fn signing_key(kid: &str, pkcs8: Vec<u8>) -> SigningKeyRow {
    SigningKeyRow {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        pkcs8,
        seal_version: 0,
        created_at: NOW,
        activates_at: NOW,
    }
}

fn open(options: &SqliteOptions) -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(folder.path().join("test.db"), options).unwrap();
    (folder, store)
}

fn other_connection(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    conn
}

/// Keeps every writer out until it is dropped.
fn write_lock(folder: &Path) -> Connection {
    let conn = other_connection(&folder.join("test.db"));
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    conn
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn user(number: u8) -> NewUser {
    NewUser {
        id: UserId::from_random([number; 16]),
        username: format!("user{number}"),
        password_hash: None,
        scopes: None,
        disabled_at: None,
        created_at: NOW,
    }
}

fn session_id(number: u32) -> SessionId {
    SessionId::from_random(u128::from(number).to_be_bytes())
}

fn key_hash(number: u32) -> SessionKeyHash {
    SessionKeyHash(sha256(&number.to_be_bytes()))
}

/// A session of `user(1)`.
fn session(number: u32) -> NewSession {
    NewSession {
        key_hash: key_hash(number),
        id: session_id(number),
        user_id: user(1).id,
        client_id: "web".parse().unwrap(),
        now: NOW,
        absolute_end: NOW.plus_secs(86_400),
        persistent: false,
        user_agent: String::new(),
        password_hash: None,
    }
}

async fn start(store: &SqliteStore, number: u32) {
    store
        .start_session(session(number), None, 20, by())
        .await
        .unwrap();
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn by() -> By {
    By::service(NOW)
}
