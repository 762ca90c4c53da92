//! People.

use sessionmint_oauth::Timestamp;

use super::Instances;
use super::fixtures::*;
use crate::{AddUser, By, Change, ChangePassword, ChangeUser, EndSessions, NewUser, Store, User};

pub(super) async fn a_user_comes_back_as_stored(on: &Instances) {
    let all = [
        (None, None, Timestamp::from_millis(-1)),
        (
            Some("$argon2id$…"),
            Some(""),
            Timestamp::from_millis(1_800_000_000_123),
        ),
        (Some(""), Some("a b"), Timestamp::from_millis(0)),
    ];
    for (number, (password_hash, scopes, created_at)) in (0..).zip(all) {
        let new = NewUser {
            id: user_id(number),
            username: format!("Zoë ' \" {number}"),
            password_hash: password_hash.map(str::to_owned),
            scopes: scopes.map(|scopes| scopes.parse().unwrap()),
            disabled_at: (number == 1).then_some(NOW),
            created_at,
        };
        let stored = User {
            id: new.id.clone(),
            username: new.username.clone(),
            password_hash: new.password_hash.clone(),
            scopes: new.scopes.clone(),
            disabled_at: new.disabled_at,
            created_at,
        };
        assert_eq!(on.one.add_user(new, by()).await, Ok(AddUser::Added));
        assert_eq!(on.one.user(&stored.id).await, Ok(Some(stored.clone())));
        assert_eq!(
            on.one.user_by_name(&stored.username).await,
            Ok(Some(stored))
        );
    }
    assert_eq!(on.one.user(&user_id(99)).await, Ok(None));
}

pub(super) async fn names_are_unique_byte_for_byte(on: &Instances) {
    let first = add_user(&*on.one, 1, "ada").await;
    assert_eq!(
        on.one.add_user(new_user(2, "ada"), by()).await,
        Ok(AddUser::NameTaken)
    );
    assert_eq!(on.one.user_by_name("ada").await.unwrap().unwrap().id, first);
    assert_eq!(on.one.user(&user_id(2)).await, Ok(None));
    for (number, other) in (3..).zip(["Ada", "ada ", "ad", "ada\0", "àda"]) {
        assert_eq!(on.one.user_by_name(other).await, Ok(None), "{other:?}");
        let id = add_user(&*on.one, number, other).await;
        assert_eq!(
            on.one.user_by_name(other).await.unwrap().unwrap().id,
            id,
            "{other:?}"
        );
    }
}

pub(super) async fn users_are_listed_by_name_in_pages(on: &Instances) {
    for (number, name) in (1..).zip(["carol", "Zed", "ada", "bob"]) {
        add_user(&*on.one, number, name).await;
    }
    let page = async |after, limit| {
        let users = on.one.users(after, limit).await.unwrap();
        users
            .into_iter()
            .map(|user| user.username)
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, ["Zed", "ada", "bob"]);
    assert_eq!(page(Some("bob"), 3).await, ["carol"]);
    assert_eq!(
        page(Some("b"), 1).await,
        ["bob"],
        "the name after which a page begins may be gone"
    );
    assert_eq!(page(None, 0).await, Vec::<String>::new());
}

pub(super) async fn a_new_password_ends_sessions(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for number in 1..=3 {
        start(&*on.one, number, &ada).await;
    }
    start(&*on.one, 4, &bob).await;

    let but_second = EndSessions::AllBut(session_id(2));
    assert_eq!(
        on.one
            .set_password(&ada, "new".to_owned(), but_second, by())
            .await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.one
            .user(&ada)
            .await
            .unwrap()
            .unwrap()
            .password_hash
            .as_deref(),
        Some("new")
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(2)]);

    assert_eq!(
        on.one
            .set_password(&ada, "newer".to_owned(), EndSessions::All, by())
            .await,
        Ok(Change::Done)
    );
    assert_eq!(on.one.session(&key_hash(2)).await, Ok(None));
    assert_eq!(ids_of(&*on.one, &bob).await, [session_id(4)]);

    let nobody = on
        .one
        .set_password(&user_id(99), "x".to_owned(), EndSessions::All, by())
        .await;
    assert_eq!(nobody, Ok(Change::NotFound));
}

