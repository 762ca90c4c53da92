//! `id_token_hint`: the client says whom it means.

use sessionmint_iam::keys::Rotation;
use sessionmint_oauth::id_token::IdTokenClaims;

use super::*;
use crate::support::decode;

impl Flow {
    /// An ID token of this service that says something else than the usual.
    pub(super) fn id_token(&self, change: impl FnOnce(&mut IdTokenClaims<'_>)) -> String {
        let now = self.service.clock.now();
        let mut claims = IdTokenClaims {
            iss: ISSUER,
            sub: self.ada.as_str(),
            aud: "app",
            exp: now.plus_secs(300).secs(),
            iat: now.secs(),
            auth_time: now.secs(),
            nonce: None,
            sid: None,
        };
        change(&mut claims);
        let mut token = String::new();
        let signed = self
            .service
            .app
            .keys
            .sign_id_token(&claims, now, &mut token);
        signed.unwrap();
        token
    }

    /// What becomes of a request with this hint; the error that the client is told, or nothing.
    async fn refused(&self, hint: &str, parameters: &str) -> Option<String> {
        let parameters = format!("id_token_hint={hint}&{parameters}");
        let answer = self.authorize(&mut Browser::default(), &parameters).await;
        let to = redirect(&answer);
        (to.uri == CALLBACK).then(|| to.get("error"))
    }

    pub(super) async fn rotate(&self, how: Rotation) {
        let by = By::service(self.service.clock.now());
        let keys = &self.service.app.keys;
        keys.rotate(&*self.service.store, &by, how).await.unwrap();
    }

    async fn refresh_keys(&self) {
        let by = By::service(self.service.clock.now());
        let keys = &self.service.app.keys;
        keys.refresh(&*self.service.store, &by).await.unwrap();
    }
}

/// The token with the claims of another.
pub(super) fn forged(token: &str, other: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let claims = other.split('.').nth(1).unwrap();
    format!("{}.{claims}.{}", parts[0], parts[2])
}

/// oidcc-id-token-hint: with `prompt=none` and the ID token of before, the client gets one of the same user.
#[tokio::test]
async fn oidcc_id_token_hint() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let code = location(&flow.approve(&browser, &id).await).get("code");
    let first = flow.redeem(&code, "").await.json();
    let hint = first["id_token"].as_str().unwrap();
    // However long ago that was: the hint has expired.
    flow.service.clock.advance_secs(3_000);
    let parameters = format!("prompt=none&id_token_hint={hint}");
    let id = flow.hand_over(&mut browser, &parameters).await;
    let go_on = json!({"answer": "continue"});
    let code = location(&flow.answer(&browser, &id, &go_on).await).get("code");
    let second = flow.redeem(&code, "").await.json();
    let claims = |tokens: &Value| decode(tokens["id_token"].as_str().unwrap()).1;
    assert_eq!(claims(&first)["sub"], claims(&second)["sub"]);
    assert_eq!(claims(&first)["auth_time"], claims(&second)["auth_time"]);
}

#[tokio::test]
async fn c089_the_answer_is_about_whom_the_client_means_or_an_error() {
    let flow = Flow::start().await;
    flow.service.add_user("bob", PASSWORD).await;
    let hint = flow.id_token(|_| {});
    let mut browser = Browser::default();
    flow.sign_in_as("bob", &mut browser).await;
    let silent = format!(
        "prompt=none&client_id=trusted&id_token_hint={}",
        flow.id_token(|claims| claims.aud = "trusted")
    );
    let id = flow.hand_over(&mut browser, &silent).await;
    let go_on = json!({"answer": "continue"});
    let back = location(&flow.answer(&browser, &id, &go_on).await);
    assert_eq!(back.get("error"), "login_required");

    let id = flow
        .hand_over(&mut browser, &format!("id_token_hint={hint}"))
        .await;
    // Nor does it help to sign in as somebody else again, or to agree all the same.
    for _ in 0..2 {
        let shown = flow.shown(&browser, &id).await;
        assert!(
            !String::from_utf8_lossy(&shown.body).contains("ada"),
            "whoever has an ID token is not told a name"
        );
        let shown = shown.json();
        assert_eq!(
            (
                &shown["step"],
                &shown["other_user"],
                &shown["user"]["username"]
            ),
            (&json!("login"), &json!(true), &json!("bob"))
        );
        let user = &shown["user"]["id"];
        for answer in [go_on.clone(), json!({"answer": "approve", "user": user})] {
            let answer = flow.answer(&browser, &id, &answer).await;
            assert_problem(&answer, 409, "interaction_needed");
        }
        flow.service.clock.advance_secs(1);
        flow.sign_in_as("bob", &mut browser).await;
    }
    flow.sign_in(&mut browser).await;
    let shown = flow.shown(&browser, &id).await.json();
    assert_eq!(
        (&shown["step"], &shown["other_user"]),
        (&json!("consent"), &json!(false))
    );
    let code = location(&flow.approve(&browser, &id).await).get("code");
    let tokens = flow.redeem(&code, "").await.json();
    let (_, claims) = decode(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["sub"], json!(flow.ada));
}

#[tokio::test]
async fn c051_a_hint_that_is_not_ours_or_another_clients_is_refused() {
    let flow = Flow::start().await;
    let good = flow.id_token(|_| {});
    let of_bob = flow.id_token(|claims| claims.sub = "usr_AAAAAAAAAAAAAAAAAAAAAA");
    let access_token = flow.tokens("").await["access_token"].clone();
    for (hint, why) in [
        (forged(&good, &of_bob), "forged"),
        (
            flow.id_token(|claims| claims.iss = "https://evil.example"),
            "a foreign issuer's",
        ),
        (
            flow.id_token(|claims| claims.aud = "trusted"),
            "another client's",
        ),
        (
            flow.id_token(|claims| claims.sub = "cli_AAAAAAAAAAAAAAAAAAAAAA"),
            "no user's",
        ),
        (access_token.as_str().unwrap().to_owned(), "an access token"),
        (good.replace('.', "%20"), "no token"),
        (format!("{good}&id_token_hint={good}"), "there twice"),
    ] {
        for parameters in ["", "prompt=none"] {
            let error = flow.refused(&hint, parameters).await;
            assert_eq!(error.as_deref(), Some("invalid_request"), "{why}");
        }
    }
    assert_eq!(flow.refused(&good, "").await, None);
    // Where the request does not even say where to go back to, nothing is told to anybody.
    let parameters = "id_token_hint=x.y.z&redirect_uri=https://evil.example";
    let answer = flow.authorize(&mut Browser::default(), parameters).await;
    assert_page(&answer, 400, "x.y.z");
}

#[tokio::test]
async fn a_hint_is_good_while_its_key_is_there() {
    let flow = Flow::start().await;
    let hint = flow.id_token(|_| {});
    flow.rotate(Rotation::Planned).await;
    let policy = flow.service.app.config.keys.policy();
    flow.service
        .clock
        .advance_secs(policy.lead_secs().cast_signed());
    flow.refresh_keys().await;
    let header = |token: &str| decode(token).0["kid"].clone();
    assert_ne!(header(&hint), header(&flow.id_token(|_| {})));
    assert_eq!(flow.refused(&hint, "").await, None, "its key is retired");
    flow.service
        .clock
        .advance_secs(policy.retain_secs().cast_signed());
    flow.refresh_keys().await;
    let error = flow.refused(&hint, "").await;
    assert_eq!(error.as_deref(), Some("invalid_request"), "its key is gone");
}
