//! Records. Who may add them can give any role to anybody, to themselves as well.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use sessionmint_access::{Record, RecordId};
use sessionmint_store::{AddRecord, RecordFilter};

use super::Operator;
use super::error::AdminError;
use super::page::page;
use super::users::done;
use crate::random;

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

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("records:read", ALL).await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<RecordId>()?);
    let filter = RecordFilter {
        grantee: query.get("subject")?,
        role: query.get("role")?,
    };
    let records = operator
        .store()
        .records(&filter, after.as_ref(), limit)
        .await?;
    let last = records.last().map(|record| record.id.as_str());
    let shown = records.iter().map(|record| json!(record)).collect();
    Ok(page("records", shown, limit, last))
}

/// A record that says the same already is as good as a new one.
pub(super) async fn add(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("records:write", ALL).await?;
    let asked: NewRecordRequest = operator.json(body).await?;
    let record = Record {
        id: RecordId::from_random(random::bytes(&*operator.app.random)?),
        grantee: asked.subject.parse()?,
        role: asked.role.parse()?,
        pattern: asked.resource.parse()?,
    };
    match operator
        .store()
        .add_record(record.clone(), operator.by())
        .await?
    {
        AddRecord::Added => Ok((StatusCode::CREATED, Json(record)).into_response()),
        AddRecord::Exists(id) => Ok(Json(Record { id, ..record }).into_response()),
        AddRecord::NoRole => Err(AdminError::Invalid("there is no such role".to_owned())),
        AddRecord::NoGrantee => Err(AdminError::Invalid(
            "there is no such user, client or group".to_owned(),
        )),
    }
}

pub(super) async fn show(operator: Operator<RecordId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("records:read", &resource(id)).await?;
    let record = operator
        .store()
        .record(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    Ok(Json(record).into_response())
}

pub(super) async fn remove(operator: Operator<RecordId>) -> Result<StatusCode, AdminError> {
    let id = &operator.named;
    operator.may("records:write", &resource(id)).await?;
    done(operator.store().remove_record(id, operator.by()).await?)?;
    Ok(StatusCode::NO_CONTENT)
}
