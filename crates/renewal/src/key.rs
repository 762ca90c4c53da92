//! What the machine knows about one (resource, scope) pair.

use crate::event::Cause;
use crate::rules::{AHEAD_MAX, AHEAD_SHARE, OFFER_AGAIN, OFFER_LATE, OFFER_WAIT, SAME_END};
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
    /// The token of a flight that lives `life` milliseconds in all and ends at `ends`, in a session that ends at
    /// `session`; `None` if it has ended before it arrived.
    pub(crate) fn new(
        flight: Flight,
        life: u64,
        ends: Clocks,
        session: Clocks,
        now: Now,
    ) -> Option<Self> {
        if ends.passed(now.clocks()) {
            return None;
        }
        // A token that ends with the session cannot be followed by a longer one: ahead of its end there is nothing to gain.
        let ahead = if session.wall <= ends.wall.saturating_add(SAME_END) {
            0
        } else {
            let most = (life / AHEAD_SHARE).min(AHEAD_MAX);
            most / 2 + now.share(most / 2)
        };
        let replaced_at = matches!(flight.cause, Cause::Rejected).then_some(now.mono);
        Some(Self {
            seq: flight.seq,
            ends,
            renew_at: ends.before(ahead),
            replaced_at,
        })
    }
}

/// A token on its way: asked of the other tabs, then minted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) seq: u32,
    /// The clocks just before the request was sent; of the ask, before that.
    pub(crate) started: Clocks,
    /// The machine's attention count at that moment.
    pub(crate) attention: u32,
    pub(crate) cause: Cause,
    /// While the other tabs are asked; the mint request is not sent yet.
    pub(crate) asking: Option<Asking>,
}

/// How long the other tabs are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    /// Monotonic time up to which the other tabs may say that they have a token.
    pub(crate) offers_until: u64,
    /// Monotonic time at which this tab mints for itself.
    pub(crate) until: u64,
    /// Monotonic time at which it stops following a tab that mints, while there may be one.
    pub(crate) follows_until: Option<u64>,
    /// How often the wait was made longer because this page was held up.
    pub(crate) again: u32,
}

impl Asking {
    /// Whether the wait is over; once more, when this page was too busy to hear the others.
    pub(crate) fn over(&mut self, now: Now) -> bool {
        if now.mono < self.until {
            return false;
        }
        let held_up = OFFER_LATE.contains(&(now.mono - self.until))
            && self.follows_until.is_none()
            && self.again < OFFER_AGAIN;
        if held_up {
            self.again += 1;
            self.offers_until = now.mono + OFFER_WAIT;
            self.until = self.offers_until;
        }
        !held_up
    }
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
