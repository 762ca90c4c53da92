//! Roles.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sessionmint_access::{Permission, Role, RoleName};
use sessionmint_store::{AddNamed, RecordsOf, RemoveNamed, ReplaceRole, StoredRole};

use super::Operator;
use super::error::AdminError;
use super::page::{Query, page};
use super::version::{answer, seen_number, unchanged};
use crate::shown;

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

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("roles:read", ALL).await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<RoleName>()?);
    let roles = operator.store().roles(after.as_ref(), limit).await?;
    let last = roles.last().map(|stored| stored.role.name.as_str());
    Ok(page(
        "roles",
        roles.iter().map(shown::role).collect(),
        limit,
        last,
    ))
}

pub(super) async fn add(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("roles:write", ALL).await?;
    let asked: NewRoleRequest = operator.json(body).await?;
    let role = Role {
        name: asked.name.parse()?,
        permissions: permissions(&asked.permissions)?,
    };
    match operator
        .store()
        .add_role(role.clone(), operator.by())
        .await?
    {
        AddNamed::Added { version } => Ok(one(StatusCode::CREATED, &StoredRole { role, version })),
        AddNamed::NameTaken => Err(AdminError::taken("there is a role of that name already")),
    }
}

pub(super) async fn show(operator: Operator<RoleName>) -> Result<Response, AdminError> {
    let name = &operator.named;
    operator.may("roles:read", &resource(name)).await?;
    let stored = operator
        .store()
        .role(name)
        .await?
        .ok_or(AdminError::NotFound)?;
    Ok(one(StatusCode::OK, &stored))
}

pub(super) async fn replace(
    operator: Operator<RoleName>,
    body: Body,
) -> Result<Response, AdminError> {
    let name = &operator.named;
    operator.may("roles:write", &resource(name)).await?;
    let asked: RoleRequest = operator.json(body).await?;
    let permissions = permissions(&asked.permissions)?;
    let stored = operator.store().role(name).await?;
    let version = stored.ok_or(AdminError::NotFound)?.version;
    unchanged(&operator.headers, &version.to_string())?;
    let role = Role {
        name: name.clone(),
        permissions,
    };
    match operator
        .store()
        .replace_role(role.clone(), version, operator.by())
        .await?
    {
        ReplaceRole::Replaced { version } => Ok(one(StatusCode::OK, &StoredRole { role, version })),
        ReplaceRole::NotFound => Err(AdminError::NotFound),
        ReplaceRole::Conflict => Err(AdminError::Changed),
    }
}

pub(super) async fn remove(operator: Operator<RoleName>) -> Result<StatusCode, AdminError> {
    let name = &operator.named;
    operator.may("roles:write", &resource(name)).await?;
    let records = with_records(&operator.query()?)?;
    let version = seen_number(&operator.headers)?;
    removed(
        operator
            .store()
            .remove_role(name, version, records, operator.by())
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
