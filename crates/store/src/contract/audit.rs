//! The audit trail: each change leaves its records, and nothing else does.

use serde_json::json;
use sessionmint_oauth::{Timestamp, UserId};

use super::Instances;
use super::fixtures::*;
use crate::AuditKind as Kind;
use crate::AuditReason as Reason;
use crate::{
    Actor, AuditFilter, AuditRecord, By, EndSessions, NewAuditRecord, NewSession, Refusal,
    ResealedKey, SigningKeyRow, Store,
};

/// All records in the order of their arrival.
async fn all(store: &dyn Store) -> Vec<AuditRecord> {
    let mut records = store
        .audit(&AuditFilter::default(), None, u32::MAX)
        .await
        .unwrap();
    records.sort_by_key(|record| record.id);
    records
}

/// A look at what is new since the last one.
struct Trail<'a> {
    on: &'a Instances,
    seen: usize,
}

impl Trail<'_> {
    async fn new_records(&mut self) -> Vec<AuditRecord> {
        let records = all(&*self.on.two).await.split_off(self.seen);
        self.seen += records.len();
        records
    }

    /// Kinds and reasons of what is new.
    async fn new_kinds(&mut self) -> Vec<(Kind, Option<Reason>)> {
        let records = self.new_records().await;
        records.iter().map(|r| (r.kind, r.reason)).collect()
    }
}

fn trail(on: &Instances) -> Trail<'_> {
    Trail { on, seen: 0 }
}

fn ended(reason: Reason) -> (Kind, Option<Reason>) {
    (Kind::SessionEnded, Some(reason))
}

fn refusal(number: u32, at: Timestamp) -> Refusal {
    Refusal {
        by: By::nobody(at).from("192.0.2.1".parse().unwrap()),
        record: NewAuditRecord {
            attempts: Some(number),
            ..NewAuditRecord::new(Kind::SignInFailed).because(Reason::Rejected)
        },
    }
}

pub(super) async fn c151_a_record_says_who_did_what_to_whom_from_where_and_when(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut trail = trail(on);
    trail.new_records().await;
    let by = By::user(ada.clone(), NOW.plus_secs(5))
        .through(client_id("web"))
        .from("2001:db8::1".parse().unwrap());
    let hostile = NewSession {
        user_agent: "a\r\nb \u{1b}[31m \"ä\"".to_owned(),
        ..new_session(1, &ada)
    };
    on.one
        .start_session(hostile, None, 20, by.clone())
        .await
        .unwrap();
    let records = trail.new_records().await;
    let expected = AuditRecord {
        id: records[0].id,
        at: NOW.plus_secs(5),
        kind: Kind::SignInSucceeded,
        reason: None,
        actor: Actor::User(ada.clone()),
        user_id: Some(ada.clone()),
        session_id: Some(session_id(1)),
        client_id: Some(client_id("web")),
        key_id: None,
        network: Some("2001:db8::1".parse().unwrap()),
        attempts: None,
        details: json!({"persistent": false, "user_agent": "a\r\nb \u{1b}[31m \"ä\""})
            .as_object()
            .unwrap()
            .clone(),
    };
    assert_eq!(records, [expected]);

    // Of who signs out, only the cookie is known.
    on.one
        .end_session(
            &key_hash(1),
            By {
                actor: None,
                ..by.clone()
            },
        )
        .await
        .unwrap();
    let records = trail.new_records().await;
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].kind, records[0].reason), ended(Reason::SignOut));
    assert_eq!(records[0].actor, Actor::User(ada.clone()));
    assert_eq!(
        (&records[0].user_id, &records[0].session_id),
        (&Some(ada.clone()), &Some(session_id(1)))
    );
    assert_eq!(records[0].network, by.network);

    let operator = By::operator("root", NOW);
    on.one.set_disabled(&ada, true, operator).await.unwrap();
    on.one.remove_user(&ada, By::service(NOW)).await.unwrap();
    let records = trail.new_records().await;
    let actors: Vec<_> = records.iter().map(|r| (r.kind, r.actor.clone())).collect();
    assert_eq!(
        actors,
        [
            (Kind::UserDisabled, Actor::Operator("root".to_owned())),
            (Kind::UserRemoved, Actor::Service),
        ]
    );
    assert_eq!(records[1].user_id, Some(ada), "it outlives the user");
}

