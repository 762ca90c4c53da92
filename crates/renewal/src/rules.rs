//! Every number the machine acts on, with its reason. All in milliseconds unless the name says otherwise.

/// A mint that has not answered by then is cancelled and counts as a temporary failure ([`Timeout`]).
///
/// [`Timeout`]: crate::Problem::Timeout
pub const MINT_TIMEOUT: u64 = 10_000;

/// The longest that a caller waits for a token, over however many tries, before it gets a typed error.
pub const WAIT: u64 = 10_000;

/// A token is renewed ahead of its end by at most this much …
pub const AHEAD_MAX: u64 = 60_000;

/// … and by at most this share of its lifetime (one fifth), so that a 15 s token is not renewed all the time.
/// The actual point lies between half and all of that, by dice, so that many tabs do not renew at one instant.
pub const AHEAD_SHARE: u64 = 5;

/// Upper bound of the first back-off step; each further failure doubles it. Full jitter: the wait is drawn
/// uniformly from zero to the bound.
pub const BACK_OFF_FIRST: u64 = 500;

/// No back-off step is longer than this, unless the server asks for it.
pub const BACK_OFF_MAX: u64 = 30_000;

/// Added to every step: full jitter may draw zero, and a server that refuses at once must not be hammered.
pub const BACK_OFF_FLOOR: u64 = 200;

/// A `Retry-After` is honoured up to this; a mistaken one must not cut a page off for days.
pub const RETRY_AFTER_MAX: u64 = 600_000;

/// After so many failures in a row, renewals that nobody waits for stop until a person or the network is back.
pub const UNATTENDED_TRIES: u32 = 8;

/// When the browser says that it is online again, the next try comes within this time.
pub const ONLINE_SPREAD: u64 = 500;

/// A permanent refusal of a key is remembered this long: a caller in a loop gets it from memory.
pub const REFUSAL_MEMORY: u64 = 5_000;

/// That there is no session is remembered this long, for the same reason. Short, because the user may be signing in
/// in another tab.
pub const SIGNED_OUT_MEMORY: u64 = 2_000;

/// A service that refuses the very token that replaced a refused one gets no third one within this time.
pub const REJECTED_AGAIN: u64 = 10_000;

/// Other tabs have this long to offer a token before a caller without one gets a mint of its own. They answer within a
/// few milliseconds; a tab that is alone loses no more than this.
pub const OFFER_WAIT: u64 = 6;

/// The same while nobody waits for the token, and after a failure: pages in processes of their own take a while to hear who
/// of them tries.
pub const OFFER_WAIT_AHEAD: u64 = 200;

/// A page that comes so much later to the end of either was held up, and what other tabs said meanwhile may lie unread:
/// it listens for [`OFFER_WAIT`] more, …
pub const OFFER_LATE: core::ops::Range<u64> = 4..250;

/// … up to so many times. (Browsers let the timers of hidden pages fire later than that; nothing lies unread then.)
pub const OFFER_AGAIN: u32 = 3;

/// Another tab that mints is given this long to come up with the token, …
pub const FOLLOW: u64 = 1_200;

/// … and up to this much more, drawn so that one of those who waited for a tab that hangs is the first and the others hear of
/// it.
pub const FOLLOW_SPREAD: u64 = 400;

/// However many tabs say that they mint, nobody follows them for longer.
pub const FOLLOW_MAX: u64 = 4_000;

/// [`Notice::Ending`] comes this long before the session's absolute end.
///
/// [`Notice::Ending`]: crate::Notice::Ending
pub const ENDING_NOTICE: u64 = 120_000;

/// A token and a session whose ends differ by no more than this end together: answers are in whole seconds.
pub const SAME_END: u64 = 1_000;
