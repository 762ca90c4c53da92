//! The index against an evaluator that is too plain to be wrong: every subject, every resource, every permission, over
//! random policies whose patterns overlap as much as they can.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use sessionmint_access::{
    Grantee, Group, Index, Match, Permission, Policy, Record, RecordId, ResourcePath, Role,
    Subject, Why,
};
use sessionmint_oauth::{ClientSubject, UserId};

const PERMISSIONS: [&str; 4] = ["a:read", "a:write", "b:read", "c:never"];
const ROLES: [&str; 3] = ["one", "two", "three"];
const GROUPS: [&str; 3] = ["g1", "g2", "g3"];
const SEGMENTS: [&str; 3] = ["x", "y", "z"];

/// Two users and two clients, of the same random parts.
fn subjects() -> Vec<Subject> {
    let user = |n| Subject::User(UserId::from_random([n; 16]));
    let client = |n| Subject::Client(ClientSubject::from_random([n; 16]));
    vec![user(1), user(2), client(1), client(2)]
}

/// Every path of up to three segments.
fn resources() -> Vec<ResourcePath> {
    let mut paths: Vec<String> = Vec::new();
    let mut longest = vec![String::new()];
    for _ in 0..3 {
        longest = longest
            .iter()
            .flat_map(|path| SEGMENTS.map(|segment| format!("{path}/{segment}")))
            .collect();
        paths.extend(longest.iter().cloned());
    }
    paths.iter().map(|path| path.parse().unwrap()).collect()
}

/// Whether a pattern names a path, by the letter of the documentation.
fn names(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", [])), _) => true,
        (Some((&"*", pattern)), Some((_, path))) => names(pattern, path),
        (Some((literal, pattern)), Some((segment, path))) => {
            literal == segment && names(pattern, path)
        }
        _ => false,
    }
}

fn segments(text: &str) -> Vec<&str> {
    text.split('/').skip(1).collect()
}

/// The records that name the subject and the resource; and whether one of them allows it.
fn reference<'a>(
    policy: &'a Policy,
    subject: &Subject,
    resource: &ResourcePath,
    permission: &Permission,
) -> (Vec<&'a Record>, bool, bool) {
    let is_named = |record: &&Record| match &record.grantee {
        Grantee::Subject(named) => named == subject,
        Grantee::Group(name) => policy
            .groups
            .iter()
            .any(|group| group.name == *name && group.members.contains(subject)),
    };
    let of_subject: Vec<&Record> = policy.records.iter().filter(is_named).collect();
    let about: Vec<&Record> = of_subject
        .iter()
        .copied()
        .filter(|record| {
            names(
                &segments(record.pattern.as_str()),
                &segments(resource.as_str()),
            )
        })
        .collect();
    let allowed = !policy.disabled.contains(subject)
        && about
            .iter()
            .any(|record| allows(policy, record, permission));
    (about, !of_subject.is_empty(), allowed)
}

fn allows(policy: &Policy, record: &Record, permission: &Permission) -> bool {
    policy
        .roles
        .iter()
        .any(|role| role.name == record.role && role.permissions.contains(permission))
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        3 => prop::sample::select(&SEGMENTS[..]),
        2 => Just("*"),
    ];
    (prop::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(mut segments, rest)| {
        if rest || segments.is_empty() {
            segments.push("**");
        }
        format!("/{}", segments.join("/"))
    })
}

