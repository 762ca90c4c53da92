//! A sample service: every user has notes. It knows nothing of sessions, cookies or passwords; it sees access tokens.
//!
//! | request | scope | answer |
//! |---|---|---|
//! | `GET /notes` | `notes:read` | 200 `{"notes":[{"id","text","created_at"}]}`, newest first |
//! | `POST /notes` `{"text"}` | `notes:write` | 201 the note |
//! | `DELETE /notes/{id}` | `notes:write` | 204; 404 also for other users' notes |

mod store;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Json, Path, State};
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use sessionmint_verify::{AccessToken, Verifier};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::problem::Problem;
pub use store::{Note, Notes};

/// The largest request body, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The longest note, in characters.
const MAX_NOTE_CHARS: usize = 1000;

/// The service. Pages of `ui_origin` may call it.
pub fn router(notes: Notes, verifier: &Verifier, ui_origin: HeaderValue) -> Router {
    let (read, write) = (
        verifier.require("notes:read"),
        verifier.require("notes:write"),
    );
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list([ui_origin]))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER]);
    Router::new()
        .route(
            "/notes",
            get(list.layer(read)).post(create.layer(write.clone())),
        )
        .route("/notes/{id}", delete(remove.layer(write)))
        .fallback(|| async { Problem(StatusCode::NOT_FOUND, "there is nothing here") })
        .with_state(notes)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        // Outermost, so that pages can read the 401 of the verifier and preflights need no token.
        .layer(cors)
}

#[derive(Serialize)]
struct List {
    notes: Vec<Note>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    text: String,
}

async fn list(token: AccessToken, State(notes): State<Notes>) -> Result<Json<List>, Problem> {
    let notes = notes.list(owner(&token)?).await?;
    Ok(Json(List { notes }))
}

async fn create(
    token: AccessToken,
    State(notes): State<Notes>,
    body: Result<Json<NewNote>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(NewNote { text }) = body.map_err(|rejection| {
        Problem(
            rejection.status(),
            "send JSON such as `{\"text\":\"…\"}`, at most 16 KiB",
        )
    })?;
    if text.trim().is_empty() || text.chars().count() > MAX_NOTE_CHARS {
        return Err(Problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "a note has 1 to 1000 characters",
        ));
    }
    match notes.add(owner(&token)?, text).await? {
        Some(note) => Ok((StatusCode::CREATED, Json(note))),
        None => Err(Problem(
            StatusCode::CONFLICT,
            "that is too many notes, delete one first",
        )),
    }
}

async fn remove(
    token: AccessToken,
    State(notes): State<Notes>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if notes.remove(owner(&token)?, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem(StatusCode::NOT_FOUND, "there is no such note"))
    }
}

/// Notes belong to people; a client that acts for itself has none.
fn owner(token: &AccessToken) -> Result<String, Problem> {
    let user = token.subject().user().map(str::to_owned);
    user.ok_or(Problem(
        StatusCode::FORBIDDEN,
        "this needs the token of a user",
    ))
}
