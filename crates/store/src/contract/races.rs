//! What must hold whatever the order in which concurrent commands arrive.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Instances;
use super::fixtures::*;
use crate::{
    AddClient, AddKey, AddUser, Change, ChangePassword, EndSessions, NewSession, StartSession,
    Store,
};

/// One instance or the other, in turn.
fn either(on: &Instances, number: u32) -> Arc<dyn Store> {
    if number.is_multiple_of(2) {
        Arc::clone(&on.one)
    } else {
        Arc::clone(&on.two)
    }
}

pub(super) async fn an_instance_sees_at_once_what_another_did(on: &Instances) {
    let ada = add_user(&*on.two, 1, "ada").await;
    assert!(on.one.user(&ada).await.unwrap().is_some());
    for number in 0..50 {
        let (here, there) = (either(on, number), either(on, number + 1));
        start(&*here, number, &ada).await;
        assert!(there.session(&key_hash(number)).await.unwrap().is_some());
        assert_eq!(
            there.end_session(&key_hash(number), by()).await,
            Ok(Change::Done)
        );
        assert_eq!(here.session(&key_hash(number)).await, Ok(None));
    }
    on.two
        .add_client(client("web", &["https://ui.example.com"]), by())
        .await
        .unwrap();
    assert!(
        on.one
            .client_by_origin("https://ui.example.com")
            .await
            .unwrap()
            .is_some()
    );
    on.two.remove_client(&client_id("web"), by()).await.unwrap();
    assert_eq!(
        on.one.client_by_origin("https://ui.example.com").await,
        Ok(None)
    );
}

pub(super) async fn two_hundred_sessions_start_move_and_end_at_once(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ada) = (either(on, number), ada.clone());
        tasks.spawn(async move {
            start(&*store, number, &ada).await;
            let mut touches = JoinSet::new();
            for secs in [30, 90, 60] {
                let store = Arc::clone(&store);
                touches.spawn(async move {
                    store
                        .touch_session(&key_hash(number), NOW.plus_secs(secs))
                        .await
                });
            }
            for touched in touches.join_all().await {
                assert_eq!(touched, Ok(Change::Done));
            }
            if number % 4 == 0 {
                assert_eq!(
                    store.end_session(&key_hash(number), by()).await,
                    Ok(Change::Done)
                );
            }
        });
    }
    tasks.join_all().await;
    for number in 0..200 {
        let session = on.one.session(&key_hash(number)).await.unwrap();
        let expected = (number % 4 != 0).then(|| NOW.plus_secs(90));
        assert_eq!(
            session.map(|session| session.last_activity),
            expected,
            "session {number}"
        );
    }
    assert_eq!(on.two.sessions_of(&ada).await.unwrap().len(), 150);
}

pub(super) async fn nothing_brings_an_ended_session_back(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        start(&*on.one, number, &ada).await;
        for by in 0..2 {
            let store = either(on, by);
            tasks.spawn(async move {
                store
                    .touch_session(&key_hash(number), NOW.plus_secs(60))
                    .await
                    .unwrap();
            });
        }
        let store = either(on, number);
        tasks.spawn(async move {
            assert_eq!(
                store.end_session(&key_hash(number), by()).await,
                Ok(Change::Done)
            );
            assert_eq!(
                store.session(&key_hash(number)).await,
                Ok(None),
                "acknowledged, so over"
            );
            let touched = store
                .touch_session(&key_hash(number), NOW.plus_secs(90))
                .await;
            assert_eq!(touched, Ok(Change::NotFound));
        });
        let (store, ada) = (either(on, number + 1), ada.clone());
        tasks.spawn(async move {
            store
                .upgrade_password_hash(&ada, "old", "new".to_owned(), by())
                .await
                .unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(ids_of(&*on.one, &ada).await, []);
}

pub(super) async fn sign_ins_that_race_with_disabling_leave_nothing(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1000, &ada).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ada) = (either(on, number), ada.clone());
        if number == 100 {
            tasks.spawn(async move {
                assert_eq!(store.set_disabled(&ada, true, by()).await, Ok(Change::Done));
                assert_eq!(store.session(&key_hash(1000)).await, Ok(None));
                assert_eq!(ids_of(&*store, &ada).await, []);
            });
            continue;
        }
        tasks.spawn(async move {
            let outcome = store
                .start_session(new_session(number, &ada), None, 20, by())
                .await
                .unwrap();
            if outcome == StartSession::UserGone {
                assert_eq!(store.session(&key_hash(number)).await, Ok(None));
            }
        });
    }
    tasks.join_all().await;
    on.one.set_disabled(&ada, false, by()).await.unwrap();
    assert_eq!(ids_of(&*on.one, &ada).await, []);
}

