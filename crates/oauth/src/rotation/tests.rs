//! One table of cases, and what follows from one another.

use Decision::{Debounce, Refuse, Replay, Revoke, Same};

use super::*;

const DAY: u64 = 86_400;
/// The current token is of generation 5, and took the place of the previous one then.
const ROTATED: Timestamp = Timestamp::from_secs(1_000_000);

fn policy(rotation: Rotation) -> RefreshPolicy {
    RefreshPolicy {
        rotation,
        window_secs: 10,
        idle_secs: 3 * DAY,
        absolute_secs: 90 * DAY,
    }
}

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn family() -> Family {
    Family {
        client_id: id("server"),
        generation: 5,
        current: Some(RefreshTokenHash([5; 32])),
        previous: Some(RefreshTokenHash([4; 32])),
        rotated_at: ROTATED,
        absolute_end: ROTATED.plus_secs(30 * DAY),
        idle_end: ROTATED.plus_secs(3 * DAY),
        revoked: false,
        session_over: false,
    }
}

/// The token of that generation of this family.
fn token(generation: u8) -> Presented {
    Presented {
        client_id: id("server"),
        generation: generation.into(),
        hash: RefreshTokenHash([generation; 32]),
    }
}

fn rotate(after: u64) -> Decision {
    Decision::Rotate {
        idle_end: ROTATED.plus_secs(after + 3 * DAY),
    }
}

#[test]
fn what_becomes_of_a_use() {
    let change = |change: fn(&mut Family)| {
        let mut family = family();
        change(&mut family);
        family
    };
    let other = |change: fn(&mut Presented), of: u8| {
        let mut presented = token(of);
        change(&mut presented);
        presented
    };
    let new = change(|f| {
        (f.generation, f.current, f.previous) = (0, Some(RefreshTokenHash([0; 32])), None);
    });
    let strict = RefreshPolicy {
        window_secs: 0,
        ..policy(Rotation::Rotate)
    };
    let beyond = RefreshPolicy {
        window_secs: 600,
        ..policy(Rotation::Rotate)
    };
    let (always, never, late) = (
        policy(Rotation::Rotate),
        policy(Rotation::None),
        policy(Rotation::RotateNearExpiry),
    );
    let revoked = change(|f| f.revoked = true);
    let signed_out = change(|f| f.session_over = true);
    let touched = change(|f| f.idle_end = ROTATED.plus_secs(4 * DAY));
    let empty = change(|f| (f.current, f.previous) = (None, None));
    let stranger = |p: &mut Presented| p.client_id = id("stranger");
    let forked = |p: &mut Presented| p.hash = RefreshTokenHash([99; 32]);
    let touch = |after| Same {
        idle_end: Some(ROTATED.plus_secs(after)),
    };
    let same = Same { idle_end: None };
    let end = 30 * DAY;
    for (what, family, presented, policy, after, expected) in [
        ("the first use", &new, token(0), always, 0, rotate(0)),
        ("in the window", &family(), token(5), always, 0, Debounce),
        (
            "at its last moment",
            &family(),
            token(5),
            always,
            9,
            Debounce,
        ),
        (
            "after the window",
            &family(),
            token(5),
            always,
            10,
            rotate(10),
        ),
        ("no window", &family(), token(5), strict, 0, rotate(0)),
        ("the parent at once", &family(), token(4), always, 0, Replay),
        ("the parent in time", &family(), token(4), always, 9, Replay),
        (
            "the parent too late",
            &family(),
            token(4),
            always,
            10,
            Revoke(Cause::Late),
        ),
        (
            "the parent, a minute later",
            &family(),
            token(4),
            always,
            69,
            Revoke(Cause::Late),
        ),
        (
            "the parent, later",
            &family(),
            token(4),
            always,
            70,
            Revoke(Cause::LostResponse),
        ),
        (
            "the parent beside its child",
            &touched,
            token(4),
            late,
            2 * DAY,
            Revoke(Cause::Theft),
        ),
        (
            "a use opens no window anew",
            &touched,
            token(4),
            always,
            DAY + 5,
            Revoke(Cause::Theft),
        ),
        (
            "the grandparent, always",
            &family(),
            token(3),
            always,
            0,
            Revoke(Cause::Theft),
        ),
        (
            "the very first",
            &family(),
            token(0),
            always,
            DAY,
            Revoke(Cause::Theft),
        ),
        (
            "no policy forgives an old one",
            &family(),
            token(4),
            never,
            10,
            Revoke(Cause::Late),
        ),
        (
            "no window is longer than a minute",
            &family(),
            token(4),
            beyond,
            59,
            Replay,
        ),
        (
            "nor by a second",
            &family(),
            token(4),
            beyond,
            60,
            Revoke(Cause::Late),
        ),
        (
            "strict, at once",
            &family(),
            token(4),
            strict,
            0,
            Refuse(Refusal::LostRace),
        ),
        (
            "strict, later",
            &family(),
            token(4),
            strict,
            1,
            Revoke(Cause::Late),
        ),
        (
            "a parent that is none",
            &family(),
            other(forked, 4),
            always,
            0,
            Revoke(Cause::Theft),
        ),
        (
            "of another history",
            &family(),
            other(forked, 5),
            always,
            0,
            Refuse(Refusal::OtherHistory),
        ),
        (
            "from the future",
            &family(),
            token(6),
            always,
            0,
            Refuse(Refusal::OtherHistory),
        ),
        (
            "a family without token",
            &empty,
            token(5),
            always,
            0,
            Refuse(Refusal::OtherHistory),
        ),
        (
            "another client",
            &family(),
            other(stranger, 5),
            always,
            0,
            Refuse(Refusal::OtherClient),
        ),
        (
            "another client, old token",
            &family(),
            other(stranger, 0),
            always,
            DAY,
            Refuse(Refusal::OtherClient),
        ),
        (
            "ended",
            &revoked,
            token(5),
            always,
            20,
            Refuse(Refusal::Revoked),
        ),
        (
            "ended, in the window",
            &revoked,
            token(5),
            always,
            0,
            Refuse(Refusal::Revoked),
        ),
        (
            "ended beats the window",
            &revoked,
            token(4),
            always,
            0,
            Refuse(Refusal::Revoked),
        ),
        (
            "signed out",
            &signed_out,
            token(5),
            always,
            20,
            Refuse(Refusal::SessionOver),
        ),
        (
            "signing out beats the window",
            &signed_out,
            token(4),
            always,
            0,
            Refuse(Refusal::SessionOver),
        ),
        ("never rotated", &family(), token(5), never, 10, same),
        (
            "it is a use all the same",
            &family(),
            token(5),
            never,
            DAY,
            touch(4 * DAY),
        ),
        (
            "a small step is not stored",
            &family(),
            token(5),
            never,
            DAY / 4,
            same,
        ),
        (
            "no step beyond the end",
            &touched,
            token(5),
            never,
            29 * DAY / 8,
            touch(29 * DAY / 8 + 3 * DAY),
        ),
        (
            "not near its end",
            &touched,
            token(5),
            late,
            2 * DAY - 1,
            touch(5 * DAY - 1),
        ),
        (
            "near its end",
            &family(),
            token(5),
            late,
            2 * DAY,
            rotate(2 * DAY),
        ),
        (
            "unused, with the tenth",
            &family(),
            token(5),
            always,
            33 * DAY / 10 - 1,
            rotate(33 * DAY / 10 - 1),
        ),
        (
            "unused for too long",
            &family(),
            token(5),
            always,
            33 * DAY / 10,
            Refuse(Refusal::Idle),
        ),
        (
            "its end",
            &family(),
            token(5),
            always,
            end,
            Refuse(Refusal::AbsoluteEnd),
        ),
        (
            "too little left",
            &family(),
            token(5),
            never,
            end - 4,
            Refuse(Refusal::AbsoluteEnd),
        ),
    ] {
        let decision = decide(family, &presented, policy, ROTATED.plus_secs(after));
        assert_eq!(decision, expected, "{what}");
    }
}

