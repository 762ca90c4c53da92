//! Groups and their members.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use sessionmint_access::{GroupName, Subject};
use sessionmint_store::{AddNamed, ChangeGroup, Membership, StoredGroup};

use super::error::AdminError;
use super::page::{Query, page};
use super::roles::{removed, with_records};
use super::version::{answer, seen_number};
use super::{Operator, both_named, named};
use crate::http::body;
use crate::{App, shown};

const ALL: &str = "/iam/groups";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroupRequest {
    name: String,
}

fn resource(name: &GroupName) -> String {
    format!("{ALL}/{name}")
}

fn one(status: StatusCode, group: &StoredGroup) -> Response {
    answer(status, &group.version.to_string(), shown::group(group))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("groups:read", ALL)
        .await?;
    let query = Query::of(&parts.uri)?;
    let (limit, after) = (query.limit()?, query.after::<GroupName>()?);
    let groups = app.store.groups(after.as_ref(), limit).await?;
    let last = groups.last().map(|group| group.name.as_str());
    Ok(page(
        "groups",
        groups.iter().map(shown::group).collect(),
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
    operator.may("groups:write", ALL).await?;
    let NewGroupRequest { name } = body::json_object(&parts.headers, body).await?;
    let name: GroupName = name.parse()?;
    match app.store.add_group(name.clone(), operator.by()).await? {
        AddNamed::Added { version } => {
            let group = StoredGroup {
                name,
                members: 0,
                version,
            };
            Ok(one(StatusCode::CREATED, &group))
        }
        AddNamed::NameTaken => Err(AdminError::taken("there is a group of that name already")),
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: GroupName = named(name)?;
    operator.may("groups:read", &resource(&name)).await?;
    let group = app.store.group(&name).await?.ok_or(AdminError::NotFound)?;
    Ok(one(StatusCode::OK, &group))
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: GroupName = named(name)?;
    operator.may("groups:write", &resource(&name)).await?;
    let records = with_records(&Query::of(&parts.uri)?)?;
    let version = seen_number(&parts.headers)?;
    removed(
        app.store
            .remove_group(&name, version, records, operator.by())
            .await?,
    )
}

pub(super) async fn members(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let name: GroupName = named(name)?;
    operator.may("groups:read", &resource(&name)).await?;
    let query = Query::of(&parts.uri)?;
    let (limit, after) = (query.limit()?, query.after::<Subject>()?);
    app.store.group(&name).await?.ok_or(AdminError::NotFound)?;
    let members = app.store.members(&name, after.as_ref(), limit).await?;
    let last = members.last().map(Subject::as_str);
    let shown = members.iter().map(|subject| json!(subject)).collect();
    Ok(page("members", shown, limit, last))
}

pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    change(&app, names, request, |subject| Membership {
        add: vec![subject],
        remove: Vec::new(),
    })
    .await
}

pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    change(&app, names, request, |subject| Membership {
        add: Vec::new(),
        remove: vec![subject],
    })
    .await
}

async fn change(
    app: &App,
    names: Result<Path<(String, String)>, PathRejection>,
    request: Request,
    membership: impl FnOnce(Subject) -> Membership,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(app, &parts).await?;
    let (name, subject): (GroupName, Subject) = both_named(names)?;
    let resource = format!("{}/members/{subject}", resource(&name));
    operator.may("groups:write", &resource).await?;
    let version = seen_number(&parts.headers)?;
    let change = membership(subject);
    match app
        .store
        .change_group(&name, change, version, operator.by())
        .await?
    {
        ChangeGroup::Changed { .. } => Ok(StatusCode::NO_CONTENT),
        ChangeGroup::NotFound | ChangeGroup::NoSubject(_) => Err(AdminError::NotFound),
        ChangeGroup::Conflict => Err(AdminError::Changed),
    }
}
