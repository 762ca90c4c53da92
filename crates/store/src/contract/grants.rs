//! Grants and their refresh tokens.

use std::sync::Arc;

use sessionmint_oauth::lifetime::SessionTimes;
use sessionmint_oauth::{GrantId, RefreshTokenHash, UserId};
use tokio::task::JoinSet;

use super::Instances;
use super::fixtures::*;
use crate::{
    Actor, AuditFilter, AuditKind, AuditReason, AuditRecord, By, Change, ChangePassword,
    EndSessions, Grant, GrantsOf, NewGrant, NewSession, Revoked, RotateGrant, StartGrant, Store,
    Successor,
};

fn grant_id(number: u32) -> GrantId {
    GrantId::from_random(bytes(number))
}

fn token(number: u32) -> RefreshTokenHash {
    RefreshTokenHash(bytes(number))
}

/// With `offline_access`.
pub(super) fn offline(number: u32, user: &UserId) -> NewGrant {
    NewGrant {
        id: grant_id(number),
        client_id: client_id("server"),
        user_id: user.clone(),
        session_id: None,
        scopes: "notes:read notes:write".parse().unwrap(),
        resources: vec![
            "https://b.example.com".to_owned(),
            "https://a.example.com".to_owned(),
        ],
        auth_time: NOW.minus_secs(7),
        refresh_token: Some(token(number)),
        absolute_end: NOW.plus_secs(86_400),
        idle_end: NOW.plus_secs(3600),
    }
}

/// On session `session`.
fn online(number: u32, user: &UserId, session: u32) -> NewGrant {
    NewGrant {
        session_id: Some(session_id(session)),
        ..offline(number, user)
    }
}

pub(super) async fn grant(store: &dyn Store, new: NewGrant) {
    assert_eq!(store.start_grant(new, by()).await, Ok(StartGrant::Started));
}

/// After generation `follows`.
fn successor(follows: u32, hash: u32) -> Successor {
    Successor {
        follows,
        hash: token(hash),
        salt: bytes(hash),
        key_version: 3,
        rotated_at: NOW.plus_secs(60),
        idle_end: NOW.plus_secs(3660),
    }
}

async fn stored(store: &dyn Store, number: u32) -> Grant {
    store.grant(&grant_id(number)).await.unwrap().unwrap()
}

/// Why a grant is over.
async fn cause(on: &Instances, number: u32) -> Option<AuditReason> {
    let revoked = stored(&*on.two, number).await.revoked;
    revoked.map(|revoked| revoked.cause)
}

async fn rotate(store: &dyn Store, number: u32, successor: Successor) -> RotateGrant {
    let rotated = store.rotate_grant(&grant_id(number), successor).await;
    rotated.unwrap()
}

async fn revoke(store: &dyn Store, number: u32, cause: AuditReason) -> Change {
    let revoked = store.revoke_grant(&grant_id(number), cause, by()).await;
    revoked.unwrap()
}

async fn numbers_of(store: &dyn Store, of: &GrantsOf) -> Vec<GrantId> {
    let grants = store.grants(of).await.unwrap();
    grants.into_iter().map(|grant| grant.id).collect()
}

pub(super) async fn c092_a_grant_comes_back_as_stored(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let new = online(1, &ada, 1);
    grant(&*on.one, new.clone()).await;
    let expected = Grant {
        id: new.id,
        client_id: new.client_id,
        user_id: ada.clone(),
        session_id: Some(session_id(1)),
        scopes: new.scopes,
        resources: new.resources,
        auth_time: NOW.minus_secs(7),
        created_at: NOW,
        generation: 0,
        current: Some(token(1)),
        previous: None,
        salt: [0; 32],
        key_version: 0,
        rotated_at: NOW,
        absolute_end: NOW.plus_secs(86_400),
        idle_end: NOW.plus_secs(3600),
        revoked: None,
        user_scopes: None,
        session: Some(SessionTimes {
            last_activity: NOW,
            absolute_end: NOW.plus_secs(86_400),
        }),
    };
    assert_eq!(stored(&*on.two, 1).await, expected);
    assert_eq!(on.two.grant(&grant_id(9)).await, Ok(None));

    let rotated = rotate(&*on.two, 1, successor(0, 2)).await;
    assert_eq!(rotated, RotateGrant::Rotated);
    let expected = Grant {
        generation: 1,
        current: Some(token(2)),
        previous: Some(token(1)),
        salt: bytes(2),
        key_version: 3,
        rotated_at: NOW.plus_secs(60),
        idle_end: NOW.plus_secs(3660),
        ..expected
    };
    assert_eq!(stored(&*on.one, 1).await, expected);

    let scopes = Some("notes:read".parse().unwrap());
    on.one
        .set_user_scopes(&ada, scopes.clone(), by())
        .await
        .unwrap();
    let without_token = NewGrant {
        refresh_token: None,
        ..offline(2, &ada)
    };
    grant(&*on.one, without_token).await;
    let found = stored(&*on.two, 2).await;
    assert_eq!(
        (found.current, found.session, found.session_id),
        (None, None, None)
    );
    assert_eq!(found.user_scopes, scopes);
    let refused = rotate(&*on.one, 2, successor(0, 3)).await;
    assert_eq!(refused, RotateGrant::Gone, "it has no token to follow");
}

