//! From a request to its code, and what users agreed to.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sessionmint_oauth::authorize::{AuthorizationRequest, Prompt};
use sessionmint_oauth::{
    BrowserHash, CodeHash, GrantId, InteractionHash, Network, Scope, SessionId, Timestamp, UserId,
};
use tokio::task::JoinSet;

use super::Instances;
use super::fixtures::*;
use crate::{
    Actor, AddOAuthClient, Agreement, AuditFilter, AuditKind, AuditReason, Authorization, By, Code,
    CompleteAuthorization, Ending, GrantsOf, MaxWaiting, NewCode, NewGrant, RedeemCode,
    StartAuthorization, Store, StoredConsent, WithdrawConsent,
};

const ROOM: MaxWaiting = MaxWaiting {
    in_all: 100,
    of_network: 100,
};

fn network(number: u32) -> Network {
    Network::of(IpAddr::V4(Ipv4Addr::from_bits(number << 8)))
}

fn interaction(number: u32) -> InteractionHash {
    InteractionHash(bytes(number))
}

fn code_hash(number: u32) -> CodeHash {
    CodeHash(bytes(number))
}

fn request(client: &str) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: client_id(client),
        redirect_uri: "https://app.example.com/callback".to_owned(),
        state: Some("a \"b\" \u{e9}\0".to_owned()),
        nonce: None,
        scope: scope("notes:read notes:write"),
        resources: vec!["https://api.example.com".to_owned()],
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
            .parse()
            .unwrap(),
        prompt: Prompt::default(),
        max_age: Some(60),
        login_hint: None,
        user: None,
    }
}