pub(super) async fn the_maximum_holds_under_concurrent_sign_ins(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ada) = (either(on, number), ada.clone());
        tasks.spawn(async move {
            store
                .start_session(new_session(number, &ada), None, 5, by())
                .await
                .unwrap()
        });
    }
    let evicted: u32 = tasks
        .join_all()
        .await
        .into_iter()
        .map(|outcome| match outcome {
            StartSession::Started { evicted } => evicted,
            StartSession::UserGone => panic!("the user was there all the time"),
        })
        .sum();
    assert_eq!(evicted, 195);
    assert_eq!(on.two.sessions_of(&ada).await.unwrap().len(), 5);
}

pub(super) async fn a_hash_upgrade_never_undoes_a_password_change(on: &Instances) {
    for number in 0..50 {
        let ada = add_user(&*on.one, number, &format!("ada{number}")).await;
        let (store, id) = (Arc::clone(&on.two), ada.clone());
        let upgrade = tokio::spawn(async move {
            store
                .upgrade_password_hash(&id, "old", "old but stronger".to_owned(), by())
                .await
                .unwrap();
        });
        let changed = on
            .one
            .set_password(&ada, "changed".to_owned(), EndSessions::All, by())
            .await;
        assert_eq!(changed, Ok(Change::Done));
        upgrade.await.unwrap();
        let hash = on.one.user(&ada).await.unwrap().unwrap().password_hash;
        assert_eq!(hash.as_deref(), Some("changed"));
    }
}

pub(super) async fn one_of_many_equal_names_wins(on: &Instances) {
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let store = either(on, number);
        tasks.spawn(async move {
            (
                user_id(number),
                store.add_user(new_user(number, "ada"), by()).await.unwrap(),
            )
        });
    }
    let mut winners = tasks.join_all().await;
    winners.retain(|(_, outcome)| *outcome == AddUser::Added);
    assert_eq!(winners.len(), 1);
    assert_eq!(
        on.one.user_by_name("ada").await.unwrap().unwrap().id,
        winners[0].0
    );
    assert_eq!(on.one.users(None, 100).await.unwrap().len(), 1);
}

pub(super) async fn one_of_many_clients_gets_an_origin(on: &Instances) {
    const UI: &str = "https://ui.example.com";
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let store = either(on, number);
        tasks.spawn(async move {
            let new = client(&format!("client{number}"), &[UI]);
            (
                new.client_id.clone(),
                store.add_client(new, by()).await.unwrap(),
            )
        });
    }
    let outcomes = tasks.join_all().await;
    let owner = on
        .one
        .client_by_origin(UI)
        .await
        .unwrap()
        .unwrap()
        .client_id
        .clone();
    for (id, outcome) in outcomes {
        let expected = if id == owner {
            AddClient::Added
        } else {
            AddClient::OriginTaken {
                origin: UI.to_owned(),
                client_id: owner.clone(),
            }
        };
        assert_eq!(outcome, expected, "{id}");
    }
    assert_eq!(on.two.clients().await.unwrap().len(), 1);
}

