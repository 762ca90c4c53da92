//! Token exchange (RFC 8693): a service that was called with a user's token gets one of its own to call the next service with,
//! on behalf of the same user.
//!
//! It can only shrink: the audience is one of the client's, the scope is within what the user's token and the client both
//! have, and it ends no later than the user's token. Who acts is recorded in it.

use crate::asked::{Asked, Beyond, Granted, Limits};
use crate::error::ErrorCode;
use crate::form::Form;
use crate::jwt::MAX_ACTING;
use crate::{AccessTokenClaims, ActingParty, OAuthClient, Scope, Timestamp};

/// The one type of tokens that are taken and given (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRequest<'a> {
    /// The user's token. Nothing of it is checked yet.
    pub subject_token: &'a str,
    asked: Asked,
}

/// The token to issue. Its `sub`, `sid`, `auth_time` and `gid` are those of the user's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// `aud` and `scope`.
    pub granted: Granted,
    /// Seconds that it lives.
    pub expires_in: u64,
    /// `act`
    pub act: ActingParty,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `subject_token` is missing.
    #[error("subject_token is missing")]
    SubjectTokenMissing,
    /// `subject_token_type` is missing or another.
    #[error("subject_token_type is {ACCESS_TOKEN}")]
    SubjectTokenType,
    /// `requested_token_type` is another.
    #[error("requested_token_type is {ACCESS_TOKEN}, or absent")]
    RequestedTokenType,
    /// `actor_token`: the client that asks is who acts.
    #[error("actor_token is not supported: the client is who acts")]
    ActorToken,
    /// `audience`: audiences are addresses here.
    #[error("audience is not supported: resource names the service")]
    Audience,
    /// The token is not one of ours for this client's services, or it is over, or its user, session, grant or client is.
    #[error("the subject token is not good for this client")]
    NotLive,
    /// The token is about a client that acts for itself.
    #[error("the subject token is not a user's")]
    NotAUser,
    /// Too many act already.
    #[error("the subject token has been exchanged too often")]
    ChainTooLong,
    /// More is asked for than can be had.
    #[error(transparent)]
    Beyond(#[from] Beyond),
}

impl Refusal {
    /// The `error` member of the answer.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::SubjectTokenMissing
            | Self::SubjectTokenType
            | Self::RequestedTokenType
            | Self::ActorToken
            | Self::Audience => ErrorCode::InvalidRequest,
            Self::NotLive | Self::NotAUser | Self::ChainTooLong => ErrorCode::InvalidGrant,
            Self::Beyond(beyond) => beyond.code(),
        }
    }
}

