//! Sessions.

use sessionmint_oauth::Scope;

use super::Instances;
use super::fixtures::*;
use crate::{Change, ChangePassword, EndSessions, NewSession, Session, StartSession};

pub(super) async fn a_session_comes_back_as_stored(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    for (number, persistent) in [(1, true), (2, false)] {
        let new = NewSession {
            persistent,
            user_agent: "Mozilla/5.0 (\"ä\")".to_owned(),
            ..new_session(number, &ada)
        };
        let stored = Session {
            id: session_id(number),
            user_id: ada.clone(),
            user_scopes: None,
            client_id: client_id("web"),
            auth_time: NOW,
            last_activity: NOW,
            absolute_end: NOW.plus_secs(86_400),
            created_at: NOW,
            persistent,
            user_agent: new.user_agent.clone(),
        };
        let started = on.one.start_session(new, None, 20, by()).await;
        assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
        assert_eq!(
            on.one.session(&key_hash(number)).await,
            Ok(Some(stored.clone().into()))
        );
        assert_eq!(
            on.one.sessions_of(&ada).await.unwrap().first(),
            Some(&stored)
        );
    }
    assert_eq!(
        ids_of(&*on.one, &ada).await,
        [session_id(2), session_id(1)],
        "newest first"
    );
    assert_eq!(on.one.session(&key_hash(99)).await, Ok(None));
    assert_eq!(on.one.sessions_of(&user_id(99)).await, Ok(Vec::new()));
}

pub(super) async fn c018_nothing_starts_with_a_password_of_before(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let with = |number, hash: &str| NewSession {
        password_hash: Some(hash.to_owned()),
        ..new_session(number, &ada)
    };
    let started = on.two.start_session(with(2, "old"), None, 20, by()).await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
    let changed = on.one.set_password(
        &ada,
        "new".to_owned(),
        EndSessions::AllBut(session_id(1)),
        by(),
    );
    assert_eq!(changed.await, Ok(Change::Done));
    let refused = on
        .two
        .start_session(with(3, "old"), Some(key_hash(1)), 20, by())
        .await;
    assert_eq!(refused, Ok(StartSession::UserGone));
    assert_eq!(
        ids_of(&*on.one, &ada).await,
        [session_id(1)],
        "nothing was ended for it either"
    );
    let started = on.two.start_session(with(3, "new"), None, 20, by()).await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
}

fn each_seen_by_all(numbers: &[u32]) -> Vec<u32> {
    numbers.iter().flat_map(|&number| [number; 4]).collect()
}