pub(super) async fn many_users_are_added_at_once(on: &Instances) {
    add_user(&*on.one, 1, "ada").await;
    let disabled = NewUser {
        disabled_at: Some(NOW),
        ..new_user(4, "carol")
    };
    let outcomes = on
        .one
        .add_users(vec![new_user(2, "ada"), new_user(3, "bob"), disabled], by())
        .await;
    assert_eq!(
        outcomes,
        Ok(vec![AddUser::NameTaken, AddUser::Added, AddUser::Added])
    );
    assert_eq!(on.two.user(&user_id(2)).await, Ok(None));
    assert_eq!(
        on.two
            .user_by_name("ada")
            .await
            .unwrap()
            .map(|user| user.id),
        Some(user_id(1))
    );
    assert_eq!(
        on.two.user(&user_id(3)).await.unwrap().unwrap().disabled_at,
        None
    );
    assert_eq!(
        on.two.user(&user_id(4)).await.unwrap().unwrap().disabled_at,
        Some(NOW)
    );
    assert_eq!(on.one.add_users(Vec::new(), by()).await, Ok(Vec::new()));
}

pub(super) async fn c149_a_change_of_password_needs_the_old_hash_and_a_live_session(
    on: &Instances,
) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for number in 1..=3 {
        start(&*on.one, number, &ada).await;
    }
    start(&*on.one, 4, &bob).await;
    let change = async |old: &str, new: &str, kept| {
        on.one
            .change_password(&ada, old, new.to_owned(), &session_id(kept), by())
            .await
            .unwrap()
    };
    let hash = async || on.two.user(&ada).await.unwrap().unwrap().password_hash;

    assert_eq!(change("other", "x", 2).await, ChangePassword::OtherPassword);
    assert_eq!(change("old", "x", 99).await, ChangePassword::SessionOver);
    assert_eq!(
        change("old", "x", 4).await,
        ChangePassword::SessionOver,
        "another user's"
    );
    assert_eq!(hash().await.as_deref(), Some("old"));
    assert_eq!(ids_of(&*on.two, &ada).await.len(), 3);

    assert_eq!(
        change("old", "new", 2).await,
        ChangePassword::Changed { ended: 2 }
    );
    assert_eq!(hash().await.as_deref(), Some("new"));
    assert_eq!(ids_of(&*on.two, &ada).await, [session_id(2)]);
    assert_eq!(ids_of(&*on.two, &bob).await, [session_id(4)]);
    assert_eq!(change("old", "x", 2).await, ChangePassword::OtherPassword);

    on.two.end_session(&key_hash(2), by()).await.unwrap();
    assert_eq!(change("new", "x", 2).await, ChangePassword::SessionOver);
    on.two.remove_user(&ada, by()).await.unwrap();
    assert_eq!(change("new", "x", 2).await, ChangePassword::SessionOver);
}

pub(super) async fn a_hash_is_upgraded_only_from_the_old_one(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let upgrade = async |old: &str, new: &str| {
        on.one
            .upgrade_password_hash(&ada, old, new.to_owned(), by())
            .await
            .unwrap()
    };
    assert_eq!(upgrade("other", "x").await, Change::NotFound);
    assert_eq!(upgrade("old", "stronger").await, Change::Done);
    assert_eq!(upgrade("old", "x").await, Change::NotFound);
    assert_eq!(
        on.one
            .user(&ada)
            .await
            .unwrap()
            .unwrap()
            .password_hash
            .as_deref(),
        Some("stronger")
    );
    assert_eq!(ids_of(&*on.one, &ada).await, [session_id(1)]);

    let without = NewUser {
        password_hash: None,
        ..new_user(2, "bob")
    };
    assert_eq!(on.one.add_user(without, by()).await, Ok(AddUser::Added));
    let none = on
        .one
        .upgrade_password_hash(&user_id(2), "", "x".to_owned(), by())
        .await;
    assert_eq!(none, Ok(Change::NotFound));
}

