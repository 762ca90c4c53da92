//! What becomes of a family of refresh tokens when one of them is used: a pure function from the stored row, the presented
//! token, the client's policy and the time to a [`Decision`].
//!
//! A token that was replaced is answered with *the same* successor for a fixed time, the window; so of callers that renew at
//! once none loses, and neither does one whose answer got lost. Inside the window the successor itself is answered without
//! another rotation, so honest callers never see two generations at once. The window is closed by time alone: it neither
//! slides nor ends by a count. Later use of a replaced token ends the family.
//!
//! The rest is the caller's: read the row, decide, carry out one compare-and-swap on the generation, and when that fails read
//! and decide again.

use crate::{ClientId, RefreshPolicy, RefreshTokenHash, Rotation, Timestamp};

/// The longest window, in seconds.
pub const MAX_WINDOW_SECS: u64 = 60;

/// With less than that left nothing is issued, in seconds: the tokens would be over on arrival.
const MIN_REMAINING_SECS: u64 = 5;

/// A family as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Whose it is.
    pub client_id: ClientId,
    /// How often its token was replaced.
    pub generation: u32,
    /// Its token, where it has one.
    pub current: Option<RefreshTokenHash>,
    /// The token before that.
    pub previous: Option<RefreshTokenHash>,
    /// When the one took the place of the other.
    pub rotated_at: Timestamp,
    /// It is over then, whatever happens.
    pub absolute_end: Timestamp,
    /// It is over then, unless it is used before; up to a tenth of the idle lifetime late.
    pub idle_end: Timestamp,
    /// Whether it was ended.
    pub revoked: bool,
    /// Whether the session that it hangs on is over, if it hangs on one.
    pub session_over: bool,
}

/// A token whose tag is right, used by a client that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The client.
    pub client_id: ClientId,
    /// What the token says.
    pub generation: u32,
    /// Of the whole token.
    pub hash: RefreshTokenHash,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The token stays; `idle_end` is to be stored when given.
    Same {
        /// The new idle end.
        idle_end: Option<Timestamp>,
    },
    /// The token was issued a moment ago and stays; nothing is to be stored.
    Debounce,
    /// The token was replaced a moment ago: its successor is to be derived again.
    Replay,
    /// The token is to be replaced.
    Rotate {
        /// The new idle end.
        idle_end: Timestamp,
    },
    /// The family is to be ended.
    Revoke(Cause),
    /// There is nothing to be had, and nothing is to be changed.
    Refuse(Refusal),
}

/// How a replaced token came to be used again, as far as can be told. No proof: for whoever looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The last replaced one, soon after the window.
    Late,
    /// The last replaced one, long after the window, and its successor was not used since.
    LostResponse,
    /// An older one, or the last replaced one while its successor is in use: two hold tokens of one family.
    Theft,
}

impl Cause {
    /// The word in the log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::LostResponse => "lost-response",
            Self::Theft => "theft",
        }
    }
}

/// Why there is nothing to be had. The client is told `invalid_grant` for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The token is another client's.
    #[error("the refresh token is another client's")]
    OtherClient,
    /// The family was ended.
    #[error("the grant was ended")]
    Revoked,
    /// The session that it hung on is over.
    #[error("the session of the grant is over")]
    SessionOver,
    /// The absolute end has come.
    #[error("the grant has reached its end")]
    AbsoluteEnd,
    /// It was not used for too long.
    #[error("the refresh token was not used for too long")]
    Idle,
    /// It never was a token of this family as stored: a backup was put in the place of the database.
    #[error("the refresh token is not of this history")]
    OtherHistory,
    /// Without a window, another request with the same token was first.
    #[error("the refresh token was used at the same moment")]
    LostRace,
}

impl Refusal {
    /// The word in the log and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherClient => "other_client",
            Self::Revoked => "revoked",
            Self::SessionOver => "session_over",
            Self::AbsoluteEnd => "absolute_end",
            Self::Idle => "idle",
            Self::OtherHistory => "other_history",
            Self::LostRace => "lost_race",
        }
    }
}

