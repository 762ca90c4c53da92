//! Brings a database to the schema of this release. The rules for steps are in `migrations/README.md`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::error::OpenError;

/// One step of the schema's history.
pub(super) struct Migration {
    version: u32,
    sql: &'static str,
}

/// Every step, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("migrations/0001_initial.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("migrations/0002_signing_key_times.sql"),
    },
    Migration {
        version: 3,
        sql: include_str!("migrations/0003_audit.sql"),
    },
    Migration {
        version: 4,
        sql: include_str!("migrations/0004_session_changes.sql"),
    },
    Migration {
        version: 5,
        sql: include_str!("migrations/0005_grants.sql"),
    },
    Migration {
        version: 6,
        sql: include_str!("migrations/0006_refresh_keys.sql"),
    },
    Migration {
        version: 7,
        sql: include_str!("migrations/0007_oauth_clients.sql"),
    },
    Migration {
        version: 8,
        sql: include_str!("migrations/0008_access.sql"),
    },
    Migration {
        version: 9,
        sql: include_str!("migrations/0009_authorizations.sql"),
    },
    Migration {
        version: 10,
        sql: include_str!("migrations/0010_marks.sql"),
    },
    Migration {
        version: 11,
        sql: include_str!("migrations/0011_authorization_networks.sql"),
    },
    Migration {
        version: 12,
        sql: include_str!("migrations/0012_consent_resources.sql"),
    },
];

/// Applies what is missing, in one transaction. A database that is up to date is only read.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    if pending(conn, path, migrations)?.is_empty() {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first while this one waited for the lock.
    let pending = pending(&tx, path, migrations)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, checksum INTEGER NOT NULL) STRICT",
    )?;
    for step in pending {
        tx.execute_batch(step.sql)?;
        tx.execute(
            "INSERT INTO schema_migrations (version, checksum) VALUES (?1, ?2)",
            params![step.version, checksum(step.sql)],
        )?;
    }
    tx.commit()?;
    Ok(())
}

/// The steps that the database lacks, after checking those that it has.
fn pending<'a>(
    conn: &Connection,
    path: &Path,
    migrations: &'a [Migration],
) -> Result<&'a [Migration], OpenError> {
    let applied = applied(conn, path)?;
    let known = migrations.last().map_or(0, |step| step.version);
    if let Some(&(found, _)) = applied.last().filter(|(found, _)| *found > known) {
        return Err(OpenError::Newer { found, known });
    }
    for (&(version, stored), step) in applied.iter().zip(migrations) {
        if version != step.version || stored != checksum(step.sql) {
            return Err(OpenError::Changed { version });
        }
    }
    Ok(migrations.get(applied.len()..).unwrap_or_default())
}

/// Makes sure that it is a database of this service, of whatever release.
pub(super) fn recognise(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    match applied(conn, path).map_err(|error| error.at(path))? {
        none if none.is_empty() => Err(OpenError::Foreign(path.to_owned())),
        _ => Ok(()),
    }
}

/// The steps that a database has had, with their checksums; none if it is empty.
pub(super) fn applied(
    conn: &Connection,
    path: &Path,
) -> rusqlite::Result<Vec<(u32, i64)>, OpenError> {
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    if !tables.iter().any(|name| name == "schema_migrations") {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let rows = conn
        .prepare("SELECT version, checksum FROM schema_migrations ORDER BY version")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// 64-bit FNV-1a of the text without carriage returns: it tells an edited file, it is no defence against an attacker.
fn checksum(sql: &str) -> i64 {
    let hash = sql
        .bytes()
        .filter(|&byte| byte != b'\r')
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[Migration] = &[Migration {
        version: 1,
        sql: "CREATE TABLE a (x INTEGER) STRICT",
    }];
    const NEW: &[Migration] = &[
        Migration {
            version: 1,
            sql: "CREATE TABLE a (x INTEGER) STRICT",
        },
        Migration {
            version: 2,
            sql: "ALTER TABLE a ADD COLUMN y INTEGER",
        },
    ];

    fn path() -> &'static Path {
        Path::new("test.db")
    }

    #[test]
    fn numbers_have_no_gaps() {
        for (step, expected) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(step.version, expected);
        }
    }

    #[test]
    fn only_what_is_missing_is_applied_and_data_stays() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, path(), OLD).unwrap();
        conn.execute("INSERT INTO a (x) VALUES (7)", []).unwrap();
        migrate(&mut conn, path(), NEW).unwrap();
        migrate(&mut conn, path(), NEW).unwrap();
        let row = conn
            .query_row("SELECT x, y FROM a", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(row, (7, None::<i64>));
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        const BROKEN: &[Migration] = &[
            Migration {
                version: 1,
                sql: "CREATE TABLE a (x INTEGER) STRICT",
            },
            Migration {
                version: 2,
                sql: "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO missing VALUES (1)",
            },
        ];
        let mut conn = Connection::open_in_memory().unwrap();
        assert!(matches!(
            migrate(&mut conn, path(), BROKEN),
            Err(OpenError::Sqlite(_))
        ));
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 0);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, path(), NEW).unwrap();
        let error = migrate(&mut conn, path(), OLD).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }));
        assert!(error.to_string().contains("schema 2, this release knows 1"));
    }

    #[test]
    fn an_edited_step_is_refused() {
        const EDITED: &[Migration] = &[Migration {
            version: 1,
            sql: "CREATE TABLE a (x TEXT) STRICT",
        }];
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, path(), OLD).unwrap();
        assert!(matches!(
            migrate(&mut conn, path(), EDITED),
            Err(OpenError::Changed { version: 1 })
        ));
    }

    #[test]
    fn a_database_of_something_else_is_refused_untouched() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE photos (x INTEGER)")
            .unwrap();
        assert!(matches!(
            migrate(&mut conn, path(), OLD),
            Err(OpenError::Foreign(_))
        ));
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }
}
