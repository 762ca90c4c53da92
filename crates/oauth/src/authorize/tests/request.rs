//! Which requests are taken, and what is said of the others.

use super::*;
use crate::Issuer;

#[test]
fn a_request_is_read_as_it_was_made() {
    let request = good(
        "scope=openid+notes:read&nonce=n-1&prompt=login+consent&max_age=60&login_hint=ada&id_token_hint=good&ui_locales=de&x=y&resource=https://b.example.com&resource=https://api.example.com",
    );
    assert_eq!(request.redirect_uri, CALLBACK);
    assert_eq!(request.state.as_deref(), Some("xyz"));
    assert_eq!(request.nonce.as_deref(), Some("n-1"));
    assert_eq!(request.scope, scope("openid notes:read"));
    assert_eq!(
        request.resources,
        ["https://b.example.com", "https://api.example.com"]
    );
    assert_eq!(
        request.prompt,
        Prompt {
            none: false,
            login: true,
            consent: true
        }
    );
    assert_eq!(
        (request.max_age, request.login_hint.as_deref()),
        (Some(60), Some("ada"))
    );
    assert_eq!(request.user, Some(ada()));
    let stored = serde_json::to_string(&request).unwrap();
    assert_eq!(
        serde_json::from_str::<AuthorizationRequest>(&stored).unwrap(),
        request
    );

    let bare = good("state=");
    assert_eq!(bare.scope, scope("notes:read"), "the defaults");
    assert_eq!(bare.resources, ["https://api.example.com"], "the default");
    assert_eq!((bare.state, bare.nonce, bare.max_age), (None, None, None));
}

#[test]
fn c077_a_fault_of_client_or_redirect_uri_leads_nowhere() {
    let many: String = (0..70).map(|i| format!("&p{i}=1")).collect();
    for (query, error) in [
        (query("client_id="), PageError::ClientMissing),
        (format!("{}&client_id=app", query("")), PageError::Repeated),
        (query("redirect_uri="), PageError::RedirectMissing),
        (
            format!("{}&redirect_uri={CALLBACK}", query("")),
            PageError::Repeated,
        ),
        (
            query("redirect_uri=https://evil.example/callback"),
            PageError::RedirectUnknown,
        ),
        (
            query("redirect_uri=http://127.0.0.1:5000/cb"),
            PageError::RedirectUnknown,
        ),
        // However wrong the rest is.
        (
            query("redirect_uri=https://evil.example&response_type=token&scope=%22"),
            PageError::RedirectUnknown,
        ),
        (format!("{}{many}", query("")), PageError::TooMany),
    ] {
        match ask(&query, &client()) {
            Outcome::Page(found) => assert_eq!(found, error, "{query}"),
            _ => panic!("{query} is to end on a page"),
        }
    }
    let disabled = OAuthClient {
        disabled_at: Some(NOW),
        ..client()
    };
    assert!(matches!(
        ask(&query(""), &disabled),
        Outcome::Page(PageError::ClientUnknown)
    ));
}

#[test]
fn c030_c079_every_other_fault_is_told_to_the_client() {
    use RequestRefusal as R;
    for (parameters, refusal, code) in [
        ("response_type=", R::ResponseTypeMissing, "invalid_request"),
        (
            "response_type=token",
            R::ResponseType,
            "unsupported_response_type",
        ),
        (
            "response_type=code+id_token",
            R::ResponseType,
            "unsupported_response_type",
        ),
        ("response_mode=fragment", R::ResponseMode, "invalid_request"),
        (
            "response_mode=form_post",
            R::ResponseMode,
            "invalid_request",
        ),
        ("request=a.b.c", R::RequestObject, "request_not_supported"),
        (
            "request_uri=https://x.example",
            R::RequestUri,
            "request_uri_not_supported",
        ),
        (
            "registration={}",
            R::Registration,
            "registration_not_supported",
        ),
        ("code_challenge=", R::ChallengeMissing, "invalid_request"),
        ("code_challenge=abc", R::Challenge, "invalid_request"),
        (
            "code_challenge_method=",
            R::ChallengeMethod,
            "invalid_request",
        ),
        (
            "code_challenge_method=plain",
            R::ChallengeMethod,
            "invalid_request",
        ),
        (
            "code_challenge_method=s256",
            R::ChallengeMethod,
            "invalid_request",
        ),
        ("scope=a++b", R::MalformedScope, "invalid_scope"),
        ("scope=admin", R::ScopeBeyondClient, "invalid_scope"),
        (
            "resource=https://c.example.com",
            R::ResourceBeyondClient,
            "invalid_target",
        ),
        (
            "resource=https://b.example.com&resource=https://c.example.com",
            R::ResourceBeyondClient,
            "invalid_target",
        ),
        ("prompt=none+login", R::Prompt, "invalid_request"),
        ("prompt=create", R::Prompt, "invalid_request"),
        (
            "id_token_hint=forged",
            R::Hint(TokenRefusal::BadSignature),
            "invalid_request",
        ),
        (
            "id_token_hint=other",
            R::Hint(TokenRefusal::WrongAudience),
            "invalid_request",
        ),
        (
            "prompt=none&id_token_hint=forged",
            R::Hint(TokenRefusal::BadSignature),
            "invalid_request",
        ),
        ("max_age=-1", R::MaxAge, "invalid_request"),
        ("max_age=1.5", R::MaxAge, "invalid_request"),
        (
            "scope=notes:read&scope=notes:read",
            R::Repeated,
            "invalid_request",
        ),
        ("unknown=1&unknown=1", R::Repeated, "invalid_request"),
    ] {
        match ask(&query(parameters), &client()) {
            Outcome::Back(return_to, found) => {
                assert_eq!(
                    (found, found.code().as_str()),
                    (refusal, code),
                    "{parameters}"
                );
                assert_eq!(return_to.state.as_deref(), Some("xyz"), "{parameters}");
            }
            _ => panic!("{parameters} is to be refused at the redirect URI"),
        }
    }
    let no_code = OAuthClient {
        grants: vec![GrantType::ClientCredentials],
        ..client()
    };
    assert!(matches!(
        ask(&query(""), &no_code),
        Outcome::Back(_, R::Grant)
    ));
}

