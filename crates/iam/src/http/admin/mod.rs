//! The admin API: what operators do at the command line, for their programs.
//!
//! For clients that act for themselves, with the scope `admin`, and each only as far as its roles go: an address
//! `/admin/users/{id}` needs the permission `users:read` or `users:write` on the resource `/iam/users/{id}`, and so on. The
//! first client gets its role at the command line. Not for browsers: there are no CORS headers.

mod audit;
mod clients;
mod consents;
mod error;
mod grants;
mod groups;
mod keys;
mod operator;
mod page;
mod records;
mod registration;
mod roles;
mod users;
mod version;

use std::collections::HashMap;

use axum::routing::{delete, get, post, put};
use sessionmint_oauth::UserId;

use super::{Routes, service_endpoint};
use crate::App;
use error::AdminError;
use operator::Operator;

/// Adds the addresses of the admin API.
pub(super) fn routes(routes: Routes, path: impl Fn(&str) -> String) -> Routes {
    let path = |rest: &str| path(&format!("/admin{rest}"));
    routes
        .route(
            &path("/users"),
            service_endpoint(get(users::list).post(users::add)),
        )
        .route(
            &path("/users/{id}"),
            service_endpoint(get(users::show).patch(users::change).delete(users::remove)),
        )
        .route(
            &path("/users/{id}/password"),
            service_endpoint(put(users::set_password)),
        )
        .route(
            &path("/users/{id}/sessions"),
            service_endpoint(get(users::sessions).delete(users::end_sessions)),
        )
        .route(
            &path("/users/{id}/sessions/{session}"),
            service_endpoint(delete(users::end_session)),
        )
        .route(
            &path("/clients"),
            service_endpoint(get(clients::list).post(registration::add)),
        )
        .route(
            &path("/clients/{id}"),
            service_endpoint(
                get(clients::show)
                    .put(registration::replace)
                    .patch(clients::change)
                    .delete(clients::remove),
            ),
        )
        .route(
            &path("/clients/{id}/secrets"),
            service_endpoint(post(clients::add_secret)),
        )
        .route(
            &path("/clients/{id}/secrets/{secret}"),
            service_endpoint(delete(clients::remove_secret)),
        )
        .route(
            &path("/users/{id}/consents"),
            service_endpoint(get(consents::list)),
        )
        .route(
            &path("/users/{id}/consents/{client}"),
            service_endpoint(delete(consents::withdraw)),
        )
        .route(
            &path("/sessions/{id}"),
            service_endpoint(delete(users::end_any_session)),
        )
        .route(
            &path("/grants"),
            service_endpoint(get(grants::list).delete(grants::end_all)),
        )
        .route(
            &path("/grants/{id}"),
            service_endpoint(get(grants::show).delete(grants::end)),
        )
        .route(
            &path("/roles"),
            service_endpoint(get(roles::list).post(roles::add)),
        )
        .route(
            &path("/roles/{name}"),
            service_endpoint(get(roles::show).put(roles::replace).delete(roles::remove)),
        )
        .route(
            &path("/groups"),
            service_endpoint(get(groups::list).post(groups::add)),
        )
        .route(
            &path("/groups/{name}"),
            service_endpoint(get(groups::show).delete(groups::remove)),
        )
        .route(
            &path("/groups/{name}/members"),
            service_endpoint(get(groups::members)),
        )
        .route(
            &path("/groups/{name}/members/{subject}"),
            service_endpoint(put(groups::add_member).delete(groups::remove_member)),
        )
        .route(
            &path("/records"),
            service_endpoint(get(records::list).post(records::add)),
        )
        .route(
            &path("/records/{id}"),
            service_endpoint(get(records::show).delete(records::remove)),
        )
        .route(&path("/keys"), service_endpoint(get(keys::list)))
        .route(&path("/keys/rotate"), service_endpoint(post(keys::rotate)))
        .route(&path("/audit"), service_endpoint(get(audit::list)))
}

/// The names that users have now.
struct Names(HashMap<UserId, Option<String>>);

impl Names {
    async fn of(app: &App, users: impl Iterator<Item = &UserId>) -> Result<Self, AdminError> {
        let mut names = HashMap::new();
        for id in users {
            if !names.contains_key(id) {
                let user = app.store.user(id).await?;
                names.insert(id.clone(), user.map(|user| user.username));
            }
        }
        Ok(Self(names))
    }

    fn name(&self, id: Option<&UserId>) -> Option<&str> {
        self.0.get(id?)?.as_deref()
    }
}