/// Decides. `now` is read before the row.
pub fn decide(
    family: &Family,
    presented: &Presented,
    policy: RefreshPolicy,
    now: Timestamp,
) -> Decision {
    if family.client_id != presented.client_id {
        return Decision::Refuse(Refusal::OtherClient);
    }
    if let Some(over) = family.over(policy, now) {
        return Decision::Refuse(over);
    }
    let in_window = now < family.window_end(policy);
    if presented.generation > family.generation {
        return Decision::Refuse(Refusal::OtherHistory);
    }
    if presented.generation == family.generation {
        return if family.current != Some(presented.hash) {
            Decision::Refuse(Refusal::OtherHistory)
        } else if family.previous.is_some() && in_window {
            Decision::Debounce
        } else {
            family.used(policy, now)
        };
    }
    let parent = presented.generation.checked_add(1) == Some(family.generation)
        && family.previous == Some(presented.hash);
    if !parent {
        return Decision::Revoke(Cause::Theft);
    }
    if in_window {
        return Decision::Replay;
    }
    if now <= family.rotated_at {
        // Who came no later than the one that won cannot have seen its answer.
        return Decision::Refuse(Refusal::LostRace);
    }
    Decision::Revoke(family.cause(policy, now))
}

impl Family {
    /// Why it is over, if it is.
    fn over(&self, policy: RefreshPolicy, now: Timestamp) -> Option<Refusal> {
        if self.revoked {
            return Some(Refusal::Revoked);
        }
        if self.session_over {
            return Some(Refusal::SessionOver);
        }
        if now.plus_secs(MIN_REMAINING_SECS) > self.absolute_end {
            return Some(Refusal::AbsoluteEnd);
        }
        // Uses that move the stored value by less than a tenth are not stored.
        (now >= self.idle_end.plus_secs(policy.idle_secs / 10)).then_some(Refusal::Idle)
    }

    fn window_end(&self, policy: RefreshPolicy) -> Timestamp {
        self.rotated_at
            .plus_secs(policy.window_secs.min(MAX_WINDOW_SECS))
    }

    /// The current token is used outside of the window.
    fn used(&self, policy: RefreshPolicy, now: Timestamp) -> Decision {
        let idle_end = idle_end(policy, self.absolute_end, now);
        let due = match policy.rotation {
            Rotation::None => false,
            Rotation::Rotate => true,
            // Each third by itself: a policy may be as long as it likes.
            Rotation::RotateNearExpiry => {
                let third = policy.idle_secs / 3;
                now >= self.rotated_at.plus_secs(third).plus_secs(third)
            }
        };
        if due {
            return Decision::Rotate { idle_end };
        }
        let moves = idle_end > self.idle_end.plus_secs(policy.idle_secs / 10);
        Decision::Same {
            idle_end: moves.then_some(idle_end),
        }
    }

    /// Why the last replaced token may have come back after the window.
    fn cause(&self, policy: RefreshPolicy, now: Timestamp) -> Cause {
        let successor_used = self.idle_end > self.rotated_at.plus_secs(policy.idle_secs);
        if successor_used {
            Cause::Theft
        } else if now < self.window_end(policy).plus_secs(MAX_WINDOW_SECS) {
            Cause::Late
        } else {
            Cause::LostResponse
        }
    }
}

/// When a family that is used now is over unless it is used again.
pub fn idle_end(policy: RefreshPolicy, absolute_end: Timestamp, now: Timestamp) -> Timestamp {
    now.plus_secs(policy.idle_secs).min(absolute_end)
}

/// The `exp` of an access token of a family, in seconds since the epoch: never beyond the family's end.
pub fn expires_at(ttl: u64, absolute_end: Timestamp, now: Timestamp) -> i64 {
    now.plus_secs(ttl).min(absolute_end).secs()
}

#[cfg(test)]
mod tests {
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
}
