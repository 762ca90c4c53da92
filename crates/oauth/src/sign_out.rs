//! Sign-out that a client asks for (OpenID Connect RP-Initiated Logout 1.0), as decisions.
//!
//! [`SignOutRequest::read`] takes the client's parameters, [`SignOutRequest::for_page`] passes on to the operator's page what
//! it is to ask the user about, and [`SignOutRequest::location`] is where to go afterwards. Nothing here ends a session
//! unasked: a link may have led the user here, and an ID token that fits a session is no word of its user.

use form_urlencoded::Serializer;
use serde::Deserialize;

use crate::authorize::MAX_ECHOED_BYTES;
use crate::form::Form;
use crate::id_token_hint::IdTokenHint;
use crate::jwt::TokenRefusal;
use crate::{ClientId, OAuthClient, UserId};

/// What a client asks for. Nobody who reads it again needs to trust it: an address counts only where it is registered, and
/// the user only says whom the client means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SignOutRequest {
    /// Who asks.
    pub client_id: Option<ClientId>,
    /// Where to go afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// What is given back there.
    pub state: Option<String>,
    /// Whom the client means.
    pub user: Option<UserId>,
}

/// Why the request leads nowhere. The user is told, and stays signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignOutFault {
    /// A parameter occurs twice, or there are too many.
    #[error("a parameter is included more than once")]
    Repeated,
    /// `id_token_hint` cannot be taken.
    #[error(
        "id_token_hint is no ID token that this service gave and still has the key of: {0}; client_id says who asks as well"
    )]
    Hint(TokenRefusal),
    /// `client_id` and `id_token_hint` are of two clients.
    #[error("client_id is not that of id_token_hint")]
    TwoClients,
    /// `client_id` is not in the form of one.
    #[error("client_id is no client's")]
    ClientUnknown,
    /// Nobody says whose the address is.
    #[error("post_logout_redirect_uri needs client_id or id_token_hint")]
    ClientMissing,
    /// The address is not registered.
    #[error("post_logout_redirect_uri is none of the client's")]
    Unregistered,
}

impl SignOutRequest {
    /// From the parameters as a client sent them; `verify` is given an ID token hint and checks that this service signed it.
    ///
    /// # Errors
    /// [`SignOutFault`]; whether the address is registered is asked later.
    pub fn read(
        parameters: &[u8],
        verify: impl FnOnce(&str) -> Result<IdTokenHint, TokenRefusal>,
    ) -> Result<Self, SignOutFault> {
        let form = Form::parse(parameters).map_err(|_| SignOutFault::Repeated)?;
        let hint = form.get("id_token_hint").map(verify);
        let hint = hint.transpose().map_err(SignOutFault::Hint)?;
        let named: Option<ClientId> = form
            .get("client_id")
            .map(str::parse)
            .transpose()
            .map_err(|_| SignOutFault::ClientUnknown)?;
        let (hinted, user) = match hint {
            Some(hint) => (Some(hint.client_id), Some(hint.user)),
            None => (None, None),
        };
        if hinted.is_some() && named.is_some() && hinted != named {
            return Err(SignOutFault::TwoClients);
        }
        let client_id = named.or(hinted);
        let uri = form.get("post_logout_redirect_uri");
        if uri.is_some() && client_id.is_none() {
            return Err(SignOutFault::ClientMissing);
        }
        let state = form
            .get("state")
            .filter(|state| state.len() <= MAX_ECHOED_BYTES);
        Ok(Self {
            client_id,
            post_logout_redirect_uri: uri.map(str::to_owned),
            state: state.map(str::to_owned),
            user,
        })
    }

    /// From the parameters of [`SignOutRequest::for_page`].
    ///
    /// # Errors
    /// [`SignOutFault`], where somebody else wrote them.
    pub fn of_page(parameters: &[u8]) -> Result<Self, SignOutFault> {
        let form = Form::parse(parameters).map_err(|_| SignOutFault::Repeated)?;
        let client_id = form.get("client_id").map(str::parse).transpose();
        Ok(Self {
            client_id: client_id.map_err(|_| SignOutFault::ClientUnknown)?,
            post_logout_redirect_uri: form.get("post_logout_redirect_uri").map(str::to_owned),
            state: form.get("state").map(str::to_owned),
            user: form.get("user").and_then(|user| user.parse().ok()),
        })
    }

