//! Roles, groups and records.

use std::sync::Arc;

use sessionmint_access::{
    Grantee, GroupName, Index, Record, RecordId, Role, RoleName, Subject, Why,
};
use sessionmint_oauth::{ClientSubject, UserId};

use super::Instances;
use super::fixtures::*;
use crate::{
    Actor, AddNamed, AddRecord, AuditFilter, AuditKind, AuditReason, By, Change, ChangeGroup,
    Membership, RecordFilter, RecordsOf, RemoveNamed, ReplaceRole, Store, StoredGroup, StoredRole,
};

fn role(name: &str, permissions: &[&str]) -> Role {
    Role {
        name: name.parse().unwrap(),
        permissions: permissions.iter().map(|p| p.parse().unwrap()).collect(),
    }
}

fn record(number: u32, grantee: &Grantee, role: &str, pattern: &str) -> Record {
    Record {
        id: RecordId::from_random(bytes(number)),
        grantee: grantee.clone(),
        role: role.parse().unwrap(),
        pattern: pattern.parse().unwrap(),
    }
}

fn user(id: &UserId) -> Grantee {
    Grantee::Subject(Subject::User(id.clone()))
}

fn group(name: &str) -> Grantee {
    Grantee::Group(name.parse().unwrap())
}

fn joins(subject: &Subject) -> Membership {
    Membership {
        add: vec![subject.clone()],
        remove: Vec::new(),
    }
}

fn leaves(subject: &Subject) -> Membership {
    Membership {
        add: Vec::new(),
        remove: vec![subject.clone()],
    }
}

async fn add_role(store: &dyn Store, role: Role) -> i64 {
    match store.add_role(role, by()).await {
        Ok(AddNamed::Added { version }) => version,
        other => panic!("{other:?}"),
    }
}

async fn add_group(store: &dyn Store, name: &str, members: &[Subject]) -> i64 {
    let name: GroupName = name.parse().unwrap();
    let change = Membership {
        add: members.to_vec(),
        remove: Vec::new(),
    };
    store.add_group(name.clone(), by()).await.unwrap();
    match store.change_group(&name, change, None, by()).await {
        Ok(ChangeGroup::Changed { version }) => version,
        other => panic!("{other:?}"),
    }
}

/// Adds a client that acts for itself.
async fn add_client(store: &dyn Store, number: u32, id: &str) -> Subject {
    let client = oauth_client(id, number);
    let subject = Subject::Client(client.subject.clone());
    store.add_oauth_client(client, None, by()).await.unwrap();
    subject
}

/// Whether an index of what is stored now allows `a:read` on `/a`, and why.
async fn why(store: &dyn Store, subject: &Subject) -> Why {
    let (version, policy) = store.policy().await.unwrap();
    assert_eq!(store.policy_version().await, Ok(version));
    let (resource, permission) = ("/a".parse().unwrap(), "a:read".parse().unwrap());
    Index::new(policy)
        .authorize(subject, &resource, &permission)
        .why
}

pub(super) async fn roles_and_groups_come_back_as_stored(on: &Instances) {
    let reader = role("reader", &["b:read", "a:read"]);
    let empty = role("empty", &[]);
    let first = add_role(&*on.one, reader.clone()).await;
    let second = add_role(&*on.one, empty.clone()).await;
    assert_ne!(first, second);
    let stored = |role: &Role, version| StoredRole {
        role: role.clone(),
        version,
    };
    assert_eq!(
        on.two.role(&reader.name).await,
        Ok(Some(stored(&reader, first)))
    );
    assert_eq!(on.two.role(&"other".parse().unwrap()).await, Ok(None));
    let all = on.two.roles(None, 10).await;
    assert_eq!(
        all,
        Ok(vec![stored(&empty, second), stored(&reader, first)]),
        "by name"
    );
    assert_eq!(on.two.roles(None, 1).await.unwrap().len(), 1);
    let rest = on.two.roles(Some(&empty.name), 10).await;
    assert_eq!(rest, Ok(vec![stored(&reader, first)]));
    assert_eq!(
        on.one.add_role(role("reader", &[]), by()).await,
        Ok(AddNamed::NameTaken)
    );
    assert_eq!(
        on.two.role(&reader.name).await,
        Ok(Some(stored(&reader, first)))
    );

    let ada = Subject::User(add_user(&*on.one, 1, "ada").await);
    let jobs = add_client(&*on.one, 1, "jobs").await;
    let version = add_group(&*on.one, "ops", &[ada.clone(), jobs.clone()]).await;
    let ops: GroupName = "ops".parse().unwrap();
    let expected = StoredGroup {
        name: ops.clone(),
        members: 2,
        version,
    };
    assert_eq!(on.two.group(&ops).await, Ok(Some(expected.clone())));
    assert_eq!(on.two.groups(None, 10).await, Ok(vec![expected]));
    assert_eq!(on.two.groups(Some(&ops), 10).await, Ok(Vec::new()));
    assert_eq!(
        on.two.members(&ops, None, 10).await,
        Ok(vec![jobs.clone(), ada.clone()])
    );
    assert_eq!(on.two.members(&ops, Some(&jobs), 10).await, Ok(vec![ada]));
    assert_eq!(on.two.members(&ops, None, 1).await, Ok(vec![jobs]));
    assert_eq!(on.one.add_group(ops, by()).await, Ok(AddNamed::NameTaken));
}