impl<'a> ExchangeRequest<'a> {
    /// Reads the parameters; others are ignored.
    ///
    /// # Errors
    /// When one is missing or not supported.
    pub fn from_form(form: &'a Form<'_>) -> Result<Self, Refusal> {
        let subject_token = form
            .get("subject_token")
            .ok_or(Refusal::SubjectTokenMissing)?;
        if form.get("subject_token_type") != Some(ACCESS_TOKEN) {
            return Err(Refusal::SubjectTokenType);
        }
        let requested = form.get("requested_token_type");
        if requested.is_some_and(|kind| kind != ACCESS_TOKEN) {
            return Err(Refusal::RequestedTokenType);
        }
        if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
            return Err(Refusal::ActorToken);
        }
        if form.get("audience").is_some() {
            return Err(Refusal::Audience);
        }
        Ok(Self {
            subject_token,
            asked: Asked::from_form(form)?,
        })
    }

    /// Decides, given the claims of a user's token that is good at `now`. `user_scopes` is what the user may be granted by now;
    /// `None` is everything.
    ///
    /// # Errors
    /// When it is no user's, is over, or less than what is asked for.
    pub fn decide(
        self,
        subject: &AccessTokenClaims,
        client: &OAuthClient,
        user_scopes: Option<&Scope>,
        now: Timestamp,
    ) -> Result<Exchanged, Refusal> {
        if subject.user().is_none() {
            return Err(Refusal::NotAUser);
        }
        let act = ActingParty {
            sub: client.subject.to_string(),
            act: subject.act.clone().map(Box::new),
        };
        if act.depth() > MAX_ACTING {
            return Err(Refusal::ChainTooLong);
        }
        let left = u64::try_from(subject.exp.saturating_sub(now.secs())).unwrap_or(0);
        if left == 0 {
            return Err(Refusal::NotLive);
        }
        let mut scopes = subject.scope.intersection(&client.scopes);
        if let Some(allowed) = user_scopes {
            scopes = scopes.intersection(allowed);
        }
        let granted = self.asked.within(Limits {
            scopes: &scopes,
            default_scopes: &scopes,
            ..Limits::from(client)
        })?;
        Ok(Exchanged {
            granted,
            expires_in: client.ttl.min(left),
            act,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ClientAuthentication, ClientSubject, GrantType, RefreshPolicy, UserId};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const API: &str = "https://api.example.com";

    fn client() -> OAuthClient {
        OAuthClient {
            client_id: "worker".parse().unwrap(),
            subject: ClientSubject::from_random([9; 16]),
            name: "worker".to_owned(),
            authentication: ClientAuthentication::ClientSecretBasic,
            keys: None,
            grants: vec![GrantType::TokenExchange],
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            default_resource: API.to_owned(),
            resources: vec![API.to_owned(), "https://b.example.com".to_owned()],
            scopes: "a b c".parse().unwrap(),
            default_scopes: "a".parse().unwrap(),
            ttl: 300,
            refresh: RefreshPolicy::default(),
            trusted: false,
            disabled_at: None,
        }
    }

    fn subject(scope: &str, left: i64, acting: usize) -> AccessTokenClaims {
        let mut act = None;
        for number in 0..acting {
            let before = act.map(Box::new);
            act = Some(ActingParty {
                sub: format!("cli_{number}"),
                act: before,
            });
        }
        AccessTokenClaims {
            iss: "https://api.example.com/iam".to_owned(),
            sub: UserId::from_random([1; 16]).to_string(),
            aud: API.to_owned(),
            exp: NOW.secs() + left,
            iat: NOW.secs(),
            jti: "1".to_owned(),
            client_id: "web".parse().unwrap(),
            sid: None,
            auth_time: None,
            scope: scope.parse().unwrap(),
            gid: None,
            act,
        }
    }

    fn body(more: &str) -> String {
        format!("subject_token=t&subject_token_type={ACCESS_TOKEN}{more}")
    }

    fn exchange(more: &str, subject: &AccessTokenClaims) -> Result<Exchanged, Refusal> {
        let body = body(more);
        let form = Form::parse(body.as_bytes()).unwrap();
        ExchangeRequest::from_form(&form)?.decide(subject, &client(), None, NOW)
    }

    #[test]
    fn c040_the_parameters_are_as_in_the_rfc() {
        for (body, why) in [
            (String::new(), Refusal::SubjectTokenMissing),
            (
                format!("subject_token=&subject_token_type={ACCESS_TOKEN}"),
                Refusal::SubjectTokenMissing,
            ),
            ("subject_token=t".to_owned(), Refusal::SubjectTokenType),
            (
                "subject_token=t&subject_token_type=urn:ietf:params:oauth:token-type:refresh_token"
                    .to_owned(),
                Refusal::SubjectTokenType,
            ),
            (
                body("&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"),
                Refusal::RequestedTokenType,
            ),
            (body("&actor_token=x"), Refusal::ActorToken),
            (body("&audience=x"), Refusal::Audience),
            (body("&scope=a++b"), Refusal::Beyond(Beyond::MalformedScope)),
        ] {
            let form = Form::parse(body.as_bytes()).unwrap();
            assert_eq!(ExchangeRequest::from_form(&form).err(), Some(why), "{body}");
        }
    }

    #[test]
    fn c040_the_chain_of_who_acts_is_recorded_and_bounded() {
        let act = exchange("", &subject("a", 60, 0)).unwrap().act;
        assert_eq!((act.depth(), act.sub), (1, client().subject.to_string()));
        let act = exchange("", &subject("a", 60, MAX_ACTING - 1)).unwrap().act;
        assert_eq!(act.depth(), MAX_ACTING);
        let more = exchange("", &subject("a", 60, MAX_ACTING));
        assert_eq!(more, Err(Refusal::ChainTooLong));
    }

    #[test]
    fn c040_a_clients_own_token_is_not_exchanged() {
        let own = AccessTokenClaims {
            sub: client().subject.to_string(),
            ..subject("a", 60, 0)
        };
        assert_eq!(exchange("", &own), Err(Refusal::NotAUser));
        assert_eq!(exchange("", &subject("a", 0, 0)), Err(Refusal::NotLive));
    }

    proptest! {
        #[test]
        fn c040_an_exchange_only_shrinks(
            subject_scope in prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4),
            asked in prop::option::of(prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4)),
            user in prop::option::of(prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4)),
            left in -10_i64..1000,
        ) {
            let more = asked.as_ref().map_or(String::new(), |words| format!("&scope={}", words.join("+")));
            let body = body(&more);
            let form = Form::parse(body.as_bytes()).unwrap();
            let subject = subject(&subject_scope.join(" "), left, 0);
            let user: Option<Scope> = user.map(|words| words.join(" ").parse().unwrap());
            let decided = ExchangeRequest::from_form(&form).unwrap().decide(&subject, &client(), user.as_ref(), NOW);
            if let Ok(exchanged) = decided {
                prop_assert!(exchanged.granted.scope.is_subset(&subject.scope));
                prop_assert!(exchanged.granted.scope.is_subset(&client().scopes));
                prop_assert!(user.is_none_or(|user| exchanged.granted.scope.is_subset(&user)));
                let expires_in = i64::try_from(exchanged.expires_in).unwrap();
                prop_assert!(expires_in > 0 && NOW.secs() + expires_in <= subject.exp);
                prop_assert!(exchanged.expires_in <= client().ttl);
            }
        }
    }
}
