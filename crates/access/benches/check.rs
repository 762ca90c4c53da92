//! What a check costs with 100,000 records: `cargo xtask bench access`. Each line is one kind of question, asked so often
//! about different subjects and resources.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement of a policy that is made here"
)]

use std::collections::{BTreeSet, HashSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use sessionmint_access::{
    Grantee, Group, GroupName, Index, MAX_SEGMENTS, MAX_WILDCARDS, Permission, Policy, Record,
    RecordId, ResourcePath, Role, Subject,
};
use sessionmint_oauth::UserId;

const RECORDS: u32 = 100_000;
const USERS: u32 = 20_000;
const GROUPS: u32 = 500;
const ROLES: u32 = 50;
const CHECKS: u32 = 100_000;
/// Different resources behind which a `*` stands.
const BRANCHES: u32 = 30_000;

/// One question.
type Check = (Subject, ResourcePath, Permission);

fn main() {
    let start = Instant::now();
    let index = Index::new(policy());
    println!(
        "{} records, {USERS} users, {GROUPS} groups, {ROLES} roles; taken in within {} ms",
        index.records(),
        start.elapsed().as_millis()
    );
    println!(
        "{:<58} {:>8} {:>8} {:>8}",
        "", "mean us", "p99 us", "allowed"
    );
    measure(&index, "own record, exact path", |n| {
        let n = n % (RECORDS / 2);
        check(
            n % USERS,
            &format!("/notes/users/{}/item-{n}", n % USERS),
            n,
        )
    });
    measure(&index, "through one of 25 groups, `**`", |n| {
        let (n, team) = (n % (RECORDS / 10), n % GROUPS);
        let member = team % 20 + 20 * (n % 1000);
        check(
            member,
            &format!("/teams/team-{team}/docs/{}/v1", n / GROUPS),
            n,
        )
    });
    measure(&index, "through one of 500 groups, `*`", |n| {
        check(
            USERS,
            &format!("/credentials/{}/users/{n}", n % BRANCHES),
            n % BRANCHES,
        )
    });
    measure(&index, "denied: nothing for the subject", |n| {
        check(
            USERS + 2 + n % 1000,
            &format!("/notes/users/{n}/item-{n}"),
            n,
        )
    });
    measure(&index, "denied: other resources", |n| {
        check(
            n % USERS,
            &format!("/notes/users/{}/item-{n}", n % USERS + 1),
            n,
        )
    });
    measure(&index, "denied: 500 groups, the role lacks it", |n| {
        let resource = format!("/credentials/{}/users/{n}", n % BRANCHES);
        let (subject, resource, _) = check(USERS, &resource, n);
        (subject, resource, "nobody:has-it".parse().unwrap())
    });
    measure(
        &index,
        "denied: as many overlapping patterns as there can be",
        |n| {
            check(
                USERS + 1,
                &format!("{}/end-{n}", "/s".repeat(MAX_SEGMENTS - 1)),
                n,
            )
        },
    );
}

/// Half of the records are of one user and one resource each, a tenth names groups on whole branches, and the rest groups
/// on resources with `*`. One user is in every group. One has every pattern that overlaps on one long path.
fn policy() -> Policy {
    let role = |n: u32| Role {
        name: format!("role-{n}").parse().unwrap(),
        permissions: (0..20).map(|p| permission(n * 20 + p)).collect(),
    };
    let mut records = Vec::new();
    let mut add = |n: u32, grantee: Grantee, pattern: &str| {
        records.push(Record {
            id: RecordId::from_random(bytes(u32::try_from(records.len()).unwrap())),
            grantee,
            role: format!("role-{}", n % ROLES).parse().unwrap(),
            pattern: pattern.parse().unwrap(),
        });
        u32::try_from(records.len()).unwrap()
    };
    for n in 0..RECORDS / 2 {
        let pattern = format!("/notes/users/{}/item-{n}", n % USERS);
        add(n, Grantee::Subject(user(n % USERS)), &pattern);
    }
    for n in 0..RECORDS / 10 {
        let pattern = format!("/teams/team-{}/docs/{}/**", n % GROUPS, n / GROUPS);
        add(n, Grantee::Group(group(n % GROUPS)), &pattern);
    }
    for pattern in overlapping() {
        add(0, Grantee::Subject(user(USERS + 1)), &pattern);
    }
    for n in 0.. {
        let pattern = format!("/credentials/{}/users/*", n % BRANCHES);
        let group = group((n / BRANCHES + n) % GROUPS);
        if add(n % BRANCHES, Grantee::Group(group), &pattern) == RECORDS {
            break;
        }
    }
    let members = |g: u32| -> BTreeSet<Subject> {
        let some = (0..USERS / 20).map(|n| user((n * 20 + g) % USERS));
        some.chain([user(USERS)]).collect()
    };
    Policy {
        roles: (0..ROLES).map(role).collect(),
        groups: (0..GROUPS)
            .map(|g| Group {
                name: group(g),
                members: members(g),
            })
            .collect(),
        records,
        disabled: HashSet::new(),
    }
}

/// Every choice of literals and `*` for a path as long as they may be, and not one that names it.
fn overlapping() -> Vec<String> {
    let places = MAX_SEGMENTS - 1;
    (0_u32..1 << places)
        .filter(|choice| usize::try_from(choice.count_ones()).unwrap() <= MAX_WILDCARDS)
        .map(|choice| {
            let segment = |place: usize| if choice >> place & 1 == 1 { "/*" } else { "/s" };
            let path: String = (0..places).map(segment).collect();
            format!("{path}/never")
        })
        .collect()
}

fn check(n: u32, resource: &str, of: u32) -> Check {
    (
        user(n),
        resource.parse().unwrap(),
        permission(of % ROLES * 20),
    )
}

fn user(n: u32) -> Subject {
    Subject::User(UserId::from_random(bytes(n)))
}

fn group(n: u32) -> GroupName {
    format!("group-{n}").parse().unwrap()
}

fn permission(n: u32) -> Permission {
    format!("kind-{}:action-{}", n / 20, n % 20)
        .parse()
        .unwrap()
}

fn bytes(n: u32) -> [u8; 16] {
    u128::from(n).to_be_bytes()
}

fn measure(index: &Index, what: &str, check: impl Fn(u32) -> Check) {
    let checks: Vec<Check> = (0..CHECKS).map(check).collect();
    let mut allowed = 0;
    let mut times: Vec<Duration> = checks
        .iter()
        .map(|(subject, resource, permission)| {
            let start = Instant::now();
            let decision = black_box(index.authorize(subject, resource, permission));
            let took = start.elapsed();
            allowed += u32::from(decision.allowed());
            took
        })
        .collect();
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let mean = micros(times.iter().sum::<Duration>() / CHECKS);
    let p99 = micros(times[times.len() / 100 * 99]);
    println!("{what:<58} {mean:>8.2} {p99:>8.2} {allowed:>8}");
}