pub(super) async fn c151_each_change_of_a_user_leaves_its_record(on: &Instances) {
    let mut trail = trail(on);
    let ada = add_user(&*on.one, 1, "ada").await;
    let both = vec![new_user(2, "bob"), new_user(3, "ada")];
    on.one.add_users(both, by()).await.unwrap();
    assert_eq!(
        trail.new_kinds().await,
        [(Kind::UserAdded, None), (Kind::UserAdded, None)],
        "a name that is taken adds nobody"
    );
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &ada).await;
    start(&*on.one, 3, &user_id(2)).await;
    trail.new_records().await;

    let scopes = Some("notes:read".parse().unwrap());
    for _ in 0..2 {
        on.one
            .set_user_scopes(&ada, scopes.clone(), by())
            .await
            .unwrap();
    }
    let records = trail.new_records().await;
    assert_eq!(records.len(), 1, "the second changed nothing");
    assert_eq!(records[0].kind, Kind::UserScopesChanged);
    assert_eq!(records[0].details["scopes"], "notes:read");

    on.one
        .upgrade_password_hash(&ada, "old", "stronger".to_owned(), by())
        .await
        .unwrap();
    assert_eq!(trail.new_kinds().await, [(Kind::PasswordHashRenewed, None)]);

    on.one
        .change_password(&ada, "stronger", "new".to_owned(), &session_id(2), by())
        .await
        .unwrap();
    let records = trail.new_records().await;
    let kinds: Vec<_> = records.iter().map(|r| (r.kind, r.reason)).collect();
    let expected = [
        (Kind::PasswordChanged, None),
        ended(Reason::PasswordChanged),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(records[1].session_id, Some(session_id(1)));

    on.one
        .set_password(&ada, "set".to_owned(), EndSessions::All, by())
        .await
        .unwrap();
    assert_eq!(trail.new_kinds().await, expected);

    start(&*on.one, 4, &ada).await;
    trail.new_records().await;
    for _ in 0..2 {
        on.one.set_disabled(&ada, true, by()).await.unwrap();
    }
    assert_eq!(
        trail.new_kinds().await,
        [(Kind::UserDisabled, None), ended(Reason::UserDisabled)]
    );
    for _ in 0..2 {
        on.one.set_disabled(&ada, false, by()).await.unwrap();
    }
    assert_eq!(trail.new_kinds().await, [(Kind::UserEnabled, None)]);

    start(&*on.one, 5, &ada).await;
    trail.new_records().await;
    for _ in 0..2 {
        on.one.remove_user(&ada, by()).await.unwrap();
    }
    assert_eq!(
        trail.new_kinds().await,
        [ended(Reason::UserRemoved), (Kind::UserRemoved, None)]
    );
}