pub(super) async fn nothing_is_granted_for_who_is_gone(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    on.one.set_disabled(&bob, true, by()).await.unwrap();
    for (why, new) in [
        ("there is no such user", offline(1, &user_id(9))),
        ("the user is disabled", offline(1, &bob)),
        ("there is no such session", online(1, &ada, 9)),
        ("the session is somebody else's", online(1, &bob, 1)),
    ] {
        let started = on.two.start_grant(new, by()).await;
        assert_eq!(started, Ok(StartGrant::UserGone), "{why}");
    }
    assert_eq!(on.one.grants(&GrantsOf::Everybody).await, Ok(Vec::new()));
}

pub(super) async fn grants_are_listed_newest_first(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for number in [3, 1, 2] {
        grant(&*on.one, offline(number, &ada)).await;
    }
    let other = NewGrant {
        client_id: client_id("other"),
        ..offline(4, &bob)
    };
    grant(&*on.one, other).await;
    let revoked = revoke(&*on.two, 1, AuditReason::Requested).await;
    assert_eq!(revoked, Change::Done);
    for (of, expected) in [
        (GrantsOf::Everybody, vec![4, 2, 1, 3]),
        (GrantsOf::User(ada), vec![2, 1, 3]),
        (GrantsOf::User(user_id(9)), Vec::new()),
        (GrantsOf::Client(client_id("other")), vec![4]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(grant_id).collect();
        assert_eq!(numbers_of(&*on.two, &of).await, expected, "{of:?}");
    }
}

pub(super) async fn c094_of_concurrent_rotations_one_wins(on: &Instances) {
    const CALLERS: u32 = 64;
    let ada = add_user(&*on.one, 1, "ada").await;
    grant(&*on.one, offline(1, &ada)).await;
    for generation in 0..5 {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let store = Arc::clone(if caller % 2 == 0 { &on.one } else { &on.two });
            let hash = 1000 + generation * CALLERS + caller;
            callers.spawn(
                async move { (hash, rotate(&*store, 1, successor(generation, hash)).await) },
            );
        }
        let outcomes = callers.join_all().await;
        let of = |wanted| {
            outcomes
                .iter()
                .filter(move |(_, outcome)| *outcome == wanted)
        };
        let winner = of(RotateGrant::Rotated).map(|(hash, _)| token(*hash));
        let found = stored(&*on.two, 1).await;
        assert_eq!(winner.collect::<Vec<_>>(), [found.current.unwrap()]);
        assert_eq!(of(RotateGrant::Conflict).count(), CALLERS as usize - 1);
        assert_eq!(found.generation, generation + 1);
    }
}

pub(super) async fn c097_what_is_ended_is_neither_rotated_nor_touched(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    grant(&*on.one, offline(1, &ada)).await;
    rotate(&*on.one, 1, successor(0, 2)).await;
    let revoked = revoke(&*on.one, 1, AuditReason::GivenBack).await;
    assert_eq!(revoked, Change::Done);
    let before = stored(&*on.two, 1).await;
    let expected = Revoked {
        at: NOW,
        cause: AuditReason::GivenBack,
    };
    assert_eq!(before.revoked, Some(expected));
    for follows in [0, 1] {
        let refused = rotate(&*on.two, 1, successor(follows, 3)).await;
        assert_eq!(refused, RotateGrant::Gone);
    }
    let (id, later) = (grant_id(1), NOW.plus_secs(9999));
    let touched = on.two.touch_grant(&id, later).await;
    assert_eq!(touched, Ok(Change::NotFound));
    let again = revoke(&*on.two, 1, AuditReason::Theft).await;
    assert_eq!(again, Change::NotFound, "the first cause stays");
    assert_eq!(stored(&*on.one, 1).await, before);
    let unknown = rotate(&*on.two, 9, successor(0, 3)).await;
    assert_eq!(unknown, RotateGrant::Gone);
}

