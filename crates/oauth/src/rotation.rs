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
mod tests;