pub(super) async fn a_role_is_replaced_only_as_it_was_seen(on: &Instances) {
    let first = add_role(&*on.one, role("reader", &["a:read"])).await;
    let changed = on
        .one
        .replace_role(role("reader", &["a:read", "a:list"]), first, by())
        .await;
    let Ok(ReplaceRole::Replaced { version: second }) = changed else {
        panic!("{changed:?}");
    };
    assert_ne!(first, second);
    let late = on.two.replace_role(role("reader", &[]), first, by()).await;
    assert_eq!(late, Ok(ReplaceRole::Conflict));
    let same = on
        .two
        .replace_role(role("reader", &["a:list", "a:read"]), second, by())
        .await;
    assert_eq!(same, Ok(ReplaceRole::Replaced { version: second }));
    let missing = on.one.replace_role(role("other", &[]), second, by()).await;
    assert_eq!(missing, Ok(ReplaceRole::NotFound));

    let name: RoleName = "reader".parse().unwrap();
    let late = on
        .two
        .remove_role(&name, Some(first), RecordsOf::Keep, by())
        .await;
    assert_eq!(late, Ok(RemoveNamed::Conflict));
    let gone = on
        .two
        .remove_role(&name, Some(second), RecordsOf::Keep, by())
        .await;
    assert_eq!(gone, Ok(RemoveNamed::Removed { records: 0 }));
    let again = add_role(&*on.one, role("reader", &["a:read"])).await;
    assert!(
        ![first, second].contains(&again),
        "no version is used twice"
    );
    let late = on.two.replace_role(role("reader", &[]), second, by()).await;
    assert_eq!(late, Ok(ReplaceRole::Conflict));
}

pub(super) async fn members_come_and_go_all_at_once(on: &Instances) {
    let ada = Subject::User(add_user(&*on.one, 1, "ada").await);
    let bob = Subject::User(add_user(&*on.one, 2, "bob").await);
    let version = add_group(&*on.one, "ops", std::slice::from_ref(&ada)).await;
    let ops: GroupName = "ops".parse().unwrap();
    for nobody in [
        Subject::User(user_id(9)),
        Subject::Client(ClientSubject::from_random(bytes(9))),
    ] {
        let change = Membership {
            add: vec![bob.clone(), nobody.clone()],
            remove: vec![ada.clone()],
        };
        let refused = on.one.change_group(&ops, change, None, by()).await;
        assert_eq!(refused, Ok(ChangeGroup::NoSubject(nobody)));
    }
    assert_eq!(on.one.members(&ops, None, 10).await, Ok(vec![ada.clone()]));
    let same = on
        .one
        .change_group(&ops, joins(&ada), Some(version), by())
        .await;
    assert_eq!(same, Ok(ChangeGroup::Changed { version }));
    let change = Membership {
        add: vec![bob.clone()],
        remove: vec![ada.clone()],
    };
    let swapped = on.one.change_group(&ops, change, Some(version), by()).await;
    assert!(matches!(swapped, Ok(ChangeGroup::Changed { version: new }) if new != version));
    assert_eq!(on.two.members(&ops, None, 10).await, Ok(vec![bob.clone()]));
    let late = on
        .two
        .change_group(&ops, leaves(&bob), Some(version), by())
        .await;
    assert_eq!(late, Ok(ChangeGroup::Conflict));
    let missing = on
        .two
        .change_group(&"x".parse().unwrap(), leaves(&bob), None, by())
        .await;
    assert_eq!(missing, Ok(ChangeGroup::NotFound));
}