pub(super) async fn c097_a_rotation_that_races_with_an_end_brings_nothing_back(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = JoinSet::new();
    for number in 1..=100 {
        start(&*on.one, number, &ada).await;
        grant(&*on.one, online(number, &ada, number)).await;
        let (one, two) = (Arc::clone(&on.one), Arc::clone(&on.two));
        tasks.spawn(async move {
            rotate(&*one, number, successor(0, 1000 + number)).await;
            rotate(&*one, number, successor(1, 2000 + number)).await;
        });
        tasks.spawn(async move {
            two.end_session(&key_hash(number), by()).await.unwrap();
        });
    }
    tasks.join_all().await;
    for number in 1..=100 {
        let over = Some(AuditReason::SessionEnded);
        assert_eq!(cause(on, number).await, over, "grant {number}");
        let generation = stored(&*on.one, number).await.generation;
        let late = rotate(&*on.one, number, successor(generation, 1)).await;
        assert_eq!(late, RotateGrant::Gone);
    }
}

pub(super) async fn a_touch_moves_the_idle_end_only_forward(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    grant(&*on.one, offline(1, &ada)).await;
    for (to, then) in [(7200, 7200), (5000, 7200), (8000, 8000)] {
        let touched = on.two.touch_grant(&grant_id(1), NOW.plus_secs(to)).await;
        assert_eq!(touched, Ok(Change::Done));
        assert_eq!(stored(&*on.one, 1).await.idle_end, NOW.plus_secs(then));
    }
    let unknown = on.two.touch_grant(&grant_id(9), NOW).await;
    assert_eq!(unknown, Ok(Change::NotFound));
}

pub(super) async fn c102_a_grant_ends_with_its_session_unless_it_is_offline(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    for number in 1..=6 {
        let times = match number {
            5 => NOW.minus_secs(1),
            _ => NOW.plus_secs(86_400),
        };
        let session = NewSession {
            absolute_end: times,
            ..new_session(number, &ada)
        };
        on.one
            .start_session(session, None, u32::MAX, by())
            .await
            .unwrap();
        grant(&*on.one, online(number, &ada, number)).await;
        grant(&*on.one, offline(100 + number, &ada)).await;
    }
    on.one.end_session(&key_hash(1), by()).await.unwrap();
    on.two
        .end_session_of(&ada, &session_id(2), by())
        .await
        .unwrap();
    on.one
        .end_session_by_id(&session_id(3), by())
        .await
        .unwrap();
    let replacing = new_session(7, &ada);
    on.two
        .start_session(replacing, Some(key_hash(4)), u32::MAX, by())
        .await
        .unwrap();
    on.one
        .purge_sessions(NOW.minus_secs(1), by())
        .await
        .unwrap();
    let evicting = new_session(8, &ada);
    assert_eq!(cause(on, 6).await, None, "its session lives");
    on.two.start_session(evicting, None, 1, by()).await.unwrap();
    for number in 1..=6 {
        let over = Some(AuditReason::SessionEnded);
        assert_eq!(cause(on, number).await, over, "session {number}");
        assert_eq!(stored(&*on.one, number).await.session, None);
        assert_eq!(cause(on, 100 + number).await, None, "offline {number}");
    }
    grant(&*on.one, online(9, &ada, 8)).await;
    let ended = on.one.end_sessions_of(&ada, EndSessions::All, by()).await;
    assert_eq!(ended, Ok(1));
    assert_eq!(cause(on, 9).await, Some(AuditReason::SessionEnded));
}

