//! What a user has to do before there is a code.

use super::{AuthorizationRequest, OFFLINE_ACCESS, OPENID, PROFILE, RequestRefusal};
use crate::lifetime::{SessionPolicy, SessionTimes};
use crate::{OAuthClient, Scope, Timestamp, UserId};

/// The session in the user's browser.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn<'a> {
    /// Whose it is.
    pub user: &'a UserId,
    /// Whether it is over.
    pub times: SessionTimes,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// What the user may be granted; `None` is everything that the client may ask for.
    pub user_scopes: Option<&'a Scope>,
}

/// Whether the user agrees.
#[derive(Clone, Copy, Debug)]
pub enum Consent<'a> {
    /// They say so now, to this request.
    Given,
    /// What they agreed to before at each of the request's resources, if anything.
    Earlier(Option<&'a Scope>),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// The user signs in.
    Login,
    /// The user says whether they agree that the client gets this scope.
    Consent(Scope),
    /// The client gets a code, for this scope.
    Grant(Scope),
    /// The client is told why not.
    Error(RequestRefusal),
}

/// Decides at `now` for a request that came at `requested_at`.
///
/// Where the client named a user by an ID token hint, a session of anybody else is none: the user signs in as the one who is
/// meant, or goes back with an error (OpenID Connect Core §3.1.2.1).
///
/// A sign-in counts as recent when it was made for this request, however long the user then reads the consent. Where anybody
/// can pose as the client, who has no secret and listens on the user's machine, the user is asked each time, whatever they
/// said before and whoever made the client (RFC 8252 §8.6).
pub fn decide_interaction(
    request: &AuthorizationRequest,
    requested_at: Timestamp,
    client: &OAuthClient,
    session: Option<SignedIn<'_>>,
    consent: Consent<'_>,
    policy: SessionPolicy,
    now: Timestamp,
) -> Interaction {
    let none = request.prompt.none;
    let recent = |session: &SignedIn<'_>| {
        let age = now.secs_since(session.auth_time);
        let young = request.max_age.is_none_or(|max_age| age <= max_age);
        session.auth_time > requested_at || (!request.prompt.login && young)
    };
    let live = session
        .filter(|session| session.times.remaining_secs(policy, now).is_some())
        .filter(|session| is_meant(request, session.user))
        .filter(recent);
    let Some(session) = live else {
        return if none {
            Interaction::Error(RequestRefusal::LoginRequired)
        } else {
            Interaction::Login
        };
    };
    let scope = match session.user_scopes {
        Some(allowed) => grantable(&request.scope, allowed),
        None => request.scope.clone(),
    };
    let agreed = match consent {
        Consent::Given => true,
        Consent::Earlier(_) if request.prompt.consent || !is_known(request, client) => false,
        Consent::Earlier(_) if client.trusted => true,
        Consent::Earlier(earlier) => earlier.is_some_and(|earlier| scope.is_subset(earlier)),
    };
    match (agreed, none) {
        (true, _) => Interaction::Grant(scope),
        (false, true) => Interaction::Error(RequestRefusal::ConsentRequired),
        (false, false) => Interaction::Consent(scope),
    }
}

/// Whether the client's ID token hint, if there is one, names this user.
pub fn is_meant(request: &AuthorizationRequest, user: &UserId) -> bool {
    request.user.as_ref().is_none_or(|meant| meant == user)
}

/// Whether nobody else can pose as the client, so that what the user agrees to can be remembered.
pub fn is_known(request: &AuthorizationRequest, client: &OAuthClient) -> bool {
    !client.is_public() || request.redirect_uri.starts_with("https://")
}

/// What a user may grant of what is asked for: permissions as far as they have them. Who they are, and for how long, is no
/// permission.
pub fn grantable(asked: &Scope, allowed: &Scope) -> Scope {
    asked.filtered(|token| {
        allowed.contains(token) || [OPENID, PROFILE, OFFLINE_ACCESS].contains(&token)
    })
}