#[test]
fn c090_state_and_nonce_are_kept_to_the_byte_or_refused() {
    let long = "s".repeat(MAX_ECHOED_BYTES);
    for text in [
        long.as_str(),
        "a b&c=d",
        "<script>\"'",
        "\u{e9}\r\n\0",
        "%00",
    ] {
        let pairs = [("state", text), ("nonce", text)];
        let parameters = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let request = good(&parameters);
        assert_eq!(
            (request.state.as_deref(), request.nonce.as_deref()),
            (Some(text), Some(text))
        );
    }
    for parameters in [
        format!("state={long}s"),
        "state=%FF".to_owned(),
        "state=a&state=b".to_owned(),
    ] {
        // As `query` does, but byte for byte.
        let query = format!("{}&{parameters}", query("state="));
        match ask(&query, &client()) {
            Outcome::Back(return_to, _) => assert_eq!(return_to.state, None, "{parameters}"),
            _ => panic!("{parameters}"),
        }
    }
}

#[test]
fn offline_access_is_nothing_to_who_may_not_refresh() {
    let client = OAuthClient {
        grants: vec![GrantType::AuthorizationCode],
        scopes: scope("openid"),
        ..client()
    };
    match ask(&query("scope=openid+offline_access"), &client) {
        Outcome::Good(request) => assert_eq!(request.scope, scope("openid")),
        _ => panic!("it is to be ignored"),
    }
}

#[test]
fn what_the_client_may_no_longer_ask_for_is_not_granted() {
    let request = good("scope=notes:read");
    assert!(request.is_allowed(&client()));
    for changed in [
        OAuthClient {
            disabled_at: Some(NOW),
            ..client()
        },
        OAuthClient {
            redirect_uris: Vec::new(),
            ..client()
        },
        OAuthClient {
            scopes: scope("notes:write"),
            ..client()
        },
        OAuthClient {
            resources: Vec::new(),
            default_resource: "https://b.example.com".to_owned(),
            ..client()
        },
        OAuthClient {
            grants: Vec::new(),
            ..client()
        },
    ] {
        assert!(!request.is_allowed(&changed), "{changed:?}");
    }
}

#[test]
fn c046_every_response_names_the_issuer() {
    let issuer: Issuer = "https://api.example.com/iam".parse().unwrap();
    let to = |redirect_uri: &str, state: Option<&str>| ReturnTo {
        redirect_uri: redirect_uri.to_owned(),
        state: state.map(str::to_owned),
    };
    assert_eq!(
        granted_location(&to(CALLBACK, Some("a b&<\u{e9}>")), "smc_x", &issuer),
        "https://app.example.com/callback?code=smc_x&state=a+b%26%3C%C3%A9%3E&iss=https%3A%2F%2Fapi.example.com%2Fiam"
    );
    assert_eq!(
        error_location(
            &to("https://app.example.com/cb?tenant=1", None),
            RequestRefusal::Denied,
            &issuer
        ),
        "https://app.example.com/cb?tenant=1&error=access_denied&error_description=the+user+does+not+agree&iss=https%3A%2F%2Fapi.example.com%2Fiam"
    );
}
