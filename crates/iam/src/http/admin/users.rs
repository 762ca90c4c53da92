//! Users and their sessions.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use sessionmint_oauth::{Scope, SessionId, UserId};
use sessionmint_store::{AddUser, Change, ChangeUser, EndSessions, NewUser, User};

use super::Operator;
use super::error::AdminError;
use super::page::page;
use super::version::{self, answer, unchanged};
use crate::login::policy::{check_new_password, check_username};
use crate::{App, random, shown};

const ALL: &str = "/iam/users";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUserRequest {
    username: String,
    password: Option<SecretString>,
    scopes: Option<Scope>,
}

/// What is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    #[serde(default, deserialize_with = "present")]
    scopes: Option<Option<Scope>>,
    disabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    password: SecretString,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<Scope>>, D::Error> {
    Option::deserialize(value).map(Some)
}

pub(super) fn resource(id: &UserId) -> String {
    format!("{ALL}/{id}")
}

fn one(status: StatusCode, user: &User) -> Response {
    answer(status, &version::of_user(user), shown::user(user))
}

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("users:read", ALL).await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<String>()?);
    let users = operator.store().users(after.as_deref(), limit).await?;
    let last = users.last().map(|user| user.username.clone());
    let users = users.iter().map(shown::user).collect();
    Ok(page("users", users, limit, last.as_deref()))
}

pub(super) async fn add(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("users:write", ALL).await?;
    let asked: NewUserRequest = operator.json(body).await?;
    check_username(&asked.username).map_err(|error| AdminError::Invalid(error.to_string()))?;
    let password_hash = match &asked.password {
        Some(password) => Some(new_hash(&operator.app, &asked.username, password).await?),
        None => None,
    };
    let by = operator.by();
    let user = NewUser {
        id: UserId::from_random(random::bytes(&*operator.app.random)?),
        username: asked.username,
        password_hash,
        scopes: asked.scopes,
        disabled_at: None,
        created_at: by.at,
    };
    let id = user.id.clone();
    match operator.store().add_user(user, by).await? {
        AddUser::Added => {
            tracing::info!(client_id = %operator.client(), user_id = %id, "user added");
            let user = operator
                .store()
                .user(&id)
                .await?
                .ok_or(AdminError::NotFound)?;
            Ok(one(StatusCode::CREATED, &user))
        }
        AddUser::NameTaken => Err(AdminError::taken("there is a user of that name already")),
    }
}

pub(super) async fn show(operator: Operator<UserId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("users:read", &resource(id)).await?;
    let user = operator
        .store()
        .user(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    Ok(one(StatusCode::OK, &user))
}

pub(super) async fn change(operator: Operator<UserId>, body: Body) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("users:write", &resource(id)).await?;
    let asked: ChangeRequest = operator.json(body).await?;
    let user = operator
        .store()
        .user(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    unchanged(&operator.headers, &version::of_user(&user))?;
    let scopes = asked.scopes.unwrap_or_else(|| user.scopes.clone());
    let disabled = asked.disabled.unwrap_or(user.disabled_at.is_some());
    match operator
        .store()
        .change_user(&user, scopes, disabled, operator.by())
        .await?
    {
        ChangeUser::Changed => {
            tracing::info!(client_id = %operator.client(), user_id = %id, "user changed");
            let user = operator
                .store()
                .user(id)
                .await?
                .ok_or(AdminError::NotFound)?;
            Ok(one(StatusCode::OK, &user))
        }
        ChangeUser::NotFound => Err(AdminError::NotFound),
        ChangeUser::Conflict => Err(AdminError::Changed),
    }
}

pub(super) async fn set_password(
    operator: Operator<UserId>,
    body: Body,
) -> Result<StatusCode, AdminError> {
    let id = &operator.named;
    operator.may("users:write", &resource(id)).await?;
    let PasswordRequest { password } = operator.json(body).await?;
    let user = operator
        .store()
        .user(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    let hash = new_hash(&operator.app, &user.username, &password).await?;
    let set = operator
        .store()
        .set_password(id, hash, EndSessions::All, operator.by())
        .await?;
    done(set)?;
    tracing::info!(client_id = %operator.client(), user_id = %id, "password set");
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(operator: Operator<UserId>) -> Result<StatusCode, AdminError> {
    let id = &operator.named;
    operator.may("users:write", &resource(id)).await?;
    done(operator.store().remove_user(id, operator.by()).await?)?;
    tracing::info!(client_id = %operator.client(), user_id = %id, "user removed");
    Ok(StatusCode::NO_CONTENT)
}

/// There are so few of one user that they fit on one page.
pub(super) async fn sessions(operator: Operator<UserId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator
        .may("sessions:read", &format!("{}/sessions", resource(id)))
        .await?;
    let user = operator
        .store()
        .user(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    let sessions = operator.store().sessions_of(id).await?;
    let sessions: Vec<_> = sessions
        .iter()
        .map(|session| shown::session(session, &user.username))
        .collect();
    Ok(Json(json!({ "sessions": sessions })).into_response())
}

pub(super) async fn end_sessions(operator: Operator<UserId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator
        .may("sessions:write", &format!("{}/sessions", resource(id)))
        .await?;
    let by = operator.by();
    let ended = operator
        .store()
        .end_sessions_of(id, EndSessions::All, by)
        .await?;
    Ok(Json(json!({ "ended": ended })).into_response())
}

pub(super) async fn end_session(
    operator: Operator<(UserId, SessionId)>,
) -> Result<StatusCode, AdminError> {
    let (id, session) = &operator.named;
    let resource = format!("{}/sessions/{session}", resource(id));
    operator.may("sessions:write", &resource).await?;
    done(
        operator
            .store()
            .end_session_of(id, session, operator.by())
            .await?,
    )?;
    Ok(StatusCode::NO_CONTENT)
}

/// A session whose user is not known.
pub(super) async fn end_any_session(
    operator: Operator<SessionId>,
) -> Result<StatusCode, AdminError> {
    let session = &operator.named;
    let resource = format!("/iam/sessions/{session}");
    operator.may("sessions:write", &resource).await?;
    let ended = operator.store().end_session_by_id(session, operator.by());
    done(ended.await?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn new_hash(
    app: &App,
    username: &str,
    password: &SecretString,
) -> Result<String, AdminError> {
    check_new_password(&app.config.login.policy, username, password.expose_secret())
        .map_err(|error| AdminError::Invalid(error.to_string()))?;
    Ok(app.authenticator.new_password_hash(password).await?)
}

pub(super) fn done(change: Change) -> Result<(), AdminError> {
    match change {
        Change::Done => Ok(()),
        Change::NotFound => Err(AdminError::NotFound),
    }
}
