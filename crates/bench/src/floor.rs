//! The floors: what a mint costs at least with these libraries, one more part of it at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use crate::seed::COOKIE_LEN;
use crate::tokens::{Alg, Claims, Signer};

/// The path that the service mints at, so that every request is the same.
const PATH: &str = "/iam/oauth/token";
const COOKIE: &str = "__Host-Http-sid=";
const TTL_SECS: i64 = 300;

/// As long as the answer of the service.
const FIXED: &[u8; 600] = &[b'x'; 600];

type Key = [u8; 32];

#[derive(Clone)]
struct Session {
    id: String,
    user_id: String,
    auth_time: i64,
    absolute_end: i64,
}

enum Sessions {
    Memory(HashMap<Key, Session>),
    Sqlite(PathBuf),
}

struct Mint {
    sessions: Sessions,
    signer: Option<Signer>,
}

#[derive(Serialize)]
struct Minted {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: &'static str,
    session_expires_in: i64,
}

pub(crate) fn fixed() -> Result<()> {
    let answer = || async { ([(header::CONTENT_TYPE, "application/json")], &FIXED[..]) };
    serve(Router::new().route(PATH, post(answer)))
}

pub(crate) fn memory(cookies: &Path, alg: Option<Alg>) -> Result<()> {
    serve_mint(Mint {
        sessions: Sessions::Memory(sessions(cookies)?.into_iter().collect()),
        signer: alg.map(Signer::new).transpose()?,
    })
}

pub(crate) fn sqlite(cookies: &Path, folder: &Path, alg: Alg) -> Result<()> {
    let file = folder.join("floor.db");
    let mut conn = Connection::open(&file)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.execute_batch(
        "CREATE TABLE sessions (key BLOB PRIMARY KEY, id TEXT, user_id TEXT, auth_time INTEGER, absolute_end INTEGER) STRICT, WITHOUT ROWID",
    )?;
    let tx = conn.transaction()?;
    for (key, session) in sessions(cookies)? {
        tx.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                key,
                session.id,
                session.user_id,
                session.auth_time,
                session.absolute_end
            ])?;
    }
    tx.commit()?;
    serve_mint(Mint {
        sessions: Sessions::Sqlite(file),
        signer: Some(Signer::new(alg)?),
    })
}

/// A made-up session for each cookie.
fn sessions(cookies: &Path) -> Result<Vec<(Key, Session)>> {
    let now = crate::wall_millis()? / 1000;
    let text = std::fs::read(cookies).with_context(|| cookies.display().to_string())?;
    let all = text.chunks_exact(COOKIE_LEN).map(|value| {
        Ok((
            hash(value),
            Session {
                id: format!("ses_{}", URL_SAFE_NO_PAD.encode(crate::random::<16>()?)),
                user_id: format!("usr_{}", URL_SAFE_NO_PAD.encode(crate::random::<16>()?)),
                auth_time: now,
                absolute_end: now + 86_400,
            },
        ))
    });
    all.collect()
}

fn hash(value: &[u8]) -> Key {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, value).as_ref());
    key
}

fn serve_mint(mint: Mint) -> Result<()> {
    serve(
        Router::new()
            .route(PATH, post(answer))
            .with_state(Arc::new(mint)),
    )
}

async fn answer(State(mint): State<Arc<Mint>>, headers: HeaderMap, body: Bytes) -> Response {
    match mint.grant(&headers, &body) {
        Ok(Some(minted)) => match serde_json::to_vec(&minted) {
            Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Ok(None) => StatusCode::UNAUTHORIZED.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Mint {
    fn grant(&self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Minted>> {
        let mut form = form_urlencoded::parse(body);
        if !form.any(|(name, value)| name == "grant_type" && value == "session") {
            return Ok(None);
        }
        let cookie = headers
            .get(header::COOKIE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split("; ").find_map(|pair| pair.strip_prefix(COOKIE)));
        let Some(cookie) = cookie else {
            return Ok(None);
        };
        let Some(session) = self.sessions.get(&hash(cookie.as_bytes()))? else {
            return Ok(None);
        };
        let now = crate::wall_millis()? / 1000;
        let scope = "notes:read notes:write";
        let claims = Claims {
            iss: "http://127.0.0.1:8080/iam",
            sub: &session.user_id,
            aud: "https://api.example.com",
            exp: now + TTL_SECS,
            iat: now,
            jti: URL_SAFE_NO_PAD.encode(crate::random::<16>()?),
            client_id: "web",
            sid: &session.id,
            auth_time: session.auth_time,
            scope,
        };
        Ok(Some(Minted {
            access_token: match &self.signer {
                Some(signer) => signer.sign(&claims)?,
                None => URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?),
            },
            token_type: "Bearer",
            expires_in: TTL_SECS,
            scope,
            session_expires_in: session.absolute_end - now,
        }))
    }
}

impl Sessions {
    fn get(&self, key: &Key) -> rusqlite::Result<Option<Session>> {
        match self {
            Self::Memory(sessions) => Ok(sessions.get(key).cloned()),
            Self::Sqlite(file) => read(file, key),
        }
    }
}

thread_local! {
    static READER: std::cell::RefCell<Option<Connection>> = const { std::cell::RefCell::new(None) };
}

fn read(file: &Path, key: &Key) -> rusqlite::Result<Option<Session>> {
    READER.with_borrow_mut(|reader| {
        let conn = match reader {
            Some(conn) => conn,
            None => reader.insert(connect(file)?),
        };
        conn.prepare_cached(
            "SELECT id, user_id, auth_time, absolute_end FROM sessions WHERE key = ?1",
        )?
        .query_row([key], |row| {
            Ok(Session {
                id: row.get(0)?,
                user_id: row.get(1)?,
                auth_time: row.get(2)?,
                absolute_end: row.get(3)?,
            })
        })
        .optional()
    })
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(file)?;
    conn.pragma_update(None, "mmap_size", 1 << 30)?;
    Ok(conn)
}

fn serve(router: Router) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        use axum::serve::ListenerExt as _;
        let listener = listener.tap_io(|stream| {
            // Without it the last bytes of an answer could wait; it cannot fail on a connection that is open.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}