pub(super) async fn disabling_ends_sessions_for_good(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &bob).await;

    assert_eq!(
        on.one.set_disabled(&ada, true, by()).await,
        Ok(Change::Done)
    );
    assert_eq!(on.one.session(&key_hash(1)).await, Ok(None));
    assert_eq!(ids_of(&*on.one, &ada).await, []);
    assert_eq!(
        on.one.touch_session(&key_hash(1), NOW.plus_secs(9)).await,
        Ok(Change::NotFound)
    );
    let later = By::service(NOW.plus_secs(5));
    assert_eq!(ids_of(&*on.one, &bob).await, [session_id(2)]);

    assert_eq!(
        on.one.set_disabled(&ada, true, later).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.one.user(&ada).await.unwrap().unwrap().disabled_at,
        Some(NOW)
    );

    assert_eq!(
        on.one.set_disabled(&ada, false, by()).await,
        Ok(Change::Done)
    );
    assert_eq!(on.one.user(&ada).await.unwrap().unwrap().disabled_at, None);
    assert_eq!(
        on.one.session(&key_hash(1)).await,
        Ok(None),
        "enabling revives nothing"
    );

    assert_eq!(
        on.one.set_disabled(&user_id(99), true, by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(
        on.one.set_disabled(&user_id(99), false, by()).await,
        Ok(Change::NotFound)
    );
}

pub(super) async fn scopes_of_a_user_show_in_the_next_read(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    for scopes in [Some("notes:read"), Some(""), None] {
        let scopes = scopes.map(|scopes| scopes.parse().unwrap());
        assert_eq!(
            on.one.set_user_scopes(&ada, scopes.clone(), by()).await,
            Ok(Change::Done)
        );
        assert_eq!(
            on.one
                .session(&key_hash(1))
                .await
                .unwrap()
                .unwrap()
                .user_scopes,
            scopes
        );
        assert_eq!(on.one.user(&ada).await.unwrap().unwrap().scopes, scopes);
    }
    assert_eq!(
        on.one.set_user_scopes(&user_id(99), None, by()).await,
        Ok(Change::NotFound)
    );
}

pub(super) async fn a_removed_user_takes_their_sessions_along(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    assert_eq!(on.one.remove_user(&ada, by()).await, Ok(Change::Done));
    assert_eq!(on.one.session(&key_hash(1)).await, Ok(None));
    assert_eq!(
        on.one.end_session(&key_hash(1), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(on.one.user(&ada).await, Ok(None));
    assert_eq!(on.one.remove_user(&ada, by()).await, Ok(Change::NotFound));

    let again = add_user(&*on.one, 2, "ada").await;
    assert_eq!(ids_of(&*on.one, &again).await, []);
}

pub(super) async fn a_user_is_changed_only_as_they_were_seen(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    let seen = on.one.user(&ada).await.unwrap().unwrap();
    let scopes: Option<sessionmint_oauth::Scope> = Some("notes:read".parse().unwrap());
    let change = async |store: &dyn Store, seen: &User, disabled| {
        store
            .change_user(seen, scopes.clone(), disabled, by())
            .await
            .unwrap()
    };
    assert_eq!(change(&*on.one, &seen, false).await, ChangeUser::Changed);
    let now = on.two.user(&ada).await.unwrap().unwrap();
    assert_eq!((&now.scopes, now.disabled_at), (&scopes, None));
    assert_eq!(change(&*on.two, &seen, true).await, ChangeUser::Conflict);
    assert_eq!(ids_of(&*on.two, &ada).await.len(), 1);
    assert_eq!(change(&*on.two, &now, true).await, ChangeUser::Changed);
    assert!(ids_of(&*on.one, &ada).await.is_empty());
    assert_eq!(change(&*on.one, &now, false).await, ChangeUser::Conflict);
    let disabled = on.two.user(&ada).await.unwrap().unwrap();
    assert_eq!(disabled.disabled_at, Some(NOW));
    on.one.remove_user(&ada, by()).await.unwrap();
    assert_eq!(
        change(&*on.one, &disabled, false).await,
        ChangeUser::NotFound
    );
}
