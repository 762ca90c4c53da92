//! Backups of a database in use, and what restoring one brings back and what not.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp, UserId};
use sessionmint_store::sqlite::{BackupError, Contents, RestoreOptions, backup, restore};
use sessionmint_store::{By, NewSession, NewUser, OpenError, Sessions, SqliteStore, Users};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const REPLACE: RestoreOptions = RestoreOptions {
    replace: true,
    keep_sessions: false,
};

/// A database with one user and one session, and where its backups go.
struct Place {
    folder: tempfile::TempDir,
    store: SqliteStore,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("iam.db")).unwrap();
        store.add_user(user(1), by()).await.unwrap();
        start(&store, 1).await;
        Self { folder, store }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.at("iam.db")
    }

    /// Closes the store, as a stopped service has.
    fn stop(self) -> tempfile::TempDir {
        drop(self.store);
        self.folder
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c158_a_backup_under_load_is_of_one_moment_and_keeps_no_writer_out() {
    let place = Place::new().await;
    let (database, target) = (place.database(), place.at("copy.db"));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            // A user and their session come one after the other: no backup may have the second without the first.
            runtime.unwrap().block_on(async {
                for number in 2..=u8::MAX {
                    place.store.add_user(user(number), by()).await.unwrap();
                    start(&place.store, number).await;
                    if stop.load(Ordering::SeqCst) {
                        return number;
                    }
                }
                u8::MAX
            })
        });
        let mut last = 0;
        for _ in 0..10 {
            let contents = backup(&database, &target, true).unwrap();
            assert!(contents.users - contents.sessions <= 1, "{contents:?}");
            assert!(contents.users >= last, "later backups hold more");
            last = contents.users;
        }
        stop.store(true, Ordering::SeqCst);
        assert!(u64::from(writing.join().unwrap()) >= last);
    });
}

#[tokio::test]
async fn a_backup_is_whole_private_and_leaves_nothing_else_behind() {
    let place = Place::new().await;
    let contents = backup(&place.database(), &place.at("copy.db"), false).unwrap();
    let bytes = fs::metadata(place.at("copy.db")).unwrap().len();
    let expected = Contents {
        bytes,
        users: 1,
        sessions: 1,
        clients: 0,
        signing_keys: 0,
    };
    assert_eq!(contents, expected);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.at("copy.db"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = backup(&place.database(), &place.at("copy.db"), false);
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    place.store.add_user(user(2), by()).await.unwrap();
    assert_eq!(
        backup(&place.database(), &place.at("copy.db"), true)
            .unwrap()
            .users,
        2
    );
    let itself = backup(&place.database(), &place.at("./iam.db"), true);
    assert!(matches!(itself, Err(BackupError::Itself(_))), "{itself:?}");
    let nowhere = backup(&place.database(), &place.at("tpyo/copy.db"), true);
    assert!(
        matches!(nowhere, Err(BackupError::Open(OpenError::NoFolder(_)))),
        "{nowhere:?}"
    );
    let folder = place.stop();
    assert_eq!(names(folder.path()), ["copy.db", "iam.db"]);
}

#[tokio::test]
async fn a_backup_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("notes.txt"),
        "no database, but long enough to be taken for one".repeat(90),
    )
    .unwrap();
    Connection::open(at("photos.db"))
        .unwrap()
        .execute_batch("CREATE TABLE photos (x)")
        .unwrap();
    fs::write(at("empty.db"), "").unwrap();
    for name in ["notes.txt", "photos.db", "empty.db"] {
        let refused = backup(&at(name), &at("copy.db"), false);
        assert!(
            matches!(refused, Err(BackupError::Open(OpenError::Foreign(_)))),
            "{refused:?}"
        );
        let refused = restore(&at(name), &at("iam.db"), REPLACE, &by());
        assert!(
            matches!(refused, Err(BackupError::Open(OpenError::Foreign(_)))),
            "{refused:?}"
        );
    }
    assert_eq!(names(folder.path()), ["empty.db", "notes.txt", "photos.db"]);
}

#[tokio::test]
async fn c020_an_old_backup_does_not_bring_ended_sessions_back() {
    let place = Place::new().await;
    let (database, copy) = (place.database(), place.at("copy.db"));
    backup(&database, &copy, false).unwrap();
    place.store.end_session(&key_hash(1), by()).await.unwrap();
    let folder = place.stop();

    let restored = restore(&copy, &database, REPLACE, &by()).unwrap();
    assert_eq!(
        (restored.dropped_sessions, restored.contents.sessions),
        (1, 0)
    );
    let store = SqliteStore::open(&database).unwrap();
    assert_eq!(store.session(&key_hash(1)).await, Ok(None));
    assert!(store.user(&user(1).id).await.unwrap().is_some());
    drop(store);

    // Who accepts that window keeps everybody signed in.
    let options = RestoreOptions {
        replace: true,
        keep_sessions: true,
    };
    let restored = restore(&copy, &database, options, &by()).unwrap();
    assert_eq!(
        (restored.dropped_sessions, restored.contents.sessions),
        (0, 1)
    );
    let store = SqliteStore::open(&database).unwrap();
    assert!(store.session(&key_hash(1)).await.unwrap().is_some());
    drop(store);
    let names = names(folder.path());
    assert_eq!(
        names,
        [
            "copy.db",
            "iam.db",
            "iam.db.replaced-1",
            "iam.db.replaced-2"
        ]
    );
}