pub(super) async fn c151_each_end_of_a_session_has_its_true_reason(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    let mut trail = trail(on);
    start(&*on.one, 1, &ada).await;
    start(&*on.one, 2, &bob).await;
    trail.new_records().await;

    // In the same browser, another person; and one session is all that they may have.
    let began = on.one.start_session(
        new_session(3, &bob),
        Some(key_hash(1)),
        1,
        By::user(bob.clone(), NOW),
    );
    began.await.unwrap();
    let records = trail.new_records().await;
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.reason, r.session_id.clone(), r.user_id.clone()))
        .collect();
    let expected =
        |reason, session, user: &UserId| (reason, Some(session_id(session)), Some(user.clone()));
    assert_eq!(
        found,
        [
            expected(Some(Reason::Replaced), 1, &ada),
            expected(None, 3, &bob),
            expected(Some(Reason::Evicted), 2, &bob),
        ]
    );
    for record in &records {
        assert_eq!(record.actor, Actor::User(bob.clone()));
    }

    for number in 4..=7 {
        start(&*on.one, number, &ada).await;
    }
    trail.new_records().await;
    on.one
        .end_session_of(&ada, &session_id(4), By::user(ada.clone(), NOW))
        .await
        .unwrap();
    on.one
        .end_session_by_id(&session_id(5), By::operator("root", NOW))
        .await
        .unwrap();
    let kept = EndSessions::AllBut(session_id(7));
    on.one.end_sessions_of(&ada, kept, by()).await.unwrap();
    on.one
        .end_session(&key_hash(7), By::owner(NOW))
        .await
        .unwrap();
    assert_eq!(
        trail.new_kinds().await,
        [
            ended(Reason::Requested),
            ended(Reason::Requested),
            ended(Reason::Requested),
            ended(Reason::SignOut),
        ]
    );

    let old = NewSession {
        absolute_end: NOW.minus_secs(1),
        ..new_session(8, &ada)
    };
    let forgotten = NewSession {
        now: NOW.minus_secs(7200),
        ..new_session(9, &ada)
    };
    for session in [old, forgotten] {
        on.one.start_session(session, None, 20, by()).await.unwrap();
    }
    trail.new_records().await;
    on.one
        .purge_sessions(NOW.minus_secs(3600), By::service(NOW))
        .await
        .unwrap();
    let mut records = trail.new_records().await;
    records.sort_by_key(|record| record.session_id.clone());
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.reason, r.session_id.clone(), r.actor.clone()))
        .collect();
    let expected = [(Reason::AbsoluteEnd, 8), (Reason::Idle, 9)]
        .map(|(reason, number)| (Some(reason), Some(session_id(number)), Actor::Service));
    assert_eq!(found, expected);
}

pub(super) async fn c151_each_change_of_clients_and_keys_leaves_its_record(on: &Instances) {
    let mut trail = trail(on);
    let web = client("web", &["https://ui.example.com"]);
    for _ in 0..2 {
        on.one.add_client(web.clone(), by()).await.unwrap();
    }
    let slower = sessionmint_oauth::BrowserClient { ttl: 60, ..web };
    for _ in 0..2 {
        on.one
            .replace_client(slower.clone(), None, by())
            .await
            .unwrap();
    }
    for _ in 0..2 {
        on.one.remove_client(&client_id("web"), by()).await.unwrap();
    }
    let records = trail.new_records().await;
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(
        kinds,
        [Kind::ClientAdded, Kind::ClientChanged, Kind::ClientRemoved]
    );
    for record in &records {
        assert_eq!(record.client_id, Some(client_id("web")));
    }
    assert_eq!(
        (&records[0].details["ttl"], &records[1].details["ttl"]),
        (&json!(300), &json!(60))
    );
    assert_eq!(
        records[0].details["origins"],
        json!(["https://ui.example.com"])
    );

    let plain = SigningKeyRow {
        seal_version: 0,
        ..signing_key(1)
    };
    let newest = async || on.two.keys().await.unwrap().pop();
    for _ in 0..2 {
        on.one.add_key(plain.clone(), None, by()).await.unwrap();
        on.one.seal_key("key-1", vec![7], 1, by()).await.unwrap();
    }
    on.one
        .add_key(signing_key(2), newest().await, by())
        .await
        .unwrap();
    on.one.remove_key("key-1", by()).await.unwrap();
    on.one.remove_key("key-2", by()).await.unwrap();
    let resealed = ResealedKey {
        kid: "key-2".to_owned(),
        old: signing_key(2).pkcs8,
        new: vec![7],
        seal_version: 1,
    };
    for _ in 0..2 {
        let resealed = on.one.reseal_keys(vec![resealed.clone()], Vec::new(), by());
        resealed.await.unwrap();
    }
    on.one
        .replace_keys(signing_key(3), newest().await, by())
        .await
        .unwrap();
    let records = trail.new_records().await;
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.kind, r.reason, r.key_id.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::KeyAdded, None, Some("key-1")),
            (Kind::KeyEncrypted, None, Some("key-1")),
            (Kind::KeyAdded, None, Some("key-2")),
            (Kind::KeyRemoved, Some(Reason::Retired), Some("key-1")),
            (Kind::KeyEncrypted, None, Some("key-2")),
            (Kind::KeyRemoved, Some(Reason::Withdrawn), Some("key-2")),
            (Kind::KeyAdded, None, Some("key-3")),
        ]
    );
}

