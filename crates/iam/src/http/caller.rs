//! Whose origin a request comes from.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderValue, header};
use sessionmint_oauth::origin::{FetchMetadata, Origin};
use sessionmint_oauth::{BrowserClient, ClientId};
use sessionmint_store::{AuditReason, Store, StoreError};

use crate::config::AuthorizeConfig;

/// What the `Origin` header says.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// There is none: not a browser's cross-origin call.
    NoOrigin,
    /// It is the origin of this client.
    Client(Arc<BrowserClient>),
    /// It is nobody's, or no origin at all.
    Refused(Stranger),
    /// It is the service's own.
    Own,
    /// It is a client's, but this is no script's `fetch`: a navigation, a form, an image, or a page of another site.
    NotFetch,
    /// The store could not say.
    Unknown {
        /// Whether it was a client's when the store last answered, so that its script may read that it should retry.
        was_allowed: bool,
    },
}

/// The origins that were allowed when the store was last asked. Only ever used to let a script read a 503.
#[derive(Default)]
pub(crate) struct KnownOrigins(RwLock<HashSet<String>>);

impl KnownOrigins {
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let clients = store.clients().await?;
        Ok(Self(RwLock::new(
            clients
                .into_iter()
                .flat_map(|client| client.origins)
                .collect(),
        )))
    }

    fn contains(&self, origin: &str) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(origin)
    }

    fn set(&self, origin: &str, allowed: bool) {
        if self.contains(origin) == allowed {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if allowed {
            known.insert(origin.to_owned());
        } else {
            known.remove(origin);
        }
    }
}

impl Caller {
    /// Looks the origin up, byte for byte. `own` is the service's, which is no client's whatever the store says: every
    /// service on that host could serve a page that mints.
    pub(super) async fn of(
        headers: &HeaderMap,
        own: &str,
        store: &dyn Store,
        known: &KnownOrigins,
    ) -> Self {
        let mut fields = headers.get_all(header::ORIGIN).iter();
        let (field, more) = (fields.next(), fields.next());
        let Some(field) = field else {
            return Self::NoOrigin;
        };
        let origin = if more.is_some() {
            None
        } else {
            Origin::parse(field.as_bytes())
        };
        let Some(origin) = origin else {
            return Self::Refused(Stranger::new(printable(field)));
        };
        if origin.as_str() == own {
            return Self::Own;
        }
        match store.client_by_origin(origin.as_str()).await {
            Ok(Some(client)) => {
                known.set(origin.as_str(), true);
                Self::Client(client)
            }
            Ok(None) => {
                known.set(origin.as_str(), false);
                Self::Refused(Stranger {
                    advice: on_own_site(origin, own).map_or(Advice::Register, Advice::Open),
                    ..Stranger::new(origin.to_string())
                })
            }
            Err(error) => {
                tracing::error!(%error, "the client of an origin could not be looked up");
                Self::Unknown {
                    was_allowed: known.contains(origin.as_str()),
                }
            }
        }
    }

    /// For an endpoint that acts on the session cookie: only a script's `fetch` will do.
    pub(super) fn only_fetch(self, headers: &HeaderMap) -> Self {
        match self {
            Self::Client(_) if !is_fetch(headers) => Self::NotFetch,
            other => other,
        }
    }

    /// For an endpoint of the pages where users of clients sign in: only a script on one of them will do.
    pub(super) fn only_page(self, headers: &HeaderMap, pages: Option<&AuthorizeConfig>) -> Self {
        if !matches!(self, Self::Client(_) | Self::Unknown { .. }) {
            return self;
        }
        let origin = headers
            .get(header::ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .unwrap_or_default();
        if pages.is_some_and(|pages| pages.has_origin(origin)) {
            return self;
        }
        Self::Refused(Stranger {
            advice: Advice::OnlyPage,
            ..Stranger::new(origin.to_owned())
        })
    }

    /// The word in the metrics for a caller whose script gets no answer to read. To have no origin is normal for what is
    /// no browser; where it matters the outcome of the request tells.
    pub(super) fn refused_because(&self) -> Option<&'static str> {
        match self {
            Self::Refused(_) => Some("not_registered"),
            Self::Own => Some("own"),
            Self::NotFetch => Some("not_fetch"),
            Self::NoOrigin | Self::Client(_) | Self::Unknown { .. } => None,
        }
    }

    /// The same for the audit trail, with the origin where it is known.
    pub(super) fn audited(&self) -> Option<(AuditReason, Option<&str>)> {
        match self {
            Self::Refused(stranger) => Some((AuditReason::NotRegistered, Some(&stranger.origin))),
            Self::Own => Some((AuditReason::OwnOrigin, None)),
            Self::NotFetch => Some((AuditReason::NotFetch, None)),
            Self::NoOrigin | Self::Client(_) | Self::Unknown { .. } => None,
        }
    }

    /// The id of the client, for the log.
    pub(super) fn client_id(&self) -> Option<&ClientId> {
        match self {
            Self::Client(client) => Some(&client.client_id),
            _ => None,
        }
    }