fn grantee() -> impl Strategy<Value = Grantee> {
    prop_oneof![
        prop::sample::select(subjects()).prop_map(Grantee::Subject),
        prop::sample::select(&GROUPS[..]).prop_map(|name| Grantee::Group(name.parse().unwrap())),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    // The last permission is in no role, and the last role may be missing.
    let permissions = || prop::collection::btree_set(prop::sample::select(&PERMISSIONS[..3]), 0..3);
    let members = || prop::collection::btree_set(prop::sample::select(subjects()), 0..4);
    let record = (grantee(), prop::sample::select(&ROLES[..]), pattern());
    (
        prop::collection::vec(permissions(), 2..=3),
        prop::collection::vec(members(), 3),
        prop::collection::vec(record, 0..12),
        prop::collection::hash_set(prop::sample::select(subjects()), 0..2),
    )
        .prop_map(|(roles, groups, records, disabled)| {
            let roles = ROLES.iter().zip(roles).map(|(name, permissions)| Role {
                name: name.parse().unwrap(),
                permissions: permissions.iter().map(|p| p.parse().unwrap()).collect(),
            });
            let groups = GROUPS.iter().zip(groups).map(|(name, members)| Group {
                name: name.parse().unwrap(),
                members,
            });
            let records = (0_u8..)
                .zip(records)
                .map(|(n, (grantee, role, pattern))| Record {
                    id: RecordId::from_random([n; 16]),
                    grantee,
                    role: role.parse().unwrap(),
                    pattern: pattern.parse().unwrap(),
                });
            Policy {
                roles: roles.collect(),
                groups: groups.collect(),
                records: records.collect(),
                disabled,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn c118_every_answer_is_that_of_the_plain_evaluator(policy in policy()) {
        let index = Index::new(policy.clone());
        for subject in subjects() {
            for resource in resources() {
                for permission in PERMISSIONS {
                    let permission = permission.parse().unwrap();
                    let (about, any, allowed) = reference(&policy, &subject, &resource, &permission);
                    let decision = index.authorize(&subject, &resource, &permission);
                    prop_assert_eq!(decision.allowed(), allowed, "{} {} {}", subject, resource, permission);
                    let known = |shown: &Match| about.iter().find(|record| record.id == shown.id).copied();
                    match &decision.why {
                        Why::Granted(shown) => {
                            let record = known(shown).expect("a record of the subject on the resource");
                            prop_assert!(allows(&policy, record, &permission));
                            prop_assert_eq!(&shown.pattern, &record.pattern);
                            prop_assert_eq!(&shown.role, &record.role);
                            let through = shown.group.clone().map(Grantee::Group);
                            prop_assert_eq!(through.unwrap_or(Grantee::Subject(subject.clone())), record.grantee.clone());
                        }
                        Why::Disabled => prop_assert!(policy.disabled.contains(&subject)),
                        Why::NoRecords => prop_assert!(about.is_empty() && !any),
                        Why::OtherResources => {
                            let with_role = |record: &&Record| policy.roles.iter().any(|role| role.name == record.role);
                            prop_assert!(any && !about.iter().copied().any(|record| with_role(&record)));
                        }
                        Why::PermissionMissing(shown) => {
                            prop_assert!(!shown.is_empty() && shown.len() <= Why::SHOWN);
                            let distinct: HashSet<_> = shown.iter().map(|shown| &shown.id).collect();
                            prop_assert_eq!(distinct.len(), shown.len());
                            prop_assert!(shown.iter().all(|shown| known(shown).is_some()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_order_in_which_records_come_changes_no_answer(policy in policy()) {
        let backwards = Policy {
            roles: policy.roles.iter().rev().cloned().collect(),
            groups: policy.groups.iter().rev().cloned().collect(),
            records: policy.records.iter().rev().cloned().collect(),
            disabled: policy.disabled.clone(),
        };
        let (one, two) = (Index::new(policy), Index::new(backwards));
        for subject in subjects() {
            for resource in resources() {
                for permission in PERMISSIONS {
                    let permission = permission.parse().unwrap();
                    prop_assert_eq!(
                        one.authorize(&subject, &resource, &permission),
                        two.authorize(&subject, &resource, &permission)
                    );
                }
            }
        }
    }
}

/// A policy in a few words: `(grantee, role, pattern)`.
fn small(records: &[(Grantee, &str, &str)]) -> Index {
    let role = |name: &str, permissions: &[&str]| Role {
        name: name.parse().unwrap(),
        permissions: permissions.iter().map(|p| p.parse().unwrap()).collect(),
    };
    Index::new(Policy {
        roles: vec![
            role("reader", &["credentials:read"]),
            role("writer", &["credentials:read", "credentials:write"]),
        ],
        groups: vec![Group {
            name: "jobs".parse().unwrap(),
            members: BTreeSet::from([subjects()[0].clone()]),
        }],
        records: (0_u8..)
            .zip(records)
            .map(|(n, (grantee, role, pattern))| Record {
                id: RecordId::from_random([n; 16]),
                grantee: grantee.clone(),
                role: role.parse().unwrap(),
                pattern: pattern.parse().unwrap(),
            })
            .collect(),
        disabled: HashSet::new(),
    })
}

fn why(index: &Index, resource: &str, permission: &str) -> String {
    let (resource, permission) = (resource.parse().unwrap(), permission.parse().unwrap());
    let decision = index.authorize(&subjects()[0], &resource, &permission);
    format!("{}: {}", decision.why.code(), decision.why)
}

#[test]
fn every_decision_says_why() {
    let own = Grantee::Subject(subjects()[0].clone());
    let group = Grantee::Group("jobs".parse().unwrap());
    let index = small(&[
        (group, "writer", "/credentials/tokens/**"),
        (own, "reader", "/credentials/tokens/*"),
    ]);
    let (first, second) = (
        RecordId::from_random([0; 16]),
        RecordId::from_random([1; 16]),
    );
    assert_eq!(
        why(&index, "/credentials/tokens/7", "credentials:read"),
        format!("granted: role reader on /credentials/tokens/* (record {second})")
    );
    assert_eq!(
        why(&index, "/credentials/tokens/7", "credentials:write"),
        format!(
            "granted: role writer on /credentials/tokens/** through group jobs (record {first})"
        )
    );
    assert_eq!(
        why(&index, "/credentials/tokens/7", "credentials:delete"),
        format!(
            "permission_missing: the roles that the subject has here lack the permission: role reader on \
             /credentials/tokens/* (record {second}); role writer on /credentials/tokens/** through group jobs (record {first})"
        )
    );
    assert_eq!(
        why(&index, "/credentials", "credentials:read"),
        "other_resources: the records of the subject and its groups are about other resources"
    );
    assert_eq!(
        why(&small(&[]), "/credentials", "credentials:read"),
        "no_records: no record names the subject or a group that it is in"
    );
}

#[test]
fn the_most_specific_record_explains_and_the_subjects_own_comes_first() {
    let own = Grantee::Subject(subjects()[0].clone());
    let group = Grantee::Group("jobs".parse().unwrap());
    let explained_by = |records: &[(Grantee, &str, &str)]| {
        let decision = small(records).authorize(
            &subjects()[0],
            &"/a/b".parse().unwrap(),
            &"credentials:read".parse().unwrap(),
        );
        let shown = &decision.why.records()[0];
        format!("{} {} {}", shown.pattern, shown.role, shown.group.is_some())
    };
    let all = [
        (group.clone(), "reader", "/a/b"),
        (own.clone(), "writer", "/a/b"),
        (own.clone(), "reader", "/a/b"),
        (own.clone(), "reader", "/a/*"),
        (own.clone(), "reader", "/a/**"),
        (own, "reader", "/**"),
    ];
    assert_eq!(explained_by(&all), "/a/b reader false");
    assert_eq!(explained_by(&all[..1]), "/a/b reader true");
    assert_eq!(explained_by(&all[3..]), "/a/* reader false");
    assert_eq!(explained_by(&all[4..]), "/a/** reader false");
}

#[test]
fn nothing_is_allowed_where_nothing_is_written() {
    let decision = Index::default().authorize(
        &subjects()[0],
        &"/a".parse().unwrap(),
        &"a:read".parse().unwrap(),
    );
    assert!(!decision.allowed());
    assert_eq!(decision.why, Why::NoRecords);
}
