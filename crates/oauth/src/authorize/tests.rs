use super::*;
use crate::lifetime::{SessionPolicy, SessionTimes};
use crate::{
    ClientAuthentication, ClientSubject, GrantType, Issuer, OAuthClient, RefreshPolicy, Scope,
    Timestamp,
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
        Ok(return_to) => match asked.request(client, return_to.clone()) {
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

#[test]
fn a_request_is_read_as_it_was_made() {
    let request = good(
        "scope=openid+notes:read&nonce=n-1&prompt=login+consent&max_age=60&login_hint=ada&ui_locales=de&x=y&resource=https://b.example.com&resource=https://api.example.com",
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

const POLICY: SessionPolicy = SessionPolicy { idle_secs: 3600 };

fn session(auth_time: Timestamp) -> SignedIn<'static> {
    SignedIn {
        times: SessionTimes {
            last_activity: NOW,
            absolute_end: NOW.plus_secs(1000),
        },
        auth_time,
        user_scopes: None,
    }
}

fn interact(
    parameters: &str,
    client: &OAuthClient,
    session: Option<SignedIn<'_>>,
    consent: Consent<'_>,
) -> Interaction {
    let requested_at = NOW.minus_secs(10);
    decide_interaction(
        &good(parameters),
        requested_at,
        client,
        session,
        consent,
        POLICY,
        NOW,
    )
}

#[test]
fn c089_who_has_to_sign_in() {
    let trusted = OAuthClient {
        trusted: true,
        ..client()
    };
    let login_required = Interaction::Error(RequestRefusal::LoginRequired);
    let grant = Interaction::Grant(scope("notes:read"));
    let long_ago = session(NOW.minus_secs(500));
    let just_now = session(NOW.minus_secs(5));
    let over = SignedIn {
        times: SessionTimes {
            last_activity: NOW,
            absolute_end: NOW,
        },
        ..long_ago
    };
    for (parameters, session, then) in [
        ("", None, Interaction::Login),
        ("", Some(over), Interaction::Login),
        ("", Some(long_ago), grant.clone()),
        ("prompt=none", None, login_required.clone()),
        ("prompt=none", Some(over), login_required.clone()),
        ("prompt=none", Some(long_ago), grant.clone()),
        ("prompt=login", Some(long_ago), Interaction::Login),
        ("prompt=login", Some(just_now), grant.clone()),
        // In the same moment is not after.
        (
            "prompt=login",
            Some(session(NOW.minus_secs(10))),
            Interaction::Login,
        ),
        ("max_age=1", Some(long_ago), Interaction::Login),
        ("max_age=1", Some(just_now), grant.clone()),
        ("max_age=10000", Some(long_ago), grant.clone()),
        ("max_age=500", Some(long_ago), grant.clone()),
        ("max_age=499", Some(long_ago), Interaction::Login),
        ("max_age=0", Some(long_ago), Interaction::Login),
        (
            "prompt=none&max_age=1",
            Some(long_ago),
            login_required.clone(),
        ),
        ("prompt=none&max_age=10000", Some(long_ago), grant),
    ] {
        assert_eq!(
            interact(parameters, &trusted, session, Consent::Earlier(None)),
            then,
            "{parameters}"
        );
    }
}

#[test]
fn c091_who_is_asked_for_consent() {
    let signed_in = Some(session(NOW.minus_secs(500)));
    let trusted = OAuthClient {
        trusted: true,
        ..client()
    };
    let (app, native) = (client(), native());
    let native_trusted = OAuthClient {
        trusted: true,
        ..self::native()
    };
    let (less, enough) = (scope("notes:write"), scope("notes:read notes:write"));
    let required = Interaction::Error(RequestRefusal::ConsentRequired);
    let grant = Interaction::Grant(scope("notes:read"));
    let asks = Interaction::Consent(scope("notes:read"));
    let loopback = "redirect_uri=http://127.0.0.1/cb";
    for (parameters, client, consent, then) in [
        ("", &app, Consent::Earlier(None), asks.clone()),
        ("", &app, Consent::Earlier(Some(&less)), asks.clone()),
        ("", &app, Consent::Earlier(Some(&enough)), grant.clone()),
        ("", &app, Consent::Given, grant.clone()),
        ("", &trusted, Consent::Earlier(None), grant.clone()),
        (
            "prompt=consent",
            &trusted,
            Consent::Earlier(Some(&enough)),
            asks.clone(),
        ),
        ("prompt=consent", &trusted, Consent::Given, grant.clone()),
        (
            "prompt=none",
            &app,
            Consent::Earlier(None),
            required.clone(),
        ),
        (
            "prompt=none",
            &app,
            Consent::Earlier(Some(&enough)),
            grant.clone(),
        ),
        ("", &native, Consent::Earlier(Some(&enough)), grant.clone()),
        // Anybody on the user's machine can listen there.
        (
            loopback,
            &native,
            Consent::Earlier(Some(&enough)),
            asks.clone(),
        ),
        (
            loopback,
            &native_trusted,
            Consent::Earlier(None),
            asks.clone(),
        ),
        (
            "prompt=none&redirect_uri=http://127.0.0.1/cb",
            &native_trusted,
            Consent::Earlier(None),
            required,
        ),
        (loopback, &native, Consent::Given, grant),
    ] {
        assert_eq!(
            interact(parameters, client, signed_in, consent),
            then,
            "{parameters} {}",
            client.trusted
        );
    }
}

#[test]
fn c036_a_user_grants_what_they_have_and_who_they_are() {
    let allowed = scope("notes:read");
    let limited = SignedIn {
        user_scopes: Some(&allowed),
        ..session(NOW.minus_secs(500))
    };
    let asked = "scope=openid+profile+offline_access+notes:read+notes:write";
    assert_eq!(
        interact(asked, &client(), Some(limited), Consent::Given),
        Interaction::Grant(scope("openid profile offline_access notes:read"))
    );
    // What was agreed to before covers what is granted, not what is asked for.
    assert_eq!(
        interact(
            "scope=notes:read+notes:write",
            &client(),
            Some(limited),
            Consent::Earlier(Some(&allowed))
        ),
        Interaction::Grant(scope("notes:read"))
    );
}

/// Of the challenge in the appendix of the RFC.
const VERIFIER_HASH: [u8; 32] = [
    19, 211, 30, 150, 26, 26, 216, 236, 47, 22, 177, 12, 76, 152, 46, 8, 118, 168, 120, 173, 109,
    241, 68, 86, 110, 225, 137, 74, 203, 112, 249, 195,
];

#[test]
fn c080_c086_c087_a_code_is_bound_to_all_that_it_was_issued_for() {
    let request = good("resource=https://b.example.com&resource=https://api.example.com");
    let (app, other) = ("app".parse().unwrap(), "other".parse().unwrap());
    let right = Presented {
        client_id: &app,
        redirect_uri: Some(CALLBACK),
        verifier_sha256: Some(VERIFIER_HASH),
        resource: None,
    };
    let refused = RedeemDecision::Refuse;
    let redeemed = |audience: &str| RedeemDecision::Redeem {
        audience: audience.to_owned(),
    };
    for (what, presented, fresh, replayed) in [
        (
            "right",
            right,
            redeemed("https://b.example.com"),
            RedeemDecision::Revoke,
        ),
        (
            "another of its resources",
            Presented {
                resource: Some("https://api.example.com"),
                ..right
            },
            redeemed("https://api.example.com"),
            RedeemDecision::Revoke,
        ),
        (
            "a resource that was not asked for",
            Presented {
                resource: Some("https://c.example.com"),
                ..right
            },
            refused(CodeRefusal::Resource),
            RedeemDecision::Revoke,
        ),
        (
            "another client",
            Presented {
                client_id: &other,
                ..right
            },
            refused(CodeRefusal::Unknown),
            refused(CodeRefusal::Unknown),
        ),
        (
            "no redirect URI",
            Presented {
                redirect_uri: None,
                ..right
            },
            refused(CodeRefusal::RedirectUri),
            refused(CodeRefusal::RedirectUri),
        ),
        (
            "another redirect URI",
            Presented {
                redirect_uri: Some("http://127.0.0.1/cb"),
                ..right
            },
            refused(CodeRefusal::RedirectUri),
            refused(CodeRefusal::RedirectUri),
        ),
        (
            "no verifier",
            Presented {
                verifier_sha256: None,
                ..right
            },
            refused(CodeRefusal::Verifier),
            refused(CodeRefusal::Verifier),
        ),
        (
            "a wrong verifier",
            Presented {
                verifier_sha256: Some([0; 32]),
                ..right
            },
            refused(CodeRefusal::Verifier),
            refused(CodeRefusal::Verifier),
        ),
    ] {
        let issued = |redeemed| {
            Some(IssuedCode {
                request: &request,
                expires_at: NOW.plus_secs(MAX_CODE_SECS),
                redeemed,
            })
        };
        assert_eq!(redeem(issued(false), presented, NOW), fresh, "{what}");
        assert_eq!(
            redeem(issued(true), presented, NOW),
            replayed,
            "{what}, again"
        );
    }
    assert_eq!(redeem(None, right, NOW), refused(CodeRefusal::Unknown));
    let late = IssuedCode {
        request: &request,
        expires_at: NOW,
        redeemed: false,
    };
    assert_eq!(
        redeem(Some(late), right, NOW),
        refused(CodeRefusal::Expired)
    );
    assert_eq!(
        redeem(
            Some(IssuedCode {
                redeemed: true,
                ..late
            }),
            right,
            NOW.plus_secs(30)
        ),
        RedeemDecision::Revoke,
        "what came of it may live on"
    );
}