#[test]
fn c093_no_use_moves_anything_beyond_the_absolute_end() {
    let mut family = family();
    let now = family.absolute_end.minus_secs(100);
    family.idle_end = now;
    for rotation in Rotation::ALL {
        let end = match decide(&family, &token(5), policy(*rotation), now) {
            Decision::Rotate { idle_end } => Some(idle_end),
            Same { idle_end } => idle_end,
            other => panic!("{other:?}"),
        };
        assert!(end.is_none_or(|end| end == family.absolute_end));
    }
    assert_eq!(expires_at(300, family.absolute_end, now), now.secs() + 100);
    assert_eq!(expires_at(60, family.absolute_end, now), now.secs() + 60);
}

#[test]
fn c096_two_rotations_in_one_second_are_told_apart() {
    let mut family = family();
    family.rotated_at = Timestamp::from_millis(ROTATED.millis() + 400);
    let now = Timestamp::from_millis(ROTATED.millis() + 900);
    let strict = RefreshPolicy {
        window_secs: 0,
        ..policy(Rotation::Rotate)
    };
    let old = decide(&family, &token(4), strict, now);
    assert_eq!(old, Revoke(Cause::Late));
    let older = decide(&family, &token(3), policy(Rotation::Rotate), now);
    assert_eq!(older, Revoke(Cause::Theft));
}

#[test]
fn a_clock_that_was_set_back_harms_nobody() {
    let now = ROTATED.minus_secs(DAY);
    for (generation, expected) in [(5, Debounce), (4, Replay)] {
        let decision = decide(&family(), &token(generation), policy(Rotation::Rotate), now);
        assert_eq!(decision, expected);
    }
}
