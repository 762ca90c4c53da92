//! What a user has to do before there is a code.

use super::*;
use crate::lifetime::{SessionPolicy, SessionTimes};

const POLICY: SessionPolicy = SessionPolicy { idle_secs: 3600 };

fn session<'a>(user: &'a UserId, auth_time: Timestamp) -> SignedIn<'a> {
    SignedIn {
        user,
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
    let (ada, bob) = (ada(), UserId::from_random([2; 16]));
    let long_ago = session(&ada, NOW.minus_secs(500));
    let just_now = session(&ada, NOW.minus_secs(5));
    let of_bob = session(&bob, NOW.minus_secs(5));
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
            Some(session(&ada, NOW.minus_secs(10))),
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
        ("prompt=none&max_age=10000", Some(long_ago), grant.clone()),
        // Whom the client means, and somebody else, however freshly they signed in.
        ("id_token_hint=good", None, Interaction::Login),
        ("id_token_hint=good", Some(of_bob), Interaction::Login),
        ("id_token_hint=good", Some(over), Interaction::Login),
        ("id_token_hint=good", Some(long_ago), grant.clone()),
        (
            "prompt=none&id_token_hint=good",
            Some(of_bob),
            login_required.clone(),
        ),
        ("prompt=none&id_token_hint=good", None, login_required),
        ("prompt=none&id_token_hint=good", Some(long_ago), grant),
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
    let ada = ada();
    let signed_in = Some(session(&ada, NOW.minus_secs(500)));
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
    let (ada, allowed) = (ada(), scope("notes:read"));
    let limited = SignedIn {
        user_scopes: Some(&allowed),
        ..session(&ada, NOW.minus_secs(500))
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
