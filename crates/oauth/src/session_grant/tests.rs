//! The decision, by tables and by properties.

use proptest::prelude::*;

use super::*;

const POLICY: SessionPolicy = SessionPolicy { idle_secs: 3600 };

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn client() -> BrowserClient {
    BrowserClient {
        client_id: "web".parse().unwrap(),
        origins: vec!["https://ui.example.com".to_owned()],
        default_resource: "https://api.example.com".to_owned(),
        resources: vec![
            "https://api.example.com".to_owned(),
            "https://api.example.com/iam".to_owned(),
        ],
        scopes: scope("account notes:read notes:write"),
        default_scopes: scope("notes:read notes:write"),
        ttl: 300,
    }
}

fn row(last_activity: i64, absolute_end: i64) -> SessionRow<'static> {
    SessionRow {
        times: SessionTimes {
            last_activity: Timestamp::from_secs(last_activity),
            absolute_end: Timestamp::from_secs(absolute_end),
        },
        user_scopes: None,
    }
}

fn request(body: &str) -> Result<Authorized, Refusal> {
    SessionGrantRequest::from_form(&Form::parse(body.as_bytes()).unwrap())?.authorize(&client())
}

fn mint(body: &str, row: SessionRow<'_>, now: i64) -> Result<Mint, Refusal> {
    request(body)?.decide(Some(row), POLICY, Timestamp::from_secs(now))
}

#[test]
fn an_empty_request_gets_the_defaults() {
    assert_eq!(
        mint("grant_type=session", row(0, 86_400), 60),
        Ok(Mint {
            audience: "https://api.example.com".to_owned(),
            scope: scope("notes:read notes:write"),
            issued_at: 60,
            expires_at: 360,
            expires_in: 300,
            session_expires_in: 86_340,
            touch: None,
        })
    );
}

#[test]
fn c036_narrowing_is_honoured_and_widening_refused() {
    let narrow = mint(
        "scope=notes:read&resource=https://api.example.com/iam",
        row(0, 86_400),
        0,
    )
    .unwrap();
    assert_eq!(
        (narrow.scope, narrow.audience.as_str()),
        (scope("notes:read"), "https://api.example.com/iam")
    );
    for (body, refusal) in [
        ("scope=admin", Refusal::ScopeBeyondClient),
        ("scope=notes:read+admin", Refusal::ScopeBeyondClient),
        ("scope=notes:read++notes:write", Refusal::MalformedScope),
        (
            "resource=https://api.example.com/",
            Refusal::ResourceBeyondClient,
        ),
        (
            "resource=https://evil.example.com",
            Refusal::ResourceBeyondClient,
        ),
        ("client_id=other", Refusal::ClientMismatch),
    ] {
        assert_eq!(request(body), Err(refusal), "{body}");
    }
    assert!(request("client_id=web&scope=&resource=").is_ok());
}

#[test]
fn c035_a_scope_is_never_wider_than_client_and_user() {
    let allowed = scope("notes:read unrelated");
    let limited = SessionRow {
        user_scopes: Some(&allowed),
        ..row(0, 86_400)
    };
    assert_eq!(
        mint("scope=notes:read+notes:write", limited, 0)
            .unwrap()
            .scope,
        scope("notes:read")
    );
    assert_eq!(
        mint("scope=account", limited, 0).unwrap().scope,
        Scope::default()
    );
}

#[test]
fn idle_for_is_whole_seconds() {
    for bad in ["-1", "+1", "1.5", "1e3", "abc", " 1", "0x10", "\u{0661}"] {
        let body: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("idle_for", bad)
            .finish();
        assert_eq!(request(&body), Err(Refusal::InvalidIdleFor), "{bad}");
    }
    for good in ["0", "007", "99999999999999999999999"] {
        assert!(request(&format!("idle_for={good}")).is_ok(), "{good}");
    }
}

#[test]
fn c017_only_reported_input_moves_the_idle_clock() {
    let session = row(0, 86_400);
    assert_eq!(mint("", session, 3000).unwrap().touch, None);
    assert_eq!(mint("idle_for=3000", session, 3000).unwrap().touch, None);
    assert_eq!(
        mint("idle_for=10", session, 3000).unwrap().touch,
        Some(Timestamp::from_secs(2990))
    );
    // A laptop that wakes after a night does not revive its session by claiming input just now.
    assert_eq!(
        mint("idle_for=0", session, 3960),
        Err(Refusal::LoginRequired)
    );
}

#[test]
fn c050_a_token_ends_with_the_session_and_after_300_seconds_at_most() {
    let end = mint("", row(86_300, 86_400), 86_360).unwrap();
    assert_eq!(
        (end.expires_in, end.expires_at, end.session_expires_in),
        (40, 86_400, 40)
    );
    assert_eq!(
        mint("", row(86_300, 86_400), 86_396),
        Err(Refusal::LoginRequired)
    );
    let careless = BrowserClient {
        ttl: 86_400,
        ..client()
    };
    let authorized = SessionGrantRequest::default().authorize(&careless).unwrap();
    let minted = authorized
        .decide(Some(row(0, 86_400)), POLICY, Timestamp::from_secs(0))
        .unwrap();
    assert_eq!(minted.expires_in, 300);
}

#[test]
fn no_row_is_no_session() {
    let decision = request("")
        .unwrap()
        .decide(None, POLICY, Timestamp::from_secs(0));
    assert_eq!(decision, Err(Refusal::LoginRequired));
}

proptest! {
    #[test]
    fn whatever_the_clocks_say_a_token_is_short_and_ends_with_the_session(
        last: i64, end: i64, now: i64, ttl: u64, idle_for: Option<u64>, idle_secs: u64,
    ) {
        let client = BrowserClient { ttl, ..client() };
        let request = SessionGrantRequest { idle_for, ..SessionGrantRequest::default() };
        let times = SessionTimes {
            last_activity: Timestamp::from_millis(last),
            absolute_end: Timestamp::from_millis(end),
        };
        let row = SessionRow { times, user_scopes: None };
        let now = Timestamp::from_millis(now);
        if let Ok(mint) = request.authorize(&client).unwrap().decide(Some(row), SessionPolicy { idle_secs }, now) {
            prop_assert!(TTL_SECS.contains(&mint.expires_in));
            prop_assert_eq!(mint.issued_at, now.secs());
            prop_assert!(mint.expires_at <= times.absolute_end.secs());
            prop_assert!(mint.expires_in <= mint.session_expires_in);
            prop_assert!(mint.touch.is_none_or(|touch| touch > times.last_activity && touch <= now));
        }
    }

    #[test]
    fn equal_requests_get_equal_answers(last in 0_i64..4000, now in 0_i64..90_000, idle_for in 0_u64..5000) {
        let body = format!("idle_for={idle_for}");
        prop_assert_eq!(mint(&body, row(last, 86_400), now), mint(&body, row(last, 86_400), now));
    }
}
