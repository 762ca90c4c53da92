//! Reading and checking an authorization request.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{OFFLINE_ACCESS, RequestRefusal};
use crate::id_token_hint::IdTokenHint;
use crate::jwt::TokenRefusal;
use crate::pkce::{self, CodeChallenge};
use crate::{ClientId, GrantType, OAuthClient, Scope, UserId, redirect_uri};

/// Most parameters that a request may have; OpenID Connect defines about twenty.
const MAX_PARAMETERS: usize = 64;

/// The longest `state` and `nonce`, in bytes: what is given back must be kept until then.
pub const MAX_ECHOED_BYTES: usize = 2048;

/// The longest `login_hint`, in bytes.
const MAX_HINT_BYTES: usize = 256;

/// The parameters of a request, as they came. Which fault matters is decided in the order of RFC 6749 §4.1.2.1.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    values: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    resources: Vec<Cow<'a, str>>,
    repeated: BTreeSet<Cow<'a, str>>,
}

/// A fault that only the user can be told of: to whom the request would lead back is not known, or not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// More parameters than any request has.
    #[error("too many parameters")]
    TooMany,
    /// `client_id` is missing.
    #[error("client_id is missing")]
    ClientMissing,
    /// `client_id` is no client's that may be sent back to.
    #[error("client_id is no client's")]
    ClientUnknown,
    /// `redirect_uri` is missing.
    #[error("redirect_uri is missing")]
    RedirectMissing,
    /// `redirect_uri` is none of the client's.
    #[error("redirect_uri is none of the client's")]
    RedirectUnknown,
    /// `client_id` or `redirect_uri` is there twice.
    #[error("client_id or redirect_uri is included more than once")]
    Repeated,
}

/// What the user is to be shown (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Nothing.
    pub none: bool,
    /// The sign-in, even to who is signed in.
    pub login: bool,
    /// The consent, even to who gave it before.
    pub consent: bool,
}

/// Where a response goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    /// The client's.
    pub redirect_uri: String,
    /// What is given back with every response.
    pub state: Option<String>,
}

/// A request that the client may make. It is stored as it is: nothing that happens later reads a parameter again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the response goes.
    pub redirect_uri: String,
    /// What is given back with the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What is given back in the ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What is asked for.
    pub scope: Scope,
    /// For which audiences, at least one; the first is that of a token request that names none.
    pub resources: Vec<String>,
    /// What the code's redemption has to answer.
    pub challenge: CodeChallenge,
    /// What the user is to be shown.
    #[serde(default)]
    pub prompt: Prompt,
    /// How many seconds ago the user may have signed in at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// Whom the client expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Whom the client's ID token hint names: the answer is about nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

