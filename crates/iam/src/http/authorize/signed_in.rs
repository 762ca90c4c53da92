//! Who is signed in, in the browser that asks.

use std::sync::Arc;

use axum::http::HeaderMap;
use sessionmint_oauth::Timestamp;
use sessionmint_store::{Session, StoreError, User};

use crate::App;
use crate::http::cookie;

/// The session of the request's cookie that lives at `now`, and its user.
pub(super) async fn signed_in(
    app: &App,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<(Arc<Session>, User)>, StoreError> {
    let Some(key) = cookie::session_key_hash(headers) else {
        return Ok(None);
    };
    let policy = app.session_policy();
    let session = app.store.session(&key).await?;
    let live = session.filter(|session| session.times().remaining_secs(policy, now).is_some());
    let Some(session) = live else {
        return Ok(None);
    };
    let user = app.store.user(&session.user_id).await?;
    Ok(user.map(|user| (session, user)))
}
