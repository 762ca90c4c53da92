//! Groups and their members.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use sessionmint_access::{GroupName, Subject};
use sessionmint_store::{AddNamed, ChangeGroup, Membership, StoredGroup};

use super::Operator;
use super::error::AdminError;
use super::page::page;
use super::roles::{removed, with_records};
use super::version::{answer, seen_number};
use crate::shown;

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

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("groups:read", ALL).await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<GroupName>()?);
    let groups = operator.store().groups(after.as_ref(), limit).await?;
    let last = groups.last().map(|group| group.name.as_str());
    Ok(page(
        "groups",
        groups.iter().map(shown::group).collect(),
        limit,
        last,
    ))
}

pub(super) async fn add(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("groups:write", ALL).await?;
    let NewGroupRequest { name } = operator.json(body).await?;
    let name: GroupName = name.parse()?;
    match operator
        .store()
        .add_group(name.clone(), operator.by())
        .await?
    {
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

pub(super) async fn show(operator: Operator<GroupName>) -> Result<Response, AdminError> {
    let name = &operator.named;
    operator.may("groups:read", &resource(name)).await?;
    let group = operator
        .store()
        .group(name)
        .await?
        .ok_or(AdminError::NotFound)?;
    Ok(one(StatusCode::OK, &group))
}

pub(super) async fn remove(operator: Operator<GroupName>) -> Result<StatusCode, AdminError> {
    let name = &operator.named;
    operator.may("groups:write", &resource(name)).await?;
    let records = with_records(&operator.query()?)?;
    let version = seen_number(&operator.headers)?;
    removed(
        operator
            .store()
            .remove_group(name, version, records, operator.by())
            .await?,
    )
}

pub(super) async fn members(operator: Operator<GroupName>) -> Result<Response, AdminError> {
    let name = &operator.named;
    operator.may("groups:read", &resource(name)).await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<Subject>()?);
    operator
        .store()
        .group(name)
        .await?
        .ok_or(AdminError::NotFound)?;
    let members = operator
        .store()
        .members(name, after.as_ref(), limit)
        .await?;
    let last = members.last().map(Subject::as_str);
    let shown = members.iter().map(|subject| json!(subject)).collect();
    Ok(page("members", shown, limit, last))
}

pub(super) async fn add_member(
    operator: Operator<(GroupName, Subject)>,
) -> Result<StatusCode, AdminError> {
    let membership = Membership {
        add: vec![operator.named.1.clone()],
        remove: Vec::new(),
    };
    change(operator, membership).await
}

pub(super) async fn remove_member(
    operator: Operator<(GroupName, Subject)>,
) -> Result<StatusCode, AdminError> {
    let membership = Membership {
        add: Vec::new(),
        remove: vec![operator.named.1.clone()],
    };
    change(operator, membership).await
}

async fn change(
    operator: Operator<(GroupName, Subject)>,
    membership: Membership,
) -> Result<StatusCode, AdminError> {
    let (name, subject) = &operator.named;
    let resource = format!("{}/members/{subject}", resource(name));
    operator.may("groups:write", &resource).await?;
    let version = seen_number(&operator.headers)?;
    match operator
        .store()
        .change_group(name, membership, version, operator.by())
        .await?
    {
        ChangeGroup::Changed { .. } => Ok(StatusCode::NO_CONTENT),
        ChangeGroup::NotFound | ChangeGroup::NoSubject(_) => Err(AdminError::NotFound),
        ChangeGroup::Conflict => Err(AdminError::Changed),
    }
}