pub(super) async fn c151_what_changes_nothing_leaves_no_record(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    start(&*on.one, 1, &ada).await;
    on.one
        .add_client(client("web", &["https://ui.example.com"]), by())
        .await
        .unwrap();
    on.one.add_key(signing_key(1), None, by()).await.unwrap();
    let before = all(&*on.two).await;

    let (nobody, nothing, store) = (user_id(99), session_id(99), &on.one);
    store.add_user(new_user(2, "ada"), by()).await.unwrap();
    let set = store.set_password(&nobody, "x".to_owned(), EndSessions::All, by());
    set.await.unwrap();
    for (old, kept) in [("other", session_id(1)), ("old", nothing.clone())] {
        let changed = store.change_password(&ada, old, "x".to_owned(), &kept, by());
        changed.await.unwrap();
    }
    let upgraded = store.upgrade_password_hash(&ada, "other", "x".to_owned(), by());
    upgraded.await.unwrap();
    for disabled in [true, false] {
        store.set_disabled(&nobody, disabled, by()).await.unwrap();
    }
    store.set_user_scopes(&nobody, None, by()).await.unwrap();
    store.set_user_scopes(&ada, None, by()).await.unwrap();
    store.remove_user(&nobody, by()).await.unwrap();

    let other_password = NewSession {
        password_hash: Some("other".to_owned()),
        ..new_session(2, &ada)
    };
    for session in [other_password, new_session(3, &nobody)] {
        let began = store.start_session(session, Some(key_hash(1)), 1, by());
        began.await.unwrap();
    }
    store
        .touch_session(&key_hash(1), NOW.plus_secs(60))
        .await
        .unwrap();
    store.end_session(&key_hash(99), by()).await.unwrap();
    store
        .end_session_of(&nobody, &session_id(1), by())
        .await
        .unwrap();
    store.end_session_by_id(&nothing, by()).await.unwrap();
    let others = EndSessions::AllBut(session_id(1));
    store.end_sessions_of(&ada, others, by()).await.unwrap();
    store
        .purge_sessions(NOW.minus_secs(3600), by())
        .await
        .unwrap();

    let taken = client("other", &["https://ui.example.com"]);
    store.add_client(taken.clone(), by()).await.unwrap();
    store.replace_client(taken, None, by()).await.unwrap();
    store
        .remove_client(&client_id("other"), by())
        .await
        .unwrap();
    store.add_key(signing_key(2), None, by()).await.unwrap();
    store
        .replace_keys(signing_key(2), None, by())
        .await
        .unwrap();
    store.seal_key("key-1", vec![7], 1, by()).await.unwrap();
    store.remove_key("key-1", by()).await.unwrap();
    store.record_refusals(Vec::new()).await.unwrap();

    assert_eq!(all(&*on.two).await, before);
}

pub(super) async fn c151_concurrent_changes_leave_one_record_each(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        start(&*on.one, number, &ada).await;
        for store in [&on.one, &on.two] {
            let store = std::sync::Arc::clone(store);
            tasks.spawn(async move { store.end_session(&key_hash(number), by()).await });
        }
    }
    let done = tasks.join_all().await;
    let done = done
        .iter()
        .filter(|end| **end == Ok(crate::Change::Done))
        .count();
    let filter = AuditFilter {
        kinds: vec![Kind::SessionEnded],
        ..AuditFilter::default()
    };
    let records = on.one.audit(&filter, None, 1000).await.unwrap();
    assert_eq!((done, records.len()), (100, 100));
}