pub(super) async fn records_name_what_is_there_and_are_found(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let jobs = Grantee::Subject(add_client(&*on.one, 1, "jobs").await);
    add_role(&*on.one, role("reader", &["a:read"])).await;
    add_group(&*on.one, "ops", &[]).await;
    let good = [
        record(1, &user(&ada), "reader", "/a/*"),
        record(2, &jobs, "reader", "/a/*"),
        record(3, &group("ops"), "reader", "/**"),
    ];
    for record in &good {
        assert_eq!(
            on.one.add_record(record.clone(), by()).await,
            Ok(AddRecord::Added)
        );
        assert_eq!(on.two.record(&record.id).await, Ok(Some(record.clone())));
    }
    let again = on
        .two
        .add_record(record(4, &jobs, "reader", "/a/*"), by())
        .await;
    assert_eq!(again, Ok(AddRecord::Exists(good[1].id.clone())));
    let no_role = on
        .one
        .add_record(record(4, &jobs, "writer", "/a"), by())
        .await;
    assert_eq!(no_role, Ok(AddRecord::NoRole));
    for nobody in [
        user(&user_id(9)),
        Grantee::Subject(Subject::Client(ClientSubject::from_random(bytes(9)))),
        group("other"),
    ] {
        let refused = on
            .one
            .add_record(record(4, &nobody, "reader", "/a"), by())
            .await;
        assert_eq!(refused, Ok(AddRecord::NoGrantee));
    }

    let found = async |filter: RecordFilter| on.two.records(&filter, None, 10).await.unwrap();
    assert_eq!(found(RecordFilter::default()).await, good);
    let of_jobs = RecordFilter {
        grantee: Some(jobs),
        role: Some("reader".parse().unwrap()),
    };
    assert_eq!(found(of_jobs).await, good[1..2]);
    let of_nothing = RecordFilter {
        role: Some("writer".parse().unwrap()),
        ..RecordFilter::default()
    };
    assert_eq!(found(of_nothing).await, []);
    let page = on
        .two
        .records(&RecordFilter::default(), Some(&good[0].id), 1)
        .await;
    assert_eq!(page, Ok(vec![good[1].clone()]));

    assert_eq!(
        on.two.remove_record(&good[0].id, by()).await,
        Ok(Change::Done)
    );
    assert_eq!(
        on.two.remove_record(&good[0].id, by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(on.one.record(&good[0].id).await, Ok(None));
}

pub(super) async fn what_records_name_is_removed_only_with_them(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    add_role(&*on.one, role("reader", &["a:read"])).await;
    add_group(&*on.one, "ops", &[Subject::User(ada.clone())]).await;
    let (reader, ops) = ("reader".parse().unwrap(), "ops".parse().unwrap());
    let through = record(1, &group("ops"), "reader", "/a");
    let own = record(2, &user(&ada), "reader", "/b");
    for record in [&through, &own] {
        on.one.add_record(record.clone(), by()).await.unwrap();
    }
    let refused = on
        .two
        .remove_role(&reader, None, RecordsOf::Keep, by())
        .await;
    let first = through.clone();
    assert_eq!(refused, Ok(RemoveNamed::InUse { records: 2, first }));
    let refused = on.two.remove_group(&ops, None, RecordsOf::Keep, by()).await;
    assert_eq!(
        refused,
        Ok(RemoveNamed::InUse {
            records: 1,
            first: through
        })
    );
    assert!(on.one.role(&reader).await.unwrap().is_some());

    let gone = on
        .two
        .remove_group(&ops, None, RecordsOf::Remove, by())
        .await;
    assert_eq!(gone, Ok(RemoveNamed::Removed { records: 1 }));
    assert_eq!(on.one.group(&ops).await, Ok(None));
    assert_eq!(on.one.members(&ops, None, 10).await, Ok(Vec::new()));
    let gone = on
        .two
        .remove_role(&reader, None, RecordsOf::Remove, by())
        .await;
    assert_eq!(gone, Ok(RemoveNamed::Removed { records: 1 }));
    assert_eq!(
        on.one.records(&RecordFilter::default(), None, 10).await,
        Ok(Vec::new())
    );
    let again = on
        .two
        .remove_role(&reader, None, RecordsOf::Remove, by())
        .await;
    assert_eq!(again, Ok(RemoveNamed::NotFound));
    // A group that gets the name later has none of the old members.
    add_group(&*on.one, "ops", &[]).await;
    assert_eq!(on.one.members(&ops, None, 10).await, Ok(Vec::new()));
}

pub(super) async fn every_change_of_the_policy_is_seen_at_once(on: &Instances) {
    let ada_id = add_user(&*on.one, 1, "ada").await;
    let ada = Subject::User(ada_id.clone());
    let jobs = add_client(&*on.one, 1, "jobs").await;
    let jobs_id = client_id("jobs");
    let reader: RoleName = "reader".parse().unwrap();
    let ops = "ops".parse().unwrap();
    let two = &*on.two;
    assert_eq!(why(two, &ada).await, Why::NoRecords);

    let version = add_role(&*on.one, role("reader", &[])).await;
    add_group(&*on.one, "ops", &[]).await;
    let through = record(1, &group("ops"), "reader", "/**");
    on.one.add_record(through.clone(), by()).await.unwrap();
    assert_eq!(why(two, &ada).await, Why::NoRecords);
    on.one
        .change_group(&ops, joins(&ada), None, by())
        .await
        .unwrap();
    on.one
        .change_group(&ops, joins(&jobs), None, by())
        .await
        .unwrap();
    assert!(matches!(why(two, &ada).await, Why::PermissionMissing(_)));
    on.one
        .replace_role(role("reader", &["a:read"]), version, by())
        .await
        .unwrap();
    for subject in [&ada, &jobs] {
        assert!(matches!(why(two, subject).await, Why::Granted(_)));
    }
    on.one.set_disabled(&ada_id, true, by()).await.unwrap();
    assert_eq!(why(two, &ada).await, Why::Disabled);
    on.one.set_disabled(&ada_id, false, by()).await.unwrap();
    on.one
        .set_oauth_client_disabled(&jobs_id, true, by())
        .await
        .unwrap();
    assert_eq!(why(two, &jobs).await, Why::Disabled);
    on.one
        .set_oauth_client_disabled(&jobs_id, false, by())
        .await
        .unwrap();
    for subject in [&ada, &jobs] {
        assert!(matches!(why(two, subject).await, Why::Granted(_)));
    }
    on.one
        .change_group(&ops, leaves(&ada), None, by())
        .await
        .unwrap();
    assert_eq!(why(two, &ada).await, Why::NoRecords);
    on.one.remove_record(&through.id, by()).await.unwrap();
    assert_eq!(why(two, &jobs).await, Why::NoRecords);
    on.one.add_record(through, by()).await.unwrap();
    on.one
        .remove_role(&reader, None, RecordsOf::Remove, by())
        .await
        .unwrap();
    assert_eq!(why(two, &jobs).await, Why::NoRecords);
}

pub(super) async fn the_policy_keeps_its_number_while_nothing_of_it_changes(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    add_role(&*on.one, role("reader", &["a:read"])).await;
    let (number, _) = on.one.policy().await.unwrap();
    let bob = add_user(&*on.one, 2, "bob").await;
    start(&*on.one, 1, &ada).await;
    on.one.set_disabled(&bob, true, by()).await.unwrap();
    on.one.remove_user(&bob, by()).await.unwrap();
    on.one.add_role(role("reader", &[]), by()).await.unwrap();
    on.one
        .remove_record(&RecordId::from_random(bytes(7)), by())
        .await
        .unwrap();
    for store in [&on.one, &on.two] {
        assert_eq!(store.policy_version().await, Ok(number));
    }
}

pub(super) async fn c118_roles_go_with_the_user_or_client(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let jobs = add_client(&*on.one, 1, "jobs").await;
    add_role(&*on.one, role("reader", &["a:read"])).await;
    let subjects = [Subject::User(ada.clone()), jobs];
    let version = add_group(&*on.one, "ops", &subjects).await;
    for (number, subject) in (1..).zip(&subjects) {
        let grantee = Grantee::Subject(subject.clone());
        on.one
            .add_record(record(number, &grantee, "reader", "/a"), by())
            .await
            .unwrap();
        assert!(matches!(why(&*on.two, subject).await, Why::Granted(_)));
    }
    on.one.remove_user(&ada, by()).await.unwrap();
    on.one
        .remove_oauth_client(&client_id("jobs"), by())
        .await
        .unwrap();
    for subject in &subjects {
        assert_eq!(why(&*on.two, subject).await, Why::NoRecords);
    }
    let ops = on
        .two
        .group(&"ops".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ops.members, 0);
    assert_ne!(ops.version, version);
    assert_eq!(
        on.two.records(&RecordFilter::default(), None, 10).await,
        Ok(Vec::new())
    );
}

pub(super) async fn of_many_replacements_of_a_role_one_wins(on: &Instances) {
    let version = add_role(&*on.one, role("reader", &[])).await;
    let replacements = (0..20).map(|n| {
        let store = Arc::clone(if n % 2 == 0 { &on.one } else { &on.two });
        let asked = role("reader", &[&format!("a:read-{n}")]);
        tokio::spawn(async move { store.replace_role(asked, version, by()).await })
    });
    let mut replaced = 0;
    for replacement in replacements.collect::<Vec<_>>() {
        match replacement.await.unwrap() {
            Ok(ReplaceRole::Replaced { .. }) => replaced += 1,
            other => assert_eq!(other, Ok(ReplaceRole::Conflict)),
        }
    }
    assert_eq!(replaced, 1);
}

pub(super) async fn c151_each_change_of_roles_leaves_its_record(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    let subject = Subject::User(ada.clone());
    let (reader, ops) = ("reader".parse().unwrap(), "ops".parse().unwrap());
    let version = add_role(&*on.one, role("reader", &["a:read"])).await;
    on.one
        .replace_role(role("reader", &["a:list"]), version, by())
        .await
        .unwrap();
    on.one
        .replace_role(role("reader", &["a:never"]), version, by())
        .await
        .unwrap();
    add_group(&*on.one, "ops", std::slice::from_ref(&subject)).await;
    on.one
        .change_group(&ops, joins(&subject), None, by())
        .await
        .unwrap();
    on.one
        .add_record(record(1, &user(&ada), "reader", "/a"), by())
        .await
        .unwrap();
    on.one
        .add_record(record(2, &user(&ada), "reader", "/a"), by())
        .await
        .unwrap();
    on.one
        .add_record(record(3, &group("ops"), "reader", "/a"), by())
        .await
        .unwrap();
    on.one
        .add_record(record(4, &group("ops"), "reader", "/b"), by())
        .await
        .unwrap();
    on.one
        .remove_record(&RecordId::from_random(bytes(4)), by())
        .await
        .unwrap();
    on.one
        .change_group(&ops, leaves(&subject), None, by())
        .await
        .unwrap();
    on.one
        .remove_group(&ops, None, RecordsOf::Remove, by())
        .await
        .unwrap();
    on.one
        .remove_role(&reader, None, RecordsOf::Keep, by())
        .await
        .unwrap();
    on.one
        .remove_role(&reader, None, RecordsOf::Remove, by())
        .await
        .unwrap();
    let mut records = on
        .two
        .audit(&AuditFilter::default(), None, 100)
        .await
        .unwrap();
    records.sort_by_key(|record| record.id);
    let said: Vec<_> = records[1..]
        .iter()
        .map(|r| (r.kind, r.reason, r.user_id.is_some()))
        .collect();
    assert_eq!(
        said,
        [
            (AuditKind::RoleAdded, None, false),
            (AuditKind::RoleChanged, None, false),
            (AuditKind::GroupAdded, None, false),
            (AuditKind::GroupMemberAdded, None, true),
            (AuditKind::RecordAdded, None, true),
            (AuditKind::RecordAdded, None, false),
            (AuditKind::RecordAdded, None, false),
            (
                AuditKind::RecordRemoved,
                Some(AuditReason::Requested),
                false
            ),
            (AuditKind::GroupMemberRemoved, None, true),
            (
                AuditKind::RecordRemoved,
                Some(AuditReason::GroupRemoved),
                false
            ),
            (AuditKind::GroupRemoved, None, false),
            (
                AuditKind::RecordRemoved,
                Some(AuditReason::RoleRemoved),
                true
            ),
            (AuditKind::RoleRemoved, None, false),
        ]
    );
    let details = |n: usize| serde_json::to_value(&records[n].details).unwrap();
    assert_eq!(
        details(2),
        serde_json::json!({"role": "reader", "permissions": ["a:list"]})
    );
    assert_eq!(
        details(5),
        serde_json::json!({
            "record": RecordId::from_random(bytes(1)), "role": "reader", "resource": "/a", "subject": ada,
        })
    );
}

pub(super) async fn a_client_that_acts_is_named_in_the_trail(on: &Instances) {
    let by = By::client(client_id("ops"), NOW);
    on.one.add_role(role("reader", &[]), by).await.unwrap();
    let records = on
        .two
        .audit(&AuditFilter::default(), None, 100)
        .await
        .unwrap();
    assert_eq!(records[0].actor, Actor::Client(client_id("ops")));
}
