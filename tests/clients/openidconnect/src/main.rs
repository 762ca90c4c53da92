//! A relying party on the `openidconnect` crate. It is told about the service in a line of JSON, says in another where the
//! browser is to go, is told in a third where that came back to, and says in the last what it learned.

use std::error::Error;
use std::io::stdin;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::url::Url;
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let told = hear()?;
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let http = |request: HttpRequest| -> Result<HttpResponse, ureq::Error> {
        let (parts, mut body) = agent.run(request)?.into_parts();
        Ok(HttpResponse::from_parts(parts, body.read_to_vec()?))
    };

    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(text("issuer"))?, &http)?;
    let id = ClientId::new(text("client_id"));
    let secret = ClientSecret::new(text("client_secret"));
    let client = CoreClient::from_provider_metadata(metadata, id, Some(secret))
        .set_redirect_uri(RedirectUrl::new(text("redirect_uri"))?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (visit, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(
            ["profile", "offline_access", "notes:read"].map(|scope| Scope::new(scope.into())),
        )
        .set_pkce_challenge(challenge)
        .url();
    println!("{}", json!({ "visit": visit }));

    let back = Url::parse(hear()?["back"].as_str().unwrap_or_default())?;
    let parameter = |name: &str| {
        let found = back.query_pairs().find(|(other, _)| other == name);
        found
            .map(|(_, value)| value.into_owned())
            .ok_or("a parameter is missing")
    };
    if parameter("state")? != *state.secret() {
        return Err("the state is another".into());
    }
    let tokens = client
        .exchange_code(AuthorizationCode::new(parameter("code")?))?
        .set_pkce_verifier(verifier)
        .request(&http)?;
    let claims = tokens
        .id_token()
        .ok_or("there is no ID token")?
        .claims(&client.id_token_verifier(), &nonce)?;

    let refresh_token = tokens.refresh_token().ok_or("there is no refresh token")?;
    let renewed = client
        .exchange_refresh_token(refresh_token)?
        .request(&http)?;
    let user: CoreUserInfoClaims = client
        .user_info(
            renewed.access_token().clone(),
            Some(claims.subject().clone()),
        )?
        .request(&http)?;
    let scopes: Vec<&str> = tokens
        .scopes()
        .into_iter()
        .flatten()
        .map(|scope| scope.as_str())
        .collect();
    println!(
        "{}",
        json!({
            "username": user.preferred_username().map(|name| name.as_str()),
            "scope": scopes.join(" "),
            "replaced": renewed.refresh_token().is_some_and(|new| new.secret() != refresh_token.secret()),
        })
    );
    Ok(())
}

fn hear() -> Result<Value, Box<dyn Error>> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
