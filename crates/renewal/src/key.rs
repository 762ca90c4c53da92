//! What the machine knows about one (resource, scope) pair.

use crate::event::Cause;
use crate::rules::{AHEAD_MAX, AHEAD_SHARE, SAME_END};
use crate::time::{Clocks, Now};

/// The state of one key. Its token and its mint in flight are separate: while a token is being renewed the old one
/// is still served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) id: u32,
    pub(crate) token: Option<Held>,
    pub(crate) flight: Option<Flight>,
    /// The machine's attention count when the request that brought the last token was sent; `None` before the first
    /// and after a permanent refusal: then only a caller starts a mint.
    pub(crate) attention_at_mint: Option<u32>,
    /// Whether anybody got a token of this key since it was minted.
    pub(crate) asked: bool,
    /// A caller was served a token near its end.
    pub(crate) renew: bool,
    /// The page stood still: when it is looked at again, a mint of this key tells whether the session is still there.
    pub(crate) unconfirmed: bool,
    /// Monotonic time up to which a permanent refusal is answered from memory; 0 for none.
    pub(crate) refused_until: u64,
}

/// A token in hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) seq: u32,
    pub(crate) ends: Clocks,
    /// From when it is renewed on demand, and in the background while the user is there.
    pub(crate) renew_at: Clocks,
    /// It replaced a refused one and arrived at this monotonic time.
    pub(crate) replaced_at: Option<u64>,
}

impl Held {
    /// The token that a mint brought, or `None` if it has ended before it arrived.
    pub(crate) fn new(
        flight: Flight,
        expires_in: u32,
        session_expires_in: u32,
        now: Now,
    ) -> Option<Self> {
        let life = u64::from(expires_in) * 1_000;
        let ends = flight.started.after(life);
        if ends.passed(now.clocks()) {
            return None;
        }
        // A token that ends with the session cannot be followed by a longer one: ahead of its end there is nothing to gain.
        let ends_with_session = u64::from(session_expires_in) * 1_000 <= life + SAME_END;
        let ahead = if ends_with_session {
            0
        } else {
            let most = (life / AHEAD_SHARE).min(AHEAD_MAX);
            most / 2 + now.share(most / 2)
        };
        let replaced_at = matches!(flight.cause, Cause::Rejected).then_some(now.mono);
        Some(Self {
            seq: flight.seq,
            ends,
            renew_at: flight.started.after(life - ahead),
            replaced_at,
        })
    }
}

/// A mint in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) seq: u32,
    /// The clocks just before the request was sent.
    pub(crate) started: Clocks,
    /// The machine's attention count at that moment.
    pub(crate) attention: u32,
    pub(crate) cause: Cause,
}

impl Key {
    pub(crate) const fn new(id: u32) -> Self {
        Self {
            id,
            token: None,
            flight: None,
            attention_at_mint: None,
            asked: false,
            renew: false,
            unconfirmed: false,
            refused_until: 0,
        }
    }

    /// Whether a token or a mint of this key exists.
    pub(crate) const fn live(&self) -> bool {
        self.token.is_some() || self.flight.is_some()
    }
}