pub(super) async fn c151_records_are_found_by_user_kind_and_time_in_pages(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let bob = add_user(&*on.one, 2, "bob").await;
    for number in 0..5 {
        for user in [&ada, &bob] {
            let at = By::service(NOW.plus_secs(number * 10));
            let scopes = Some(format!("s{number}").parse().unwrap());
            on.one.set_user_scopes(user, scopes, at).await.unwrap();
        }
    }
    // A clock that jumped back: in its place by time.
    let early = By::service(NOW.minus_secs(60));
    on.one.set_disabled(&bob, true, early).await.unwrap();
    let find = async |filter: &AuditFilter| on.two.audit(filter, None, 100).await.unwrap();

    let everything = find(&AuditFilter::default()).await;
    assert_eq!(everything.len(), 13);
    for pair in everything.windows(2) {
        assert!(
            (pair[0].at, pair[0].id) > (pair[1].at, pair[1].id),
            "newest first"
        );
    }
    assert_eq!(everything[12].kind, Kind::UserDisabled);

    let of_ada = AuditFilter {
        user_id: Some(ada.clone()),
        ..AuditFilter::default()
    };
    let found = find(&of_ada).await;
    assert_eq!(found.len(), 6);
    assert!(
        found
            .iter()
            .all(|record| record.user_id == Some(ada.clone()))
    );

    let window = AuditFilter {
        since: Some(NOW.plus_secs(10)),
        until: Some(NOW.plus_secs(30)),
        ..of_ada
    };
    let times: Vec<_> = find(&window).await.iter().map(|r| r.at).collect();
    assert_eq!(times, [NOW.plus_secs(20), NOW.plus_secs(10)]);

    let kinds = AuditFilter {
        kinds: vec![Kind::UserAdded, Kind::UserDisabled],
        ..AuditFilter::default()
    };
    assert_eq!(find(&kinds).await.len(), 3);

    for filter in [AuditFilter::default(), window, kinds] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = on.two.audit(&filter, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.cursor());
            paged.extend(page);
        }
        assert_eq!(paged, find(&filter).await);
    }
}

pub(super) async fn c151_refusals_are_recorded_together(on: &Instances) {
    let refusals = (1..=3).map(|number| refusal(number, NOW)).collect();
    on.one.record_refusals(refusals).await.unwrap();
    let records = all(&*on.two).await;
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.kind, r.reason, r.attempts, r.actor.clone()))
        .collect();
    let expected = [1, 2, 3].map(|attempts| {
        (
            Kind::SignInFailed,
            Some(Reason::Rejected),
            Some(attempts),
            Actor::Nobody,
        )
    });
    assert_eq!(found, expected);
}

pub(super) async fn c151_old_records_go_and_a_flood_of_refusals_pushes_out_no_change(
    on: &Instances,
) {
    const MANY: u32 = 2500;
    add_user(&*on.one, 1, "ada").await;
    let flood = (1..=MANY).map(|number| refusal(number, NOW)).collect();
    on.one.record_refusals(flood).await.unwrap();
    let long_ago = NOW.minus_secs(1000);
    on.one
        .record_refusals(vec![refusal(0, long_ago), refusal(0, long_ago)])
        .await
        .unwrap();

    let old = NOW.minus_secs(500);
    assert_eq!(on.one.purge_audit(old, 10_000).await, Ok(2));
    assert_eq!(on.one.purge_audit(old, 10_000).await, Ok(0));
    assert_eq!(on.one.purge_audit(old, 100).await, Ok(MANY - 100));
    let left = all(&*on.two).await;
    assert_eq!(left.len(), 101);
    assert_eq!(left[0].kind, Kind::UserAdded);
    assert_eq!(
        left[1].attempts,
        Some(MANY - 99),
        "the latest refusals stay"
    );
    assert_eq!(on.one.purge_audit(NOW.plus_secs(1), 100).await, Ok(101));
    assert_eq!(all(&*on.two).await, []);
}