/// Each instance has read every session before, so that it could remember it.
pub(super) async fn c018_what_was_read_before_counts_for_nothing_after_a_change(on: &Instances) {
    const SESSIONS: u32 = 10;
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    let eve = add_user(&*on.one, 3, "eve").await;
    for number in 0..SESSIONS {
        let user = match number {
            0..6 => &ada,
            6..8 => &bob,
            _ => &eve,
        };
        start(&*on.one, number, user).await;
    }
    let live = async || {
        let mut live = Vec::new();
        for number in 0..SESSIONS {
            // Asked twice: the second time it is remembered, if ever.
            for store in [&on.one, &on.two, &on.one, &on.two] {
                let found = store.session(&key_hash(number)).await.unwrap();
                live.extend(found.map(|_| number));
            }
        }
        live
    };
    assert_eq!(
        live().await,
        each_seen_by_all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    );

    on.one.end_session(&key_hash(0), by()).await.unwrap();
    assert_eq!(
        live().await,
        each_seen_by_all(&[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        "signed out"
    );
    let ended = on.two.end_session_of(&ada, &session_id(1), by()).await;
    assert_eq!(ended, Ok(Change::Done));
    assert_eq!(
        live().await,
        each_seen_by_all(&[2, 3, 4, 5, 6, 7, 8, 9]),
        "ended by its user"
    );
    on.two
        .end_session_by_id(&session_id(2), by())
        .await
        .unwrap();
    assert_eq!(
        live().await,
        each_seen_by_all(&[3, 4, 5, 6, 7, 8, 9]),
        "ended by the operator"
    );
    let replacing = new_session(SESSIONS, &ada);
    let started = on.one.start_session(replacing, Some(key_hash(3)), 20, by());
    assert_eq!(started.await, Ok(StartSession::Started { evicted: 0 }));
    assert_eq!(
        live().await,
        each_seen_by_all(&[4, 5, 6, 7, 8, 9]),
        "replaced"
    );
    let kept = session_id(5);
    let changed = on
        .one
        .change_password(&ada, "old", "new".to_owned(), &kept, by());
    assert_eq!(changed.await, Ok(ChangePassword::Changed { ended: 2 }));
    assert_eq!(
        live().await,
        each_seen_by_all(&[5, 6, 7, 8, 9]),
        "another password"
    );
    let started = on.two.start_session(new_session(11, &ada), None, 1, by());
    assert_eq!(started.await, Ok(StartSession::Started { evicted: 1 }));
    assert_eq!(live().await, each_seen_by_all(&[6, 7, 8, 9]), "evicted");
    on.two.set_disabled(&bob, true, by()).await.unwrap();
    assert_eq!(live().await, each_seen_by_all(&[8, 9]), "disabled");
    on.one
        .touch_session(&key_hash(9), NOW.plus_secs(60))
        .await
        .unwrap();
    for store in [&on.one, &on.two] {
        let moved = store.session(&key_hash(9)).await.unwrap().unwrap();
        assert_eq!(moved.last_activity, NOW.plus_secs(60));
    }
    let purged = on.two.purge_sessions(NOW.plus_secs(30), by()).await;
    assert_eq!(purged, Ok(2), "8, and the last one of ada");
    assert_eq!(live().await, each_seen_by_all(&[9]), "purged");
    let scopes: Option<Scope> = Some("notes:read".parse().unwrap());
    on.one
        .set_user_scopes(&eve, scopes.clone(), by())
        .await
        .unwrap();
    for store in [&on.one, &on.two] {
        let found = store.session(&key_hash(9)).await.unwrap().unwrap();
        assert_eq!(found.user_scopes, scopes);
    }
    on.two.remove_user(&eve, by()).await.unwrap();
    assert_eq!(live().await, each_seen_by_all(&[]), "removed");
}

pub(super) async fn nothing_starts_for_a_missing_or_disabled_user(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &bob).await;
    on.one.set_disabled(&ada, true, by()).await.unwrap();
    for user in [ada.clone(), user_id(99)] {
        let refused = on
            .one
            .start_session(new_session(2, &user), Some(key_hash(1)), 20, by())
            .await;
        assert_eq!(refused, Ok(StartSession::UserGone));
        assert_eq!(on.one.session(&key_hash(2)).await, Ok(None));
    }
    assert_eq!(
        ids_of(&*on.one, &bob).await,
        [session_id(1)],
        "a refused sign-in ends nothing"
    );

    on.one.set_disabled(&ada, false, by()).await.unwrap();
    start(&*on.one, 2, &ada).await;
}

pub(super) async fn c021_oldest_session_is_evicted(on: &Instances) {
    const MAX: u32 = 20;
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1000, &bob).await;
    for number in 1..=MAX {
        let started = on
            .one
            .start_session(new_session(number, &ada), None, MAX, by())
            .await;
        assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
    }
    let started = on
        .one
        .start_session(new_session(MAX + 1, &ada), None, MAX, by())
        .await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 1 }));
    assert_eq!(
        on.one.session(&key_hash(1)).await,
        Ok(None),
        "the oldest is over"
    );
    let left: Vec<_> = (2..=MAX + 1).rev().map(session_id).collect();
    assert_eq!(ids_of(&*on.one, &ada).await, left);
    assert_eq!(
        ids_of(&*on.one, &bob).await,
        [session_id(1000)],
        "others keep theirs"
    );

    let lowered = on
        .one
        .start_session(new_session(MAX + 2, &ada), None, 3, by())
        .await;
    assert_eq!(lowered, Ok(StartSession::Started { evicted: 18 }));
}

pub(super) async fn eviction_goes_by_arrival_when_the_clock_jumps_back(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &ada).await;
    let earlier = NewSession {
        now: NOW.minus_secs(3600),
        ..new_session(3, &ada)
    };
    let started = on.one.start_session(earlier, None, 2, by()).await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 1 }));
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(3), session_id(2)]);
}

pub(super) async fn the_new_session_stays_whatever_the_maximum(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let started = on
        .one
        .start_session(new_session(2, &ada), None, 0, by())
        .await;
    assert_eq!(started, Ok(StartSession::Started { evicted: 1 }));
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2)]);
}

pub(super) async fn signing_in_ends_the_session_it_replaces(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &ada).await;

    let again = on
        .one
        .start_session(new_session(3, &ada), Some(key_hash(1)), 2, by())
        .await;
    assert_eq!(
        again,
        Ok(StartSession::Started { evicted: 0 }),
        "the replaced one made room"
    );
    assert_eq!(on.one.session(&key_hash(1)).await, Ok(None));
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(3), session_id(2)]);

    let someone_else = on
        .one
        .start_session(new_session(4, &bob), Some(key_hash(3)), 2, by())
        .await;
    assert_eq!(someone_else, Ok(StartSession::Started { evicted: 0 }));
    assert_eq!(
        ids_of(&*on.one, &ada).await,
        [session_id(2)],
        "the same browser, another person"
    );

    let unknown = on
        .one
        .start_session(new_session(5, &bob), Some(key_hash(99)), 2, by())
        .await;
    assert_eq!(unknown, Ok(StartSession::Started { evicted: 0 }));
    assert_eq!(ids_of(&*on.one, &bob).await, [session_id(5), session_id(4)]);
}