    /// As parameters for the operator's page; empty if the request says nothing.
    pub fn for_page(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("client_id", self.client_id.as_ref().map(ClientId::as_str)),
            (
                "post_logout_redirect_uri",
                self.post_logout_redirect_uri.as_deref(),
            ),
            ("state", self.state.as_deref()),
            ("user", self.user.as_ref().map(UserId::as_str)),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// Where to go afterwards, `None` for nowhere: byte for byte an address of the client, which is there and not disabled.
    ///
    /// # Errors
    /// [`SignOutFault::Unregistered`].
    pub fn location(&self, client: Option<&OAuthClient>) -> Result<Option<String>, SignOutFault> {
        let Some(uri) = &self.post_logout_redirect_uri else {
            return Ok(None);
        };
        let registered = client.is_some_and(|client| {
            client.disabled_at.is_none() && client.post_logout_redirect_uris.contains(uri)
        });
        if !registered {
            return Err(SignOutFault::Unregistered);
        }
        let Some(state) = &self.state else {
            return Ok(Some(uri.clone()));
        };
        let separator = if uri.contains('?') { '&' } else { '?' };
        let state = Serializer::new(String::new())
            .append_pair("state", state)
            .finish();
        Ok(Some(format!("{uri}{separator}{state}")))
    }

    /// Whether the client means somebody else than the user who is signed in.
    pub fn means_another(&self, signed_in: &UserId) -> bool {
        self.user.as_ref().is_some_and(|meant| meant != signed_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str = "https://app.example.com/bye";

    fn ada() -> UserId {
        UserId::from_random([1; 16])
    }

    /// The token `good` is of the client `app` and the user `ada`.
    fn verify(token: &str) -> Result<IdTokenHint, TokenRefusal> {
        if token == "good" {
            Ok(IdTokenHint {
                client_id: "app".parse().unwrap(),
                user: ada(),
                session: None,
            })
        } else {
            Err(TokenRefusal::BadSignature)
        }
    }

    fn read(parameters: &str) -> Result<SignOutRequest, SignOutFault> {
        SignOutRequest::read(parameters.as_bytes(), verify)
    }

    #[test]
    fn what_a_client_asks_for_reaches_the_page() {
        assert_eq!(read(""), Ok(SignOutRequest::default()));
        assert_eq!(read("").unwrap().for_page(), "");
        let asked = format!("id_token_hint=good&post_logout_redirect_uri={BYE}&state=a%26b");
        let request = read(&asked).unwrap();
        assert_eq!(request.client_id, Some("app".parse().unwrap()));
        assert_eq!(request.user, Some(ada()));
        let page = request.for_page();
        assert!(!page.contains("good"), "the token itself goes nowhere");
        // `user` is no parameter of clients: only a hint names one.
        let again = read(&page).unwrap();
        assert_eq!(
            again,
            SignOutRequest {
                user: None,
                ..request.clone()
            }
        );
        assert_eq!(
            SignOutRequest::of_page(page.as_bytes()),
            Ok(request.clone())
        );
        assert!(request.means_another(&UserId::from_random([2; 16])));
        assert!(!request.means_another(&ada()) && !again.means_another(&ada()));
    }

    #[test]
    fn a_hint_that_is_not_ours_or_another_clients_leads_nowhere() {
        use SignOutFault as F;
        for (parameters, fault) in [
            ("id_token_hint=forged", F::Hint(TokenRefusal::BadSignature)),
            (
                "id_token_hint=forged&client_id=app",
                F::Hint(TokenRefusal::BadSignature),
            ),
            ("id_token_hint=good&client_id=other", F::TwoClients),
            ("client_id=%3Cscript%3E", F::ClientUnknown),
            (
                "post_logout_redirect_uri=https://app.example.com/bye",
                F::ClientMissing,
            ),
            ("client_id=app&client_id=app", F::Repeated),
        ] {
            assert_eq!(read(parameters), Err(fault), "{parameters}");
        }
        assert!(read("id_token_hint=good&client_id=app").is_ok());
    }
}
