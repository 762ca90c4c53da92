//! Roles.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sessionmint_access::{Permission, Role, RoleName};
use sessionmint_store::{AddNamed, RecordsOf, RemoveNamed, ReplaceRole, StoredRole};

use super::error::AdminError;
use super::page::{Query, page};
use super::version::{Seen, answer, seen, seen_number};
use super::{Operator, named};
use crate::http::body;
use crate::{App, shown};

const ALL: &str = "/iam/roles";

/// Most permissions of a role.
const MAX_PERMISSIONS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoleRequest {
    name: String,
    permissions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRequest {
    permissions: Vec<String>,
}

fn resource(name: &RoleName) -> String {
    format!("{ALL}/{name}")
}

fn one(status: StatusCode, stored: &StoredRole) -> Response {
    answer(status, &stored.version.to_string(), shown::role(stored))
}

fn permissions(texts: &[String]) -> Result<BTreeSet<Permission>, AdminError> {
    if texts.len() > MAX_PERMISSIONS {
        let most = format!("a role has at most {MAX_PERMISSIONS} permissions");
        return Err(AdminError::Invalid(most));
    }
    let permissions = texts.iter().map(|text| text.parse());
    Ok(permissions.collect::<Result<_, _>>()?)
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("roles:read", ALL)
        .await?;
    let query = Query::of(&parts.uri)?;
    let (limit, after) = (query.limit()?, query.after::<RoleName>()?);
    let roles = app.store.roles(after.as_ref(), limit).await?;
    let last = roles.last().map(|stored| stored.role.name.as_str());
    Ok(page(
        "roles",
        roles.iter().map(shown::role).collect(),
        limit,
        last,
    ))
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    operator.may("roles:write", ALL).await?;
    let asked: NewRoleRequest = body::json_object(&parts.headers, body).await?;
    let role = Role {
        name: asked.name.parse()?,
        permissions: permissions(&asked.permissions)?,
    };
    match app.store.add_role(role.clone(), operator.by()).await? {
        AddNamed::Added { version } => Ok(one(StatusCode::CREATED, &StoredRole { role, version })),
        AddNamed::NameTaken => Err(AdminError::taken("there is a role of that name already")),
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: RoleName = named(name)?;
    operator.may("roles:read", &resource(&name)).await?;
    let stored = app.store.role(&name).await?.ok_or(AdminError::NotFound)?;
    Ok(one(StatusCode::OK, &stored))
}

pub(super) async fn replace(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: RoleName = named(name)?;
    operator.may("roles:write", &resource(&name)).await?;
    let asked: RoleRequest = body::json_object(&parts.headers, body).await?;
    let permissions = permissions(&asked.permissions)?;
    let version = match seen(&parts.headers)?.ok_or(AdminError::NoVersion)? {
        Seen::Version(text) => text.parse().map_err(|_| AdminError::Changed)?,
        Seen::Any => {
            app.store
                .role(&name)
                .await?
                .ok_or(AdminError::NotFound)?
                .version
        }
    };
    let role = Role { name, permissions };
    match app
        .store
        .replace_role(role.clone(), version, operator.by())
        .await?
    {
        ReplaceRole::Replaced { version } => Ok(one(StatusCode::OK, &StoredRole { role, version })),
        ReplaceRole::NotFound => Err(AdminError::NotFound),
        ReplaceRole::Conflict => Err(AdminError::Changed),
    }
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: RoleName = named(name)?;
    operator.may("roles:write", &resource(&name)).await?;
    let records = with_records(&Query::of(&parts.uri)?)?;
    let version = seen_number(&parts.headers)?;
    removed(
        app.store
            .remove_role(&name, version, records, operator.by())
            .await?,
    )
}

/// What `with_records` says.
pub(super) fn with_records(query: &Query<'_>) -> Result<RecordsOf, AdminError> {
    Ok(match query.get::<bool>("with_records")? {
        Some(true) => RecordsOf::Remove,
        Some(false) | None => RecordsOf::Keep,
    })
}

pub(super) fn removed(outcome: RemoveNamed) -> Result<StatusCode, AdminError> {
    match outcome {
        RemoveNamed::Removed { .. } => Ok(StatusCode::NO_CONTENT),
        RemoveNamed::NotFound => Err(AdminError::NotFound),
        RemoveNamed::Conflict => Err(AdminError::Changed),
        RemoveNamed::InUse { records, first } => Err(AdminError::Conflict {
            code: "in_use",
            detail: format!(
                "{records} records name it, among them {}; with_records=true removes them as well",
                first.id
            ),
        }),
    }
}