fn at_api() -> Vec<String> {
    vec!["https://api.example.com".to_owned()]
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn authorization(client: &str) -> Authorization {
    Authorization {
        browser: BrowserHash(bytes(7)),
        request: request(client),
        created_at: NOW,
        expires_at: NOW.plus_secs(600),
    }
}

fn granted(number: u32, user: &UserId, session: &SessionId) -> Ending {
    Ending::Granted {
        code: NewCode {
            hash: code_hash(number),
            user_id: user.clone(),
            session_id: session.clone(),
            scopes: scope("notes:read"),
            auth_time: NOW.minus_secs(5),
            expires_at: NOW.plus_secs(60),
        },
        consent: Agreement::Trusted,
    }
}

fn new_grant(number: u32, user: &UserId, session: Option<&SessionId>) -> NewGrant {
    NewGrant {
        id: GrantId::from_random(bytes(number)),
        client_id: client_id("app"),
        user_id: user.clone(),
        session_id: session.cloned(),
        scopes: scope("notes:read"),
        resources: vec!["https://api.example.com".to_owned()],
        auth_time: NOW.minus_secs(5),
        refresh_token: None,
        absolute_end: NOW.plus_secs(86_400),
        idle_end: NOW.plus_secs(86_400),
    }
}

async fn add_app(store: &dyn Store, number: u32) {
    let added = store
        .add_oauth_client(oauth_client("app", number), None, by())
        .await;
    assert_eq!(added, Ok(AddOAuthClient::Added));
}

/// A request of the client `app` in session 1 of `ada`.
async fn asked(on: &Instances) -> UserId {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    add_app(&*on.one, 1).await;
    wait(&*on.one, 1).await;
    ada
}

async fn wait(store: &dyn Store, number: u32) {
    let started = store
        .start_authorization(interaction(number), authorization("app"), network(1), ROOM)
        .await;
    assert_eq!(started, Ok(StartAuthorization::Started));
}

/// As [`asked`], and the code 1 is there.
async fn issued(on: &Instances) -> UserId {
    let ada = asked(on).await;
    let ending = granted(1, &ada, &session_id(1));
    let completed = on
        .one
        .complete_authorization(&interaction(1), ending, by())
        .await;
    assert_eq!(completed, Ok(CompleteAuthorization::Completed));
    ada
}

fn at(at: Timestamp) -> By {
    By::service(at)
}

pub(super) async fn a_request_waits_until_it_is_completed_once(on: &Instances) {
    let ada = asked(on).await;
    let found = on
        .two
        .authorization(&interaction(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.request, request("app"));
    assert_eq!(found.browser, BrowserHash(bytes(7)));
    assert_eq!(
        (found.created_at, found.expires_at),
        (NOW, NOW.plus_secs(600))
    );
    assert!(
        on.one
            .authorization(&interaction(2))
            .await
            .unwrap()
            .is_none()
    );

    let complete = async |number| {
        let ending = granted(number, &ada, &session_id(1));
        on.one
            .complete_authorization(&interaction(1), ending, by())
            .await
    };
    assert_eq!(complete(1).await, Ok(CompleteAuthorization::Completed));
    assert_eq!(complete(2).await, Ok(CompleteAuthorization::Gone));
    assert!(
        on.two
            .authorization(&interaction(1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(on.two.code(&code_hash(2)).await.unwrap().is_none());
    let code: Code = on.two.code(&code_hash(1)).await.unwrap().unwrap();
    assert_eq!(code.request, request("app"));
    assert_eq!((code.user_id, code.session_id), (ada, session_id(1)));
    assert_eq!(
        (code.scopes, code.auth_time, code.expires_at),
        (scope("notes:read"), NOW.minus_secs(5), NOW.plus_secs(60))
    );
    assert_eq!(code.grant, None);
}

pub(super) async fn a_request_that_is_over_is_completed_by_nobody(on: &Instances) {
    let ada = asked(on).await;
    for ending in [
        granted(1, &ada, &session_id(1)),
        Ending::Denied,
        Ending::Refused,
    ] {
        let late = at(NOW.plus_secs(600));
        let completed = on
            .one
            .complete_authorization(&interaction(1), ending, late)
            .await;
        assert_eq!(completed, Ok(CompleteAuthorization::Gone));
    }
    assert!(on.one.code(&code_hash(1)).await.unwrap().is_none());
}

async fn start_from(
    on: &Instances,
    number: u32,
    from: Network,
    created_at: Timestamp,
    max: MaxWaiting,
) -> StartAuthorization {
    let authorization = Authorization {
        created_at,
        expires_at: created_at.plus_secs(600),
        ..authorization("app")
    };
    on.one
        .start_authorization(interaction(number), authorization, from, max)
        .await
        .unwrap()
}

async fn waits(on: &Instances, number: u32) -> bool {
    let found = on.two.authorization(&interaction(number)).await;
    found.unwrap().is_some()
}

pub(super) async fn so_many_requests_of_a_network_wait_and_no_more(on: &Instances) {
    asked(on).await;
    let max = MaxWaiting {
        of_network: 2,
        ..ROOM
    };
    let start = async |number, from, secs| {
        let at = NOW.plus_secs(secs);
        start_from(on, number, network(from), at, max).await
    };
    assert_eq!(start(2, 1, 10).await, StartAuthorization::Started);
    let until = NOW.plus_secs(600);
    let too_many = StartAuthorization::TooMany { until };
    assert_eq!(start(3, 1, 20).await, too_many);
    assert_eq!(start(3, 1, 599).await, too_many);
    assert!(!waits(on, 3).await);
    assert_eq!(start(4, 2, 20).await, StartAuthorization::Started);
    assert_eq!(start(5, 1, 600).await, StartAuthorization::Started);
    // What is completed waits no more.
    on.one
        .complete_authorization(&interaction(5), Ending::Denied, at(NOW.plus_secs(600)))
        .await
        .unwrap();
    assert_eq!(start(6, 1, 601).await, StartAuthorization::Started);
}

pub(super) async fn who_has_most_requests_makes_room(on: &Instances) {
    asked(on).await;
    let max = MaxWaiting { in_all: 9, ..ROOM };
    let at = |address: &str| Network::of(address.parse().unwrap());
    // 1 is of `asked`. A neighbourhood of a hoster, with many addresses or few, against others with one request each.
    for (number, address) in [
        (2, "2001:db8:0:1::1"),
        (3, "2001:db8:0:2::1"),
        (4, "2001:db8:0:2::1"),
        (5, "2001:db8:0:2::1"),
        (6, "192.0.2.1"),
        (7, "192.0.2.1"),
        (8, "192.0.2.9"),
        (9, "198.51.100.1"),
        // From here on there is no room.
        (10, "203.0.113.1"),
        (11, "203.0.113.2"),
        (12, "198.51.100.2"),
        (13, "198.51.100.3"),
    ] {
        let now = NOW.plus_secs(number.into());
        let started = start_from(on, number, at(address), now, max).await;
        assert_eq!(started, StartAuthorization::Started, "{number}");
    }
    let mut gone = Vec::new();
    for number in 1..14 {
        if !waits(on, number).await {
            gone.push(number);
        }
    }
    // 3 and 4 were the older ones of the fullest network in the fullest neighbourhood, 6 the older one of the next. Then no
    // network had two any more, four neighbourhoods had, and 2 was the oldest there.
    assert_eq!(gone, [2, 3, 4, 6]);
    // What is over goes first.
    let later = NOW.plus_secs(608);
    start_from(on, 14, at("203.0.113.1"), later, max).await;
    assert!(waits(on, 10).await && waits(on, 14).await);
}

pub(super) async fn c018_no_code_comes_of_a_session_that_is_over(on: &Instances) {
    let ada = asked(on).await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for (user, session) in [(&ada, session_id(9)), (&bob, session_id(1))] {
        let completed = on
            .one
            .complete_authorization(&interaction(1), granted(1, user, &session), by())
            .await;
        assert_eq!(completed, Ok(CompleteAuthorization::SessionOver));
    }
    on.two.end_session(&key_hash(1), by()).await.unwrap();
    let completed = on
        .one
        .complete_authorization(&interaction(1), granted(1, &ada, &session_id(1)), by())
        .await;
    assert_eq!(completed, Ok(CompleteAuthorization::SessionOver));
    assert!(on.one.code(&code_hash(1)).await.unwrap().is_none());
    assert!(
        on.one
            .authorization(&interaction(1))
            .await
            .unwrap()
            .is_some(),
        "the user can sign in again"
    );
}

pub(super) async fn c085_a_code_is_redeemed_once(on: &Instances) {
    let ada = issued(on).await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let store = if number % 2 == 0 { &on.one } else { &on.two };
        let store = Arc::clone(store);
        let grant = new_grant(number, &ada, Some(&session_id(1)));
        tasks.spawn(async move { store.redeem_code(&code_hash(1), grant, by()).await });
    }
    let outcomes = tasks.join_all().await;
    let count = |outcome| outcomes.iter().filter(|o| **o == Ok(outcome)).count();
    assert_eq!(
        (count(RedeemCode::Redeemed), count(RedeemCode::Spent)),
        (1, 49)
    );
    let grants = on.one.grants(&GrantsOf::User(ada)).await.unwrap();
    assert_eq!(grants.len(), 1);
    let code = on.one.code(&code_hash(1)).await.unwrap().unwrap();
    assert_eq!(code.grant.as_ref(), Some(&grants[0].id));
}

pub(super) async fn c087_a_code_needs_its_time_and_its_session(on: &Instances) {
    let ada = issued(on).await;
    let offline = || new_grant(1, &ada, None);
    let late = on
        .one
        .redeem_code(&code_hash(1), offline(), at(NOW.plus_secs(60)))
        .await;
    assert_eq!(late, Ok(RedeemCode::Gone));
    let unknown = on.one.redeem_code(&code_hash(2), offline(), by()).await;
    assert_eq!(unknown, Ok(RedeemCode::Gone));
    on.two.end_session(&key_hash(1), by()).await.unwrap();
    let redeemed = on.one.redeem_code(&code_hash(1), offline(), by()).await;
    assert_eq!(redeemed, Ok(RedeemCode::SessionOver));
    assert_eq!(on.one.grants(&GrantsOf::User(ada)).await, Ok(Vec::new()));
    let code = on.one.code(&code_hash(1)).await.unwrap().unwrap();
    assert_eq!(code.grant, None);
}

pub(super) async fn c018_no_grant_begins_for_who_was_disabled(on: &Instances) {
    let ada = issued(on).await;
    on.one.set_disabled(&ada, true, by()).await.unwrap();
    let redeemed = on
        .one
        .redeem_code(&code_hash(1), new_grant(1, &ada, None), by())
        .await;
    assert_eq!(redeemed, Ok(RedeemCode::SessionOver));
}

pub(super) async fn a_consent_grows_and_is_withdrawn(on: &Instances) {
    let ada = asked(on).await;
    let app = client_id("app");
    assert_eq!(on.one.consent(&ada, &app, &at_api()).await, Ok(None));
    for (number, scopes, how, then) in [
        (1, "notes:read", Agreement::Once, None),
        (2, "notes:read", Agreement::Remembered, Some("notes:read")),
        (
            3,
            "openid",
            Agreement::Remembered,
            Some("notes:read openid"),
        ),
    ] {
        wait(&*on.one, number + 10).await;
        let Ending::Granted { code, .. } = granted(number, &ada, &session_id(1)) else {
            panic!("it is granted");
        };
        let ending = Ending::Granted {
            code: NewCode {
                scopes: scope(scopes),
                ..code
            },
            consent: how,
        };
        let completed = on
            .one
            .complete_authorization(&interaction(number + 10), ending, by())
            .await;
        assert_eq!(completed, Ok(CompleteAuthorization::Completed));
        assert_eq!(
            on.two.consent(&ada, &app, &at_api()).await,
            Ok(then.map(scope))
        );
    }
    let stored = StoredConsent {
        client_id: app.clone(),
        scopes: scope("notes:read openid"),
        given_at: NOW,
    };
    assert_eq!(on.one.consents_of(&ada).await, Ok(vec![stored]));
    let other = client_id("other");
    let withdraw = async |client| on.two.withdraw_consent(&ada, client, by()).await;
    assert_eq!(withdraw(&other).await, Ok(WithdrawConsent::NotFound));
    let withdrawn = WithdrawConsent::Withdrawn { ended: 0 };
    assert_eq!(withdraw(&app).await, Ok(withdrawn));
    assert_eq!(on.one.consent(&ada, &app, &at_api()).await, Ok(None));
    assert_eq!(withdraw(&app).await, Ok(WithdrawConsent::NotFound));
}

pub(super) async fn c102_with_a_consent_end_its_grants_and_codes(on: &Instances) {
    let ada = issued(on).await;
    let bob = add_user(&*on.one, 2, "bob").await;
    let app = client_id("app");
    let grant = |number, user: &UserId, client| NewGrant {
        client_id: client_id(client),
        ..new_grant(number, user, None)
    };
    for new in [
        grant(11, &ada, "app"),
        grant(12, &ada, "app"),
        grant(13, &ada, "other"),
        grant(14, &bob, "app"),
    ] {
        on.one.start_grant(new, by()).await.unwrap();
    }
    // It was for this time only, and so nothing of it is remembered.
    assert_eq!(on.one.consent(&ada, &app, &at_api()).await, Ok(None));
    let withdrawn = on.one.withdraw_consent(&ada, &app, by()).await;
    assert_eq!(withdrawn, Ok(WithdrawConsent::Withdrawn { ended: 2 }));
    assert!(on.two.code(&code_hash(1)).await.unwrap().is_none());
    for (number, over) in [(11, true), (12, true), (13, false), (14, false)] {
        let grant = on
            .two
            .grant(&GrantId::from_random(bytes(number)))
            .await
            .unwrap()
            .unwrap();
        let cause = grant.revoked.map(|revoked| revoked.cause);
        let expected = over.then_some(AuditReason::ConsentWithdrawn);
        assert_eq!(cause, expected, "{number}");
    }
    let again = on.two.withdraw_consent(&ada, &app, by()).await;
    assert_eq!(again, Ok(WithdrawConsent::NotFound));
}

pub(super) async fn c091_a_consent_that_was_withdrawn_gives_no_code(on: &Instances) {
    let ada = asked(on).await;
    let app = client_id("app");
    let end = async |number, scopes, consent| {
        wait(&*on.one, number).await;
        let Ending::Granted { code, .. } = granted(number, &ada, &session_id(1)) else {
            panic!("it is granted");
        };
        let scopes = scope(scopes);
        let code = NewCode { scopes, ..code };
        let ending = Ending::Granted { code, consent };
        let id = interaction(number);
        on.one.complete_authorization(&id, ending, by()).await
    };
    let (completed, gone) = (
        Ok(CompleteAuthorization::Completed),
        Ok(CompleteAuthorization::ConsentWithdrawn),
    );
    let (now, earlier) = (Agreement::Remembered, Agreement::Earlier);
    assert_eq!(end(2, "notes:read", earlier).await, gone);
    assert_eq!(end(3, "notes:read", now).await, completed);
    assert_eq!(end(4, "notes:read", earlier).await, completed);
    assert_eq!(end(5, "notes:read notes:write", earlier).await, gone);
    let withdrawn = on.two.withdraw_consent(&ada, &app, by()).await;
    assert_eq!(withdrawn, Ok(WithdrawConsent::Withdrawn { ended: 0 }));
    assert_eq!(end(6, "notes:read", earlier).await, gone);
    assert!(on.two.code(&code_hash(6)).await.unwrap().is_none());
    // The user can be asked still.
    let waiting = on.two.authorization(&interaction(6)).await.unwrap();
    assert!(waiting.is_some());
}

pub(super) async fn c091_a_consent_is_for_the_resources_that_were_shown(on: &Instances) {
    let ada = asked(on).await;
    let app = client_id("app");
    let (api, b) = ("https://api.example.com", "https://b.example.com");
    let agreed = async |resources: &[&str]| {
        let resources: Vec<_> = resources.iter().map(ToString::to_string).collect();
        on.two.consent(&ada, &app, &resources).await.unwrap()
    };
    for (number, resources, scopes) in [
        (2, vec![api], "notes:read openid"),
        (3, vec![api, b], "notes:write"),
    ] {
        let own = authorization("app");
        let authorization = Authorization {
            request: AuthorizationRequest {
                resources: resources.iter().map(ToString::to_string).collect(),
                ..own.request
            },
            ..own
        };
        let id = interaction(number);
        on.one
            .start_authorization(id, authorization, network(1), ROOM)
            .await
            .unwrap();
        let Ending::Granted { code, .. } = granted(number, &ada, &session_id(1)) else {
            panic!("it is granted");
        };
        let ending = Ending::Granted {
            code: NewCode {
                scopes: scope(scopes),
                ..code
            },
            consent: Agreement::Remembered,
        };
        on.one
            .complete_authorization(&id, ending, by())
            .await
            .unwrap();
    }
    assert_eq!(
        agreed(&[api]).await,
        Some(scope("notes:read notes:write openid"))
    );
    assert_eq!(agreed(&[b]).await, Some(scope("notes:write")));
    assert_eq!(agreed(&[api, b]).await, Some(scope("notes:write")));
    assert_eq!(agreed(&[api, "https://c.example.com"]).await, None);
    assert_eq!(agreed(&[]).await, None);
}

pub(super) async fn a_client_that_is_removed_takes_its_authorizations_along(on: &Instances) {
    let ada = issued(on).await;
    wait(&*on.one, 2).await;
    let app = client_id("app");
    let Ending::Granted { code, .. } = granted(2, &ada, &session_id(1)) else {
        panic!("it is granted");
    };
    let ending = Ending::Granted {
        code,
        consent: Agreement::Remembered,
    };
    on.one
        .complete_authorization(&interaction(2), ending, by())
        .await
        .unwrap();
    wait(&*on.one, 3).await;
    on.two.remove_oauth_client(&app, by()).await.unwrap();
    add_app(&*on.one, 2).await;
    assert!(
        on.one
            .authorization(&interaction(3))
            .await
            .unwrap()
            .is_none()
    );
    assert!(on.one.code(&code_hash(1)).await.unwrap().is_none());
    assert_eq!(on.one.consent(&ada, &app, &at_api()).await, Ok(None));
}

pub(super) async fn a_purge_removes_what_is_over_and_no_more(on: &Instances) {
    let ada = issued(on).await;
    wait(&*on.one, 2).await;
    let purge = |now, codes| on.one.purge_authorizations(now, codes);
    assert_eq!(purge(NOW.plus_secs(599), NOW.plus_secs(59)).await, Ok(0));
    assert!(on.one.code(&code_hash(1)).await.unwrap().is_some());
    assert_eq!(purge(NOW.plus_secs(600), NOW.plus_secs(59)).await, Ok(1));
    assert_eq!(purge(NOW.plus_secs(600), NOW.plus_secs(60)).await, Ok(1));
    assert!(
        on.one
            .authorization(&interaction(2))
            .await
            .unwrap()
            .is_none()
    );
    assert!(on.one.code(&code_hash(1)).await.unwrap().is_none());
    assert!(on.one.user(&ada).await.unwrap().is_some());
}

pub(super) async fn c151_what_a_user_says_is_recorded(on: &Instances) {
    let ada = asked(on).await;
    let filter = AuditFilter {
        kinds: vec![
            AuditKind::ConsentGiven,
            AuditKind::ConsentDenied,
            AuditKind::ConsentWithdrawn,
        ],
        ..AuditFilter::default()
    };
    let Ending::Granted { code, .. } = granted(1, &ada, &session_id(1)) else {
        panic!("it is granted");
    };
    let ending = Ending::Granted {
        code,
        consent: Agreement::Remembered,
    };
    let user = By::user(ada.clone(), NOW).from("192.0.2.1".parse().unwrap());
    on.one
        .complete_authorization(&interaction(1), ending, user.clone())
        .await
        .unwrap();
    wait(&*on.one, 2).await;
    on.one
        .complete_authorization(&interaction(2), Ending::Denied, user)
        .await
        .unwrap();
    wait(&*on.one, 3).await;
    on.one
        .complete_authorization(&interaction(3), Ending::Refused, by())
        .await
        .unwrap();
    on.one
        .withdraw_consent(&ada, &client_id("app"), by())
        .await
        .unwrap();
    let mut records = on.two.audit(&filter, None, 10).await.unwrap();
    records.sort_by_key(|record| record.id);
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, filter.kinds);
    assert_eq!(records[0].user_id, Some(ada.clone()));
    assert_eq!(records[0].session_id, Some(session_id(1)));
    assert_eq!(records[0].details["scopes"], "notes:read");
    assert_eq!(records[0].details["remembered"], true);
    assert_eq!(records[1].actor, Actor::User(ada));
    for record in records {
        assert_eq!(record.client_id, Some(client_id("app")));
    }
}