pub(super) async fn c072_instances_that_rotate_at_once_end_with_one_new_key(on: &Instances) {
    // The first round is a start on an empty database.
    let mut newest = None;
    for round in 0..5_usize {
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let (store, newest) = (either(on, number), newest.clone());
            let key = signing_key(u32::try_from(round).unwrap() * 20 + number);
            tasks.spawn(async move {
                let outcome = store.add_key(key, newest, by()).await.unwrap();
                let keys = store.keys().await.unwrap();
                let kids: Vec<_> = keys.into_iter().map(|key| key.kid).collect();
                (outcome, kids)
            });
        }
        let outcomes = tasks.join_all().await;
        let added = outcomes
            .iter()
            .filter(|(outcome, _)| *outcome == AddKey::Added);
        assert_eq!(added.count(), 1, "round {round}");
        let (_, kids) = &outcomes[0];
        assert!(outcomes.iter().all(|(_, seen)| seen == kids));
        assert_eq!(kids.len(), round + 1);
        newest = on.one.keys().await.unwrap().pop();
    }
}

/// Purges, activity and sign-ins at once: what is over goes and stays gone, what lives stays, and nobody is answered
/// with an error.
pub(super) async fn c023_a_purge_neither_revives_nor_takes_a_live_session(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    for number in 0..200 {
        start(&*on.one, number, &ada).await;
    }
    // Those of even numbers had input lately, when the purge begins; the others are touched too late.
    let idle_before = NOW.plus_secs(60);
    for number in (0..200).step_by(2) {
        let touched = on
            .one
            .touch_session(&key_hash(number), NOW.plus_secs(60))
            .await;
        assert_eq!(touched, Ok(Change::Done));
    }
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ada) = (either(on, number / 2), ada.clone());
        tasks.spawn(async move {
            if number % 20 == 0 {
                store.purge_sessions(idle_before, by()).await.unwrap();
            }
            let touched = store
                .touch_session(&key_hash(number), NOW.plus_secs(90))
                .await;
            let found = store.session(&key_hash(number)).await.unwrap();
            assert_eq!(found.is_some(), touched == Ok(Change::Done), "{number}");
            if number % 2 == 0 {
                assert_eq!(touched, Ok(Change::Done), "{number} lives");
            }
            let fresh = NewSession {
                now: idle_before,
                ..new_session(1000 + number, &ada)
            };
            let started = store.start_session(fresh, None, u32::MAX, by()).await;
            assert_eq!(started, Ok(StartSession::Started { evicted: 0 }));
        });
    }
    tasks.join_all().await;
    on.one.purge_sessions(idle_before, by()).await.unwrap();
    for number in (0..200).step_by(2).chain(1000..1200) {
        let found = on.two.session(&key_hash(number)).await.unwrap();
        assert!(found.is_some(), "{number}");
    }
}

pub(super) async fn c149_one_of_many_changes_of_a_password_wins(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        start(&*on.one, number, &ada).await;
    }
    for number in 0..50 {
        let (store, ada) = (either(on, number), ada.clone());
        tasks.spawn(async move {
            let new = format!("new {number}");
            store
                .change_password(&ada, "old", new, &session_id(number), by())
                .await
                .map(|outcome| (number, outcome))
        });
    }
    let outcomes = tasks.join_all().await;
    let changed: Vec<_> = outcomes
        .into_iter()
        .map(Result::unwrap)
        .filter_map(|(number, outcome)| match outcome {
            ChangePassword::Changed { ended } => Some((number, ended)),
            ChangePassword::OtherPassword | ChangePassword::SessionOver => None,
        })
        .collect();
    let &[(winner, 49)] = changed.as_slice() else {
        panic!("{changed:?}");
    };
    let user = on.one.user(&ada).await.unwrap().unwrap();
    assert_eq!(user.password_hash, Some(format!("new {winner}")));
    assert_eq!(ids_of(&*on.two, &ada).await, [session_id(winner)]);
}
