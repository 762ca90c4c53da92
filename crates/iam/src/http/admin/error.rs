//! Why a request of an operator's program was not carried out, and what it is answered.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sessionmint_access::InvalidText;
use sessionmint_oauth::registration::InvalidRegistration;
use sessionmint_store::StoreError;

use crate::http::bearer::BearerError;
use crate::http::body::JsonError;
use crate::http::problem::Problem;
use crate::keys::KeysError;
use crate::login::NewPasswordError;
use crate::random::RandomError;

#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error("the client has no role with {permission} on {resource}")]
    Denied {
        permission: &'static str,
        resource: String,
    },
    #[error(transparent)]
    Body(#[from] JsonError),
    /// A parameter of the address.
    #[error("{0}")]
    Query(String),
    /// Something in the body.
    #[error("{0}")]
    Invalid(String),
    /// A member of the body.
    #[error("{detail}")]
    Field {
        name: Cow<'static, str>,
        detail: String,
    },
    #[error("there is no such thing")]
    NotFound,
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    #[error("changed in the meantime")]
    Changed,
    #[error("no version was named")]
    NoVersion,
    #[error("too many passwords are being checked")]
    Busy { retry_after_secs: u64 },
    #[error("a signing key could not be made: {0}")]
    Keys(KeysError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a password could not be hashed")]
    Hashing,
}

impl AdminError {
    /// A member of the body is not what it should be.
    pub(super) fn field(name: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::Field {
            name: name.into(),
            detail: detail.into(),
        }
    }

    /// There is one of that name.
    pub(super) fn taken(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Conflict {
            code: "taken",
            detail,
        }
    }
}

impl From<InvalidText> for AdminError {
    fn from(error: InvalidText) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidRegistration> for AdminError {
    fn from(error: InvalidRegistration) -> Self {
        Self::field(error.field(), error.to_string())
    }
}

impl From<NewPasswordError> for AdminError {
    fn from(error: NewPasswordError) -> Self {
        match error {
            NewPasswordError::Busy { retry_after_secs } => Self::Busy { retry_after_secs },
            NewPasswordError::Unavailable => Self::Hashing,
            NewPasswordError::KeptElsewhere => Self::Conflict {
                code: "passwords_kept_elsewhere",
                detail: "this service does not keep the passwords of its users".to_owned(),
            },
        }
    }
}

impl From<KeysError> for AdminError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => Self::Store(error),
            KeysError::TooSoon(why) => Self::Conflict {
                code: "too_soon",
                detail: format!(
                    "{why}; it can be rotated from {}",
                    crate::clock::utc(why.earliest)
                ),
            },
            KeysError::Conflict => Self::Changed,
            other => Self::Keys(other),
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Bearer(error) => return error.into_response(),
            Self::Denied { .. } => {
                Problem::new(StatusCode::FORBIDDEN, "permission_denied", self.to_string())
            }
            Self::Body(error) => error.problem("the body is not the JSON object that is asked for"),
            Self::Query(detail) => Problem::new(StatusCode::BAD_REQUEST, "malformed", detail),
            Self::Invalid(detail) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
            }
            Self::Field { name, detail } => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).field(name)
            }
            Self::NotFound => Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "there is no such thing; it may be gone",
            ),
            Self::Conflict { code, detail } => Problem::new(StatusCode::CONFLICT, code, detail),
            Self::Changed => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "somebody changed it since you read it; read it again",
            ),
            Self::NoVersion => Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "version_required",
                "name the version that you read: If-Match with its ETag",
            ),
            Self::Busy { retry_after_secs } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many passwords are being checked right now; try again",
            )
            .retry_after(retry_after_secs),
            Self::Keys(_) | Self::Random(_) | Self::Store(_) | Self::Hashing => {
                tracing::error!(cause = %self, "admin request failed");
                Problem::unavailable()
            }
        };
        problem.into_response()
    }
}