impl<'a> Asked<'a> {
    /// From the query of an address or a form-encoded body. Empty values count as absent (RFC 6749 §3.1).
    ///
    /// # Errors
    /// [`PageError::TooMany`].
    pub fn parse(encoded: &'a [u8]) -> Result<Self, PageError> {
        let mut asked = Self {
            values: BTreeMap::new(),
            resources: Vec::new(),
            repeated: BTreeSet::new(),
        };
        for (count, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
            if count >= MAX_PARAMETERS {
                return Err(PageError::TooMany);
            }
            // RFC 8707 §2: the one parameter that may be repeated.
            if name == "resource" {
                asked.resources.push(value);
                continue;
            }
            match asked.values.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(first) => {
                    asked.repeated.insert(first.key().clone());
                }
            }
        }
        asked.resources.retain(|resource| !resource.is_empty());
        Ok(asked)
    }

    /// The client that is to be looked up.
    ///
    /// # Errors
    /// It is missing, or there are two.
    pub fn client_id(&self) -> Result<&str, PageError> {
        self.once("client_id")?.ok_or(PageError::ClientMissing)
    }

    /// Where the response goes, which is settled before anything is told to it.
    ///
    /// # Errors
    /// The client is disabled, or its redirect URI is missing, repeated or another.
    pub fn return_to(&self, client: &OAuthClient) -> Result<ReturnTo, PageError> {
        if client.disabled_at.is_some() {
            return Err(PageError::ClientUnknown);
        }
        let asked = self
            .once("redirect_uri")?
            .ok_or(PageError::RedirectMissing)?;
        if !redirect_uri::is_registered(&client.redirect_uris, asked, client.is_public()) {
            return Err(PageError::RedirectUnknown);
        }
        // A state that cannot be given back as it came is not given back.
        let state = self
            .once("state")
            .unwrap_or_default()
            .filter(|state| can_echo(state));
        Ok(ReturnTo {
            redirect_uri: asked.to_owned(),
            state: state.map(str::to_owned),
        })
    }

    /// The request, held against the client. Parameters that are not known are ignored; `verify` is given an ID token hint
    /// and checks that this service signed it.
    ///
    /// # Errors
    /// What the client is told.
    pub fn request(
        &self,
        client: &OAuthClient,
        return_to: ReturnTo,
        verify: impl FnOnce(&str) -> Result<IdTokenHint, TokenRefusal>,
    ) -> Result<AuthorizationRequest, RequestRefusal> {
        use RequestRefusal as Refusal;
        if !self.repeated.is_empty() {
            return Err(Refusal::Repeated);
        }
        if !client.may(GrantType::AuthorizationCode) {
            return Err(Refusal::Grant);
        }
        for (name, refusal) in [
            ("request", Refusal::RequestObject),
            ("request_uri", Refusal::RequestUri),
            ("registration", Refusal::Registration),
        ] {
            if self.get(name).is_some() {
                return Err(refusal);
            }
        }
        match self.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(Refusal::ResponseType),
            None => return Err(Refusal::ResponseTypeMissing),
        }
        if !matches!(self.get("response_mode"), None | Some("query")) {
            return Err(Refusal::ResponseMode);
        }
        let challenge = self.challenge()?;
        if ["state", "nonce"]
            .iter()
            .filter_map(|name| self.get(name))
            .any(|value| !can_echo(value))
        {
            return Err(Refusal::Echoed);
        }
        Ok(AuthorizationRequest {
            client_id: client.client_id.clone(),
            redirect_uri: return_to.redirect_uri,
            state: return_to.state,
            nonce: self.get("nonce").map(str::to_owned),
            scope: self.scope(client)?,
            resources: self.resources(client)?,
            challenge,
            prompt: self.prompt()?,
            max_age: self.max_age()?,
            login_hint: self
                .get("login_hint")
                .filter(|hint| hint.len() <= MAX_HINT_BYTES)
                .map(str::to_owned),
            user: self.user(client, verify)?,
        })
    }

    /// OpenID Connect Core §3.1.2.1. One that cannot be checked is refused, since to ignore it could answer about somebody
    /// else than the client means.
    fn user(
        &self,
        client: &OAuthClient,
        verify: impl FnOnce(&str) -> Result<IdTokenHint, TokenRefusal>,
    ) -> Result<Option<UserId>, RequestRefusal> {
        let Some(token) = self.get("id_token_hint") else {
            return Ok(None);
        };
        let hint = verify(token).and_then(|hint| hint.of(&client.client_id));
        Ok(Some(hint.map_err(RequestRefusal::Hint)?.user))
    }

    fn challenge(&self) -> Result<CodeChallenge, RequestRefusal> {
        let challenge = self
            .get("code_challenge")
            .ok_or(RequestRefusal::ChallengeMissing)?;
        if self.get("code_challenge_method") != Some(pkce::METHOD) {
            return Err(RequestRefusal::ChallengeMethod);
        }
        challenge.parse().map_err(|_| RequestRefusal::Challenge)
    }

    /// Offline access is for clients that can hold a refresh token; for others it means nothing (OpenID Connect Core §11).
    fn scope(&self, client: &OAuthClient) -> Result<Scope, RequestRefusal> {
        let scope = match self.get("scope") {
            None => client.default_scopes.clone(),
            Some(scope) => scope.parse().map_err(|_| RequestRefusal::MalformedScope)?,
        };
        let scope = if client.may(GrantType::RefreshToken) {
            scope
        } else {
            scope.without(OFFLINE_ACCESS)
        };
        if !scope.is_subset(&client.scopes) {
            return Err(RequestRefusal::ScopeBeyondClient);
        }
        Ok(scope)
    }

    fn resources(&self, client: &OAuthClient) -> Result<Vec<String>, RequestRefusal> {
        let mut resources = Vec::new();
        for asked in &self.resources {
            if !client.resources.iter().any(|own| own == asked) {
                return Err(RequestRefusal::ResourceBeyondClient);
            }
            if !resources.iter().any(|seen| seen == asked) {
                resources.push(asked.clone().into_owned());
            }
        }
        if resources.is_empty() {
            resources.push(client.default_resource.clone());
        }
        Ok(resources)
    }

    fn prompt(&self) -> Result<Prompt, RequestRefusal> {
        let mut prompt = Prompt::default();
        for word in self.get("prompt").unwrap_or_default().split(' ') {
            match word {
                "" => {}
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(RequestRefusal::Prompt),
            }
        }
        if prompt.none && (prompt.login || prompt.consent) {
            return Err(RequestRefusal::Prompt);
        }
        Ok(prompt)
    }

    fn max_age(&self) -> Result<Option<u64>, RequestRefusal> {
        let Some(text) = self.get("max_age") else {
            return Ok(None);
        };
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RequestRefusal::MaxAge);
        }
        Ok(Some(text.parse().unwrap_or(u64::MAX)))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(AsRef::as_ref)
            .filter(|value| !value.is_empty())
    }

    fn once(&self, name: &str) -> Result<Option<&str>, PageError> {
        if self.repeated.contains(name) {
            return Err(PageError::Repeated);
        }
        Ok(self.get(name))
    }
}

impl AuthorizationRequest {
    /// Whether the client may still make this request: its registration can change while the user reads.
    pub fn is_allowed(&self, client: &OAuthClient) -> bool {
        client.may(GrantType::AuthorizationCode)
            && redirect_uri::is_registered(
                &client.redirect_uris,
                &self.redirect_uri,
                client.is_public(),
            )
            && self.scope.is_subset(&client.scopes)
            && self.resources.iter().all(|resource| {
                client.resources.contains(resource) || *resource == client.default_resource
            })
    }
}

/// Whether a text can be given back byte for byte: not too long, and bytes that were no text are not there any more.
fn can_echo(text: &str) -> bool {
    text.len() <= MAX_ECHOED_BYTES && !text.contains(char::REPLACEMENT_CHARACTER)
}