pub(super) async fn c102_all_grants_of_a_user_end_with_their_password_or_account(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    grant(&*on.one, offline(100, &bob)).await;

    grant(&*on.one, offline(1, &ada)).await;
    grant(&*on.one, online(2, &ada, 1)).await;
    let changed = on
        .two
        .change_password(&ada, "old", "new".to_owned(), &session_id(1), by())
        .await;
    assert_eq!(changed, Ok(ChangePassword::Changed { ended: 0 }));
    for number in [1, 2] {
        let over = Some(AuditReason::PasswordChanged);
        assert_eq!(cause(on, number).await, over);
    }

    grant(&*on.one, offline(3, &ada)).await;
    let kept = EndSessions::AllBut(session_id(1));
    on.two
        .set_password(&ada, "newer".to_owned(), kept, by())
        .await
        .unwrap();
    assert_eq!(cause(on, 3).await, Some(AuditReason::PasswordChanged));

    grant(&*on.one, offline(4, &ada)).await;
    on.one
        .upgrade_password_hash(&ada, "newer", "stronger".to_owned(), by())
        .await
        .unwrap();
    assert_eq!(cause(on, 4).await, None, "the password is the same");
    on.two.set_disabled(&ada, true, by()).await.unwrap();
    assert_eq!(on.one.grant(&grant_id(4)).await, Ok(None));
    let refused = rotate(&*on.one, 4, successor(0, 9)).await;
    assert_eq!(refused, RotateGrant::Gone);
    on.two.set_disabled(&ada, false, by()).await.unwrap();
    assert_eq!(cause(on, 4).await, Some(AuditReason::UserDisabled));

    grant(&*on.one, offline(5, &ada)).await;
    on.two.remove_user(&ada, by()).await.unwrap();
    assert_eq!(on.one.grant(&grant_id(5)).await, Ok(None));
    let refused = rotate(&*on.one, 5, successor(0, 9)).await;
    assert_eq!(refused, RotateGrant::Gone);
    assert_eq!(cause(on, 100).await, None, "somebody else's");
}

pub(super) async fn grants_are_ended_by_user_and_by_client(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for (number, user, client) in [
        (1, &ada, "server"),
        (2, &ada, "other"),
        (3, &bob, "server"),
        (4, &bob, "third"),
    ] {
        let new = NewGrant {
            client_id: client_id(client),
            ..offline(number, user)
        };
        grant(&*on.one, new).await;
    }
    let both = |client| GrantsOf::Both(ada.clone(), client_id(client));
    assert_eq!(numbers_of(&*on.one, &both("other")).await, [grant_id(2)]);
    for (of, ended) in [
        (both("other"), 1),
        (both("third"), 0),
        (GrantsOf::User(ada.clone()), 1),
        (GrantsOf::Client(client_id("server")), 1),
        (GrantsOf::Client(client_id("server")), 0),
        (GrantsOf::Everybody, 1),
    ] {
        let revoked = on.two.revoke_grants(&of, AuditReason::Requested, by());
        assert_eq!(revoked.await, Ok(ended), "{of:?}");
    }
    for number in 1..=4 {
        assert_eq!(cause(on, number).await, Some(AuditReason::Requested));
    }
}

pub(super) async fn a_grant_stays_until_its_absolute_end(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    for number in 1..=3 {
        let new = NewGrant {
            absolute_end: NOW.plus_secs(u64::from(number) * 100),
            idle_end: NOW,
            ..offline(number, &ada)
        };
        grant(&*on.one, new).await;
        revoke(&*on.one, number, AuditReason::Requested).await;
    }
    let everybody = GrantsOf::Everybody;
    assert_eq!(on.two.purge_grants(NOW.plus_secs(100)).await, Ok(0));
    assert_eq!(on.two.purge_grants(NOW.plus_secs(201)).await, Ok(2));
    assert_eq!(numbers_of(&*on.one, &everybody).await, [grant_id(3)]);
}

pub(super) async fn c151_each_start_and_end_of_a_grant_leaves_its_record(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    grant(&*on.one, online(1, &ada, 1)).await;
    rotate(&*on.one, 1, successor(0, 2)).await;
    on.one.touch_grant(&grant_id(1), NOW).await.unwrap();
    for _ in 0..2 {
        on.one
            .end_session(&key_hash(1), By::owner(NOW))
            .await
            .unwrap();
    }
    let filter = AuditFilter {
        kinds: vec![AuditKind::GrantStarted, AuditKind::GrantEnded],
        ..AuditFilter::default()
    };
    let mut records: Vec<AuditRecord> = on.two.audit(&filter, None, 9).await.unwrap();
    records.reverse();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.user_id, Some(ada.clone()));
        assert_eq!(record.session_id, Some(session_id(1)));
        assert_eq!(record.client_id, Some(client_id("server")));
        assert_eq!(record.details["grant_id"], grant_id(1).as_str());
    }
    assert_eq!(records[0].kind, AuditKind::GrantStarted);
    assert_eq!(records[0].details["scopes"], "notes:read notes:write");
    assert_eq!(records[0].details["offline"], false);
    assert_eq!(records[1].kind, AuditKind::GrantEnded);
    assert_eq!(records[1].reason, Some(AuditReason::SessionEnded));
    assert_eq!(records[1].actor, Actor::User(ada));
}
