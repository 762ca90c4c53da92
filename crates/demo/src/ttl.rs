//! The short-token switch of the demo: `GET` and `POST /demo/ttl`, JSON `{"ttl": seconds}`. It runs the real CLI, which
//! changes the client of a running service, as an operator would. Only pages of the app may ask.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Json, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use sessionmint_oauth::session_grant::TTL_SECS;
use tokio::process::Command;
use tokio::sync::Mutex;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::problem::Problem;

/// How long the command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// What the client of the demo is set up with, in seconds.
const USUAL_TTL: u64 = *TTL_SECS.end();

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ttl {
    /// Lifetime of access tokens in seconds.
    ttl: u64,
}

struct Switch {
    command: Vec<String>,
    /// Held while the command runs, so that two switches come one after the other.
    current: Mutex<Ttl>,
}

/// The route. `command` is a program and its arguments, to which the seconds are appended; no shell sees it.
pub fn router(command: Vec<String>, ui_origin: HeaderValue) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list([ui_origin.clone()]))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE]);
    let switch = Arc::new(Switch {
        command,
        current: Mutex::new(Ttl { ttl: USUAL_TTL }),
    });
    Router::new()
        .route("/demo/ttl", get(show).post(change))
        .layer(Extension(switch))
        .layer(middleware::from_fn_with_state(ui_origin, only_from))
        .layer(DefaultBodyLimit::max(1024))
        .layer(cors)
}

/// CORS keeps other pages from reading the answer, not from asking.
async fn only_from(State(ui_origin): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    if origins.next() == Some(&ui_origin) && origins.next().is_none() {
        next.run(request).await
    } else {
        Problem(
            StatusCode::FORBIDDEN,
            "only the demo's own page may do this",
        )
        .into_response()
    }
}

async fn show(Extension(switch): Extension<Arc<Switch>>) -> Json<Ttl> {
    Json(*switch.current.lock().await)
}

async fn change(
    Extension(switch): Extension<Arc<Switch>>,
    wanted: Result<Json<Ttl>, JsonRejection>,
) -> Result<Json<Ttl>, Problem> {
    let Json(wanted) = wanted
        .map_err(|rejection| Problem(rejection.status(), "send JSON such as `{\"ttl\":15}`"))?;
    if !TTL_SECS.contains(&wanted.ttl) {
        return Err(Problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "a token lives 5 to 300 seconds",
        ));
    }
    let mut current = switch.current.lock().await;
    switch.run(wanted.ttl).await?;
    *current = wanted;
    Ok(Json(wanted))
}

impl Switch {
    async fn run(&self, ttl: u64) -> Result<(), Problem> {
        let (program, arguments) = self.command.split_first().ok_or(Problem(
            StatusCode::NOT_FOUND,
            "the demo was started without a command for this",
        ))?;
        let output = Command::new(program)
            .args(arguments)
            .arg(ttl.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let failure = match tokio::time::timeout(COMMAND_TIMEOUT, output).await {
            Ok(Ok(output)) if output.status.success() => {
                tracing::info!(ttl.secs = ttl, "access tokens now live {ttl} s");
                return Ok(());
            }
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not done after {} s", COMMAND_TIMEOUT.as_secs()),
        };
        tracing::error!(
            command.program = program,
            command.failure = failure,
            "the lifetime could not be changed"
        );
        Err(Problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the command failed, see the demo's log",
        ))
    }
}

/// Splits a command line at spaces; double quotes hold a word with spaces together.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together() {
        assert_eq!(
            words(r#"  "/a b/sessionmint" client  set web --ttl "#),
            ["/a b/sessionmint", "client", "set", "web", "--ttl"]
        );
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words(r#""""#), [""]);
    }
}
