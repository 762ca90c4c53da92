//! What the tests of each topic begin with.

mod code;
mod interaction;
mod request;

use super::*;
use crate::id_token_hint::IdTokenHint;
use crate::jwt::TokenRefusal;
use crate::{
    ClientAuthentication, ClientSubject, GrantType, OAuthClient, RefreshPolicy, Scope, Timestamp,
    UserId,
};

const CALLBACK: &str = "https://app.example.com/callback";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn client() -> OAuthClient {
    OAuthClient {
        client_id: "app".parse().unwrap(),
        subject: ClientSubject::from_random([1; 16]),
        name: "The app".to_owned(),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec![CALLBACK.to_owned(), "http://127.0.0.1/cb".to_owned()],
        post_logout_redirect_uris: Vec::new(),
        default_resource: "https://api.example.com".to_owned(),
        resources: vec![
            "https://api.example.com".to_owned(),
            "https://b.example.com".to_owned(),
        ],
        scopes: scope("openid profile offline_access notes:read notes:write"),
        default_scopes: scope("notes:read"),
        ttl: 300,
        refresh: RefreshPolicy::default(),
        trusted: false,
        disabled_at: None,
    }
}

fn native() -> OAuthClient {
    OAuthClient {
        authentication: ClientAuthentication::None,
        ..client()
    }
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn ada() -> UserId {
    UserId::from_random([1; 16])
}

/// `good` is an ID token of the client and ada, `other` one of another client.
fn verify(token: &str) -> Result<IdTokenHint, TokenRefusal> {
    let client_id = match token {
        "good" => "app",
        "other" => "other",
        _ => return Err(TokenRefusal::BadSignature),
    };
    Ok(IdTokenHint {
        client_id: client_id.parse().unwrap(),
        user: ada(),
        session: None,
    })
}

/// A good request; `parameters` come on top, `name=` alone takes one away.
fn query(parameters: &str) -> String {
    let mut all = vec![
        ("response_type", "code".to_owned()),
        ("client_id", "app".to_owned()),
        ("redirect_uri", CALLBACK.to_owned()),
        ("code_challenge", CHALLENGE.to_owned()),
        ("code_challenge_method", "S256".to_owned()),
        ("state", "xyz".to_owned()),
    ];
    let given: Vec<_> = form_urlencoded::parse(parameters.as_bytes()).collect();
    all.retain(|(name, _)| !given.iter().any(|(other, _)| other == name));
    let all = all
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(all.chain(given))
        .finish()
}

enum Outcome {
    Page(PageError),
    Back(ReturnTo, RequestRefusal),
    Good(AuthorizationRequest),
}

fn ask(query: &str, client: &OAuthClient) -> Outcome {
    let asked = match Asked::parse(query.as_bytes()) {
        Ok(asked) => asked,
        Err(error) => return Outcome::Page(error),
    };
    if let Err(error) = asked.client_id() {
        return Outcome::Page(error);
    }
    match asked.return_to(client) {
        Err(error) => Outcome::Page(error),
        Ok(return_to) => match asked.request(client, return_to.clone(), verify) {
            Ok(request) => Outcome::Good(request),
            Err(refusal) => Outcome::Back(return_to, refusal),
        },
    }
}

fn good(parameters: &str) -> AuthorizationRequest {
    match ask(&query(parameters), &client()) {
        Outcome::Good(request) => request,
        Outcome::Page(error) => panic!("{parameters}: {error}"),
        Outcome::Back(_, refusal) => panic!("{parameters}: {refusal}"),
    }
}