pub(super) async fn a_touch_moves_activity_only_forward(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let before = on.one.session(&key_hash(1)).await.unwrap().unwrap();
    for (at, then) in [
        (NOW.plus_secs(60), NOW.plus_secs(60)),
        (NOW.plus_secs(30), NOW.plus_secs(60)),
        (NOW.plus_secs(60), NOW.plus_secs(60)),
        (NOW.plus_secs(61), NOW.plus_secs(61)),
    ] {
        assert_eq!(
            on.one.touch_session(&key_hash(1), at).await,
            Ok(Change::Done)
        );
        let expected = Session {
            last_activity: then,
            ..(*before).clone()
        };
        let found = on.one.session(&key_hash(1)).await;
        assert_eq!(found, Ok(Some(expected.into())));
    }
    assert_eq!(
        on.one.touch_session(&key_hash(99), NOW).await,
        Ok(Change::NotFound)
    );
}

pub(super) async fn an_ended_session_stays_ended(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &ada).await;
    assert_eq!(
        on.one.end_session(&key_hash(1), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.one.touch_session(&key_hash(1), NOW.plus_secs(9)).await,
        Ok(Change::NotFound)
    );
    let upgraded = on
        .one
        .upgrade_password_hash(&ada, "old", "new".to_owned(), by())
        .await;
    assert_eq!(upgraded, Ok(Change::Done));
    assert_eq!(on.one.session(&key_hash(1)).await, Ok(None));
    assert_eq!(
        on.one.end_session(&key_hash(1), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2)]);
}

pub(super) async fn a_user_ends_only_their_own_sessions(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    assert_eq!(
        on.one.end_session_of(&bob, &session_id(1), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(1)]);
    assert_eq!(
        on.one.end_session_of(&ada, &session_id(1), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.one.end_session_of(&ada, &session_id(1), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(on.one.session(&key_hash(1)).await, Ok(None));
}

pub(super) async fn the_operator_ends_any_session_by_its_id(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &ada).await;
    assert_eq!(
        on.one.end_session_by_id(&session_id(1), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.one.end_session_by_id(&session_id(1), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2)]);
}

pub(super) async fn ending_the_others_says_how_many(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for number in 1..=3 {
        start(&*on.one, number, &ada).await;
    }
    start(&*on.one, 4, &bob).await;
    assert_eq!(
        on.one
            .end_sessions_of(&ada, EndSessions::AllBut(session_id(2)), by())
            .await,
        Ok(2)
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2)]);
    let not_hers = EndSessions::AllBut(session_id(4));
    assert_eq!(on.one.end_sessions_of(&ada, not_hers, by()).await, Ok(1));
    assert_eq!(
        on.one.end_sessions_of(&ada, EndSessions::All, by()).await,
        Ok(0)
    );
    assert_eq!(ids_of(&*on.one, &bob).await, [session_id(4)]);
}

pub(super) async fn a_purge_removes_exactly_what_is_over(on: &Instances) {
    const MANY: u32 = 2500;
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    let idle_before = NOW.minus_secs(3600);
    let started = |number, user, started, end| NewSession {
        now: started,
        absolute_end: end,
        ..new_session(number, user)
    };
    let later = NOW.plus_secs(60);
    let a_moment_ago = NOW.minus_secs(1);
    for session in [
        started(1, &ada, idle_before, NOW),
        started(2, &ada, NOW, later),
        started(3, &ada, NOW, a_moment_ago),
        started(4, &ada, idle_before.minus_secs(1), later),
    ] {
        on.one
            .start_session(session, None, u32::MAX, by())
            .await
            .unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for number in 10..10 + MANY {
        let (store, session) = (on.one.clone(), started(number, &bob, NOW, a_moment_ago));
        tasks.spawn(async move {
            store
                .start_session(session, None, u32::MAX, by())
                .await
                .unwrap()
        });
    }
    tasks.join_all().await;

    assert_eq!(on.one.purge_sessions(idle_before, by()).await, Ok(MANY + 2));
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2), session_id(1)]);
    assert_eq!(ids_of(&*on.one, &bob).await, []);
    assert_eq!(on.one.purge_sessions(idle_before, by()).await, Ok(0));
}
