//! The audit trail. To look at it leaves no record in it.

use std::str::FromStr;

use axum::response::Response;
use sessionmint_oauth::Timestamp;
use sessionmint_store::{AuditCursor, AuditFilter};

use super::error::AdminError;
use super::page::page;
use super::{Names, Operator};
use crate::shown;
use crate::when::When;

/// A place in the trail, as a text.
struct Place(AuditCursor);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Self(AuditCursor {
            at: Timestamp::from_millis(at.parse().map_err(|_| ())?),
            id: id.parse().map_err(|_| ())?,
        }))
    }
}

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("audit:read", "/iam/audit").await?;
    let query = operator.query()?;
    let (limit, after) = (query.limit()?, query.after::<Place>()?);
    let now = operator.app.clock.now();
    let filter = AuditFilter {
        since: query.get::<When>("since")?.map(|when| when.at(now)),
        until: query.get::<When>("until")?.map(|when| when.at(now)),
        user_id: query.get("user_id")?,
        kinds: match query.text("kind") {
            Some(text) => shown::audit_kinds(text).map_err(AdminError::Query)?,
            None => Vec::new(),
        },
    };
    let records = operator
        .store()
        .audit(&filter, after.map(|place| place.0), limit)
        .await?;
    let users = records.iter().filter_map(|record| record.user_id.as_ref());
    let names = Names::of(&operator.app, users).await?;
    let last = records.last().map(|record| {
        let AuditCursor { at, id } = record.cursor();
        format!("{}.{id}", at.millis())
    });
    let shown = records
        .iter()
        .map(|record| shown::audit_record(record, names.name(record.user_id.as_ref())))
        .collect();
    Ok(page("records", shown, limit, last.as_deref()))
}
