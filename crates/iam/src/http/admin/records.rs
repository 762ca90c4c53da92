//! Records. Who may add them can give any role to anybody, to themselves as well.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use sessionmint_access::{Record, RecordId};
use sessionmint_store::{AddRecord, RecordFilter};

use super::error::AdminError;
use super::page::{Query, page};
use super::users::done;
use super::{Operator, named};
use crate::http::body;
use crate::{App, random};

const ALL: &str = "/iam/records";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRecordRequest {
    subject: String,
    role: String,
    resource: String,
}

fn resource(id: &RecordId) -> String {
    format!("{ALL}/{id}")
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("records:read", ALL)
        .await?;
    let query = Query::of(&parts.uri)?;
    let (limit, after) = (query.limit()?, query.after::<RecordId>()?);
    let filter = RecordFilter {
        grantee: query.get("subject")?,
        role: query.get("role")?,
    };
    let records = app.store.records(&filter, after.as_ref(), limit).await?;
    let last = records.last().map(|record| record.id.as_str());
    let shown = records.iter().map(|record| json!(record)).collect();
    Ok(page("records", shown, limit, last))
}

/// A record that says the same already is as good as a new one.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    operator.may("records:write", ALL).await?;
    let asked: NewRecordRequest = body::json_object(&parts.headers, body).await?;
    let record = Record {
        id: RecordId::from_random(random::bytes(&*app.random)?),
        grantee: asked.subject.parse()?,
        role: asked.role.parse()?,
        pattern: asked.resource.parse()?,
    };
    match app.store.add_record(record.clone(), operator.by()).await? {
        AddRecord::Added => Ok((StatusCode::CREATED, Json(record)).into_response()),
        AddRecord::Exists(id) => Ok(Json(Record { id, ..record }).into_response()),
        AddRecord::NoRole => Err(AdminError::Invalid("there is no such role".to_owned())),
        AddRecord::NoGrantee => Err(AdminError::Invalid(
            "there is no such user, client or group".to_owned(),
        )),
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: RecordId = named(id)?;
    operator.may("records:read", &resource(&id)).await?;
    let record = app.store.record(&id).await?.ok_or(AdminError::NotFound)?;
    Ok(Json(record).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: RecordId = named(id)?;
    operator.may("records:write", &resource(&id)).await?;
    done(app.store.remove_record(&id, operator.by()).await?)?;
    Ok(StatusCode::NO_CONTENT)
}
