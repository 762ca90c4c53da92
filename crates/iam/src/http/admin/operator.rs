//! What each request of the admin API begins with: whose token it is, what the address names, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use sessionmint_access::Subject;
use sessionmint_oauth::ClientId;
use sessionmint_store::{By, Store};

use super::error::AdminError;
use super::page::Query;
use crate::App;
use crate::http::access::Check;
use crate::http::bearer::{self, ServiceAccount};
use crate::http::body;
use crate::http::client_ip::client_ip_of;

/// The scope of operators' programs.
const SCOPE: &str = "admin";

/// A program of an operator, asking for something of which the address names `T`.
///
/// As an argument of a handler it has seen to the token alone: [`Operator::may`] comes before all else.
pub(super) struct Operator<T = ()> {
    pub(super) app: Arc<App>,
    /// What the variable parts of the address name; what cannot be the id of anything names nothing.
    pub(super) named: T,
    pub(super) headers: HeaderMap,
    account: ServiceAccount,
    uri: Uri,
    network: IpAddr,
}

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Operator<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AdminError> {
        let account = bearer::service_account(app, &parts.headers, SCOPE).await?;
        let named = Path::from_request_parts(parts, app).await;
        let Path(named) = named.map_err(|_| AdminError::NotFound)?;
        Ok(Self {
            app: Arc::clone(app),
            named,
            headers: parts.headers.clone(),
            account,
            uri: parts.uri.clone(),
            network: client_ip_of(parts, &app.config.trusted_proxies),
        })
    }
}

impl<T> Operator<T> {
    /// Goes on only with this permission on this resource.
    pub(super) async fn may(
        &self,
        permission: &'static str,
        resource: &str,
    ) -> Result<(), AdminError> {
        let denied = || AdminError::Denied {
            permission,
            resource: resource.to_owned(),
        };
        let check = Check {
            subject: Subject::Client(self.account.subject.clone()),
            resource: resource.parse().map_err(|_| denied())?,
            permission: permission.parse().map_err(|_| denied())?,
        };
        let index = self.app.checking("admin").await?;
        let decision = self
            .app
            .checked(&index, &check, &self.account, self.network, "admin");
        if decision.allowed() {
            Ok(())
        } else {
            Err(denied())
        }
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.app.store
    }

    /// For the audit trail.
    pub(super) fn by(&self) -> By {
        By::client(self.account.client_id.clone(), self.app.clock.now())
            .through(self.account.client_id.clone())
            .from(self.network)
    }

    /// For the log.
    pub(super) fn client(&self) -> &ClientId {
        &self.account.client_id
    }

    pub(super) fn query(&self) -> Result<Query<'_>, AdminError> {
        Query::of(&self.uri)
    }

    pub(super) async fn json<B: DeserializeOwned>(&self, body: Body) -> Result<B, AdminError> {
        Ok(body::json_object(&self.headers, body).await?)
    }
}
