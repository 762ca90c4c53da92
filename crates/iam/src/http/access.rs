//! `POST /access/check` and `POST /access/check/batch`: a service asks whether somebody may do something, and why.
//!
//! For clients that act for themselves, with the scope `access:check`. An outage answers 503 and never a decision.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sessionmint_access::{
    Decision, Index, InvalidText, Match, Permission, ResourcePath, Subject, Why,
};
use sessionmint_store::{AuditKind, StoreError};

use super::bearer::{self, BearerError, ServiceAccount};
use super::body::{self, JsonError};
use super::client_ip::client_ip_of;
use super::problem::Problem;
use crate::App;
use crate::refusals::{About, Denied, Refused};

/// The scope that a token needs to ask.
const SCOPE: &str = "access:check";

/// Most checks of one request.
const MAX_CHECKS: usize = 100;

/// What is asked, as it comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    subject: String,
    resource: String,
    permission: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    checks: Vec<CheckRequest>,
}

#[derive(Serialize)]
struct DecisionAnswer {
    allowed: bool,
    why: WhyAnswer,
}

#[derive(Serialize)]
struct WhyAnswer {
    code: &'static str,
    text: String,
    records: Vec<Match>,
}

#[derive(Serialize)]
struct BatchAnswer {
    decisions: Vec<DecisionAnswer>,
}

/// What is asked.
pub(super) struct Check {
    pub(super) subject: Subject,
    pub(super) resource: ResourcePath,
    pub(super) permission: Permission,
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error(transparent)]
    Body(#[from] JsonError),
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    #[error("not 1 to {MAX_CHECKS} checks")]
    Number,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The handler of one.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, CheckError> {
    let (parts, body) = request.into_parts();
    let caller = bearer::service_account(&app, &parts.headers, SCOPE).await?;
    let check: CheckRequest = body::json_object(&parts.headers, body).await?;
    let check = Check::try_from(check)?;
    let network = client_ip_of(&parts, &app.config.trusted_proxies);
    let index = app.checking("service").await?;
    Ok(Json(DecisionAnswer::from(
        app.checked(&index, &check, &caller, network, "service"),
    ))
    .into_response())
}

/// The handler of several, all of them by the policy of one moment.
pub(super) async fn check_batch(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, CheckError> {
    let (parts, body) = request.into_parts();
    let caller = bearer::service_account(&app, &parts.headers, SCOPE).await?;
    let checks = batch(&parts.headers, body).await?;
    let network = client_ip_of(&parts, &app.config.trusted_proxies);
    let index = app.checking("service").await?;
    let decisions = checks
        .iter()
        .map(|check| {
            app.checked(&index, check, &caller, network, "service")
                .into()
        })
        .collect();
    Ok(Json(BatchAnswer { decisions }).into_response())
}

async fn batch(headers: &HeaderMap, body: Body) -> Result<Vec<Check>, CheckError> {
    let BatchRequest { checks } = body::json_object(headers, body).await?;
    if !(1..=MAX_CHECKS).contains(&checks.len()) {
        return Err(CheckError::Number);
    }
    let checks = checks.into_iter().map(Check::try_from);
    Ok(checks.collect::<Result<_, _>>()?)
}

impl App {
    /// The policy as of now, for checks that are counted as of `by`.
    pub(super) async fn checking(&self, by: &'static str) -> Result<Arc<Index>, StoreError> {
        let index = self.access_index().await;
        if let Err(error) = &index {
            tracing::error!(%error, "a permission could not be checked");
            self.metrics.access_check(by, "unavailable");
        }
        index
    }

    /// Decides, counts, and has a denial recorded.
    pub(super) fn checked(
        &self,
        index: &Index,
        check: &Check,
        caller: &ServiceAccount,
        network: IpAddr,
        by: &'static str,
    ) -> Decision {
        let Check {
            subject,
            resource,
            permission,
        } = check;
        let decision = index.authorize(subject, resource, permission);
        if decision.allowed() {
            self.metrics.access_check(by, "allowed");
            return decision;
        }
        self.metrics.access_check(by, "denied");
        let why = decision.why.code();
        tracing::info!(client_id = %caller.client_id, %subject, %resource, %permission, why, "permission denied");
        self.refusals.count(Refused {
            kind: AuditKind::AccessDenied,
            reason: None,
            about: About::Permission(Box::new(Denied {
                caller: caller.client_id.clone(),
                subject: subject.clone(),
                resource: resource.clone(),
                permission: permission.clone(),
                why,
            })),
            at: self.clock.now(),
            network,
            client_id: Some(caller.client_id.clone()),
        });
        decision
    }
}

impl TryFrom<CheckRequest> for Check {
    type Error = InvalidText;

    fn try_from(asked: CheckRequest) -> Result<Self, InvalidText> {
        Ok(Self {
            subject: asked.subject.parse()?,
            resource: asked.resource.parse()?,
            permission: asked.permission.parse()?,
        })
    }
}

impl From<Decision> for DecisionAnswer {
    fn from(decision: Decision) -> Self {
        Self {
            allowed: decision.allowed(),
            why: decision.why.into(),
        }
    }
}

impl From<Why> for WhyAnswer {
    fn from(why: Why) -> Self {
        Self {
            code: why.code(),
            text: why.to_string(),
            records: why.records().to_vec(),
        }
    }
}

impl IntoResponse for CheckError {
    fn into_response(self) -> Response {
        match self {
            Self::Bearer(error) => return error.into_response(),
            Self::Body(error) => error.problem(
                "the body is a JSON object with the strings subject, resource and permission, or of a batch with the array \
                 checks of such objects",
            ),
            Self::Invalid(error) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                error.to_string(),
            ),
            Self::Number => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "a batch has 1 to 100 checks",
            ),
            // Logged where it happened.
            Self::Store(_) => Problem::unavailable(),
        }
        .into_response()
    }
}