    /// The client, if there is one.
    pub(super) fn client(&self) -> Result<&BrowserClient, NotAllowed> {
        match self {
            Self::Client(client) => Ok(client),
            Self::NoOrigin => Err(NotAllowed::NoOrigin),
            Self::Refused(origin) => Err(NotAllowed::Origin(origin.clone())),
            Self::Own => Err(NotAllowed::OwnOrigin),
            Self::NotFetch => Err(NotAllowed::NotFetch),
            Self::Unknown { .. } => Err(NotAllowed::Unavailable),
        }
    }
}

/// Why a request may not act on the session cookie.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAllowed {
    /// It carries no `Origin`.
    #[error("no Origin header")]
    NoOrigin,
    /// Its origin is no client's.
    #[error("the origin is no client's; {}", .0.advice())]
    Origin(Stranger),
    /// Its origin is the service's own.
    #[error(
        "the origin is the service's own, from which nothing may mint: a page needs a host of its own"
    )]
    OwnOrigin,
    /// It is a navigation, a form, an image, or comes from another site.
    #[error("not a script's fetch from the same site (Sec-Fetch headers)")]
    NotFetch,
    /// The store could not say.
    #[error("the client of the origin could not be looked up")]
    Unavailable,
}

/// An origin that is no client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    origin: String,
    advice: Advice,
}

/// What an operator would do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Advice {
    /// Allow it.
    Register,
    /// Open the same app there: it is not on the site of the service from here.
    Open(String),
    /// Nothing: it is a browser client's, but not that of the page that signs users in to other clients.
    OnlyPage,
}

impl Stranger {
    fn new(origin: String) -> Self {
        Self {
            origin,
            advice: Advice::Register,
        }
    }

    /// What an operator would do. Nothing allows `null` or a malformed origin.
    fn advice(&self) -> String {
        let Self { origin, advice } = self;
        match (Origin::parse(origin.as_bytes()), advice) {
            (_, Advice::OnlyPage) => {
                format!("only the pages of [authorize] may call here, which {origin} is not")
            }
            (Some(origin), Advice::Open(instead)) => format!(
                "open the app at {instead}: browsers send this service no cookie from {origin}, an address being no name \
                 of the same site"
            ),
            (Some(origin), Advice::Register) => {
                format!("to allow it: sessionmint client set CLIENT_ID --add-origin {origin}")
            }
            (None, _) => format!("nothing allows it, `{origin}` is not the origin of a web page"),
        }
    }
}

/// Developers open `127.0.0.1` for `localhost` and the other way round; to browsers they are different sites.
fn on_own_site(origin: Origin<'_>, own: &str) -> Option<String> {
    let own = Origin::parse(own.as_bytes())?.host();
    let host = origin.host();
    let is_address = matches!(host, "127.0.0.1" | "[::1]");
    (is_address && own == "localhost").then(|| origin.as_str().replacen(host, own, 1))
}

fn is_fetch(headers: &HeaderMap) -> bool {
    let mut ambiguous = false;
    let mut header = |name: &str| {
        let mut fields = headers.get_all(name).iter();
        let field = fields.next();
        ambiguous |= fields.next().is_some();
        field.map(HeaderValue::as_bytes)
    };
    let metadata = FetchMetadata {
        site: header("sec-fetch-site"),
        mode: header("sec-fetch-mode"),
        dest: header("sec-fetch-dest"),
    };
    metadata.is_same_site_fetch() && !ambiguous
}

fn printable(value: &HeaderValue) -> String {
    value
        .as_bytes()
        .escape_ascii()
        .to_string()
        .chars()
        .take(100)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_would_help() {
        let said = |origin: &str, own: &str| {
            let instead = Origin::parse(origin.as_bytes()).and_then(|o| on_own_site(o, own));
            let advice = instead.map_or(Advice::Register, Advice::Open);
            let origin = origin.to_owned();
            NotAllowed::Origin(Stranger { origin, advice }).to_string()
        };
        let add = "sessionmint client set CLIENT_ID --add-origin";
        let new = "https://new.example.com";
        assert!(said(new, "https://api.example.com").ends_with(&format!("{add} {new}")));
        assert!(!said("null", "https://api.example.com").contains("--add-origin"));
        for address in ["http://127.0.0.1:5173", "http://[::1]:5173"] {
            let text = said(address, "http://localhost:4181");
            assert!(
                text.contains("open the app at http://localhost:5173") && !text.contains(add),
                "{text}"
            );
            assert!(said(address, "http://127.0.0.1:4181").contains(add));
        }
    }

    #[test]
    fn c034_a_repeated_fetch_metadata_header_is_no_fetch() {
        let mut headers = HeaderMap::new();
        headers.append("sec-fetch-mode", HeaderValue::from_static("cors"));
        assert!(is_fetch(&headers));
        headers.append("sec-fetch-mode", HeaderValue::from_static("navigate"));
        assert!(!is_fetch(&headers));
    }
}