#[tokio::test]
async fn what_is_replaced_is_kept_and_can_be_restored() {
    let place = Place::new().await;
    let (database, copy) = (place.database(), place.at("copy.db"));
    backup(&database, &copy, false).unwrap();
    place.store.add_user(user(2), by()).await.unwrap();
    let _folder = place.stop();
    let users = |path: &Path| {
        Connection::open(path)
            .unwrap()
            .query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };

    let refused = restore(&copy, &database, RestoreOptions::default(), &by());
    assert!(
        matches!(refused, Err(BackupError::Exists(_))),
        "{refused:?}"
    );
    assert_eq!(users(&database), 2);
    let kept = restore(&copy, &database, REPLACE, &by())
        .unwrap()
        .kept_as
        .unwrap();
    assert_eq!((users(&database), users(&kept)), (1, 2));
    let kept = restore(&kept, &database, REPLACE, &by())
        .unwrap()
        .kept_as
        .unwrap();
    assert_eq!((users(&database), users(&kept)), (2, 1));
    let itself = restore(&database, &database, REPLACE, &by());
    assert!(matches!(itself, Err(BackupError::Itself(_))), "{itself:?}");
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() {
    let place = Place::new().await;
    let (database, copy) = (place.database(), place.at("copy.db"));
    backup(&database, &copy, false).unwrap();
    let refused = restore(&copy, &database, REPLACE, &by());
    assert!(matches!(refused, Err(BackupError::InUse(_))), "{refused:?}");
    place.store.add_user(user(2), by()).await.unwrap();
    assert!(place.store.session(&key_hash(1)).await.unwrap().is_some());
    // A database in use is no backup either: what is in its log would be missing.
    let refused = restore(&database, &place.at("new.db"), REPLACE, &by());
    assert!(matches!(refused, Err(BackupError::Log(_))), "{refused:?}");
    let folder = place.stop();
    assert_eq!(names(folder.path()), ["copy.db", "iam.db"]);
}

#[tokio::test]
async fn a_restore_to_an_empty_place_makes_a_private_file_and_spares_the_backup() {
    let place = Place::new().await;
    let (copy, new) = (place.at("copy.db"), place.at("new.db"));
    backup(&place.database(), &copy, false).unwrap();
    let before = fs::read(&copy).unwrap();
    fs::write(place.at("new.db-wal"), "left by another database").unwrap();
    let refused = restore(&copy, &new, RestoreOptions::default(), &by());
    assert!(matches!(refused, Err(BackupError::Log(_))), "{refused:?}");
    fs::remove_file(place.at("new.db-wal")).unwrap();

    let restored = restore(&copy, &new, RestoreOptions::default(), &by()).unwrap();
    assert_eq!(restored.kept_as, None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&new).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(fs::read(&copy).unwrap(), before);
    assert!(
        SqliteStore::open(&new)
            .unwrap()
            .user(&user(1).id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_the_database_stays() {
    let place = Place::new().await;
    for number in 2..=200 {
        place.store.add_user(user(number), by()).await.unwrap();
    }
    let (database, copy) = (place.database(), place.at("copy.db"));
    backup(&database, &copy, false).unwrap();
    let _folder = place.stop();
    let whole = fs::read(&copy).unwrap();
    let mut torn = whole.clone();
    torn.get_mut(8 * 4096..).unwrap().fill(0x5a);
    for damaged in [torn, whole.get(..whole.len() / 2).unwrap().to_vec()] {
        fs::write(&copy, damaged).unwrap();
        let refused = restore(&copy, &database, REPLACE, &by());
        assert!(
            matches!(&refused, Err(BackupError::Damaged { path, .. }) if *path == copy),
            "{refused:?}"
        );
    }
    let store = SqliteStore::open(&database).unwrap();
    assert_eq!(store.users(None, 1000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn c163_a_backup_of_a_newer_release_is_refused() {
    let place = Place::new().await;
    let (copy, new) = (place.at("copy.db"), place.at("new.db"));
    backup(&place.database(), &copy, false).unwrap();
    Connection::open(&copy)
        .unwrap()
        .execute_batch("INSERT INTO schema_migrations VALUES (9999, 1)")
        .unwrap();
    let refused = restore(&copy, &new, REPLACE, &by());
    assert!(
        matches!(
            refused,
            Err(BackupError::Open(OpenError::Newer { found: 9999, .. }))
        ),
        "{refused:?}"
    );
    assert!(!new.exists());
    // The way back from a newer release: its database is replaced by a backup of this one.
    fs::remove_file(&copy).unwrap();
    backup(&place.database(), &copy, false).unwrap();
    let database = place.database();
    let _folder = place.stop();
    Connection::open(&database)
        .unwrap()
        .execute_batch("INSERT INTO schema_migrations VALUES (9999, 1)")
        .unwrap();
    assert!(SqliteStore::open(&database).is_err());
    restore(&copy, &database, REPLACE, &by()).unwrap();
    SqliteStore::open(&database).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_replaced_database_is_as_private_as_before() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new().await;
    let (database, copy) = (place.database(), place.at("copy.db"));
    backup(&database, &copy, false).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    let _folder = place.stop();
    let kept = restore(&copy, &database, REPLACE, &by())
        .unwrap()
        .kept_as
        .unwrap();
    for file in [&database, &kept] {
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
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

fn key_hash(number: u8) -> SessionKeyHash {
    SessionKeyHash([number; 32])
}

async fn start(store: &SqliteStore, number: u8) {
    let session = NewSession {
        key_hash: key_hash(number),
        id: SessionId::from_random([number; 16]),
        user_id: user(number).id,
        client_id: "web".parse().unwrap(),
        now: NOW,
        absolute_end: NOW.plus_secs(86_400),
        persistent: false,
        user_agent: String::new(),
        password_hash: None,
    };
    store.start_session(session, None, 20, by()).await.unwrap();
}

fn by() -> By {
    By::service(NOW)
}
