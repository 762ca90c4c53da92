//! The browser renewal machine: when to mint a token, whom to give it to, and when to stop.
//!
//! It is *not* a client. It has no clock, no network, no timers, no randomness and no async: what happens in the
//! world comes in as an [`Event`] together with [`Now`], and what should be done about it goes out as [`Action`]s.
//! It never sees a token either; a token is known here by the sequence number of the mint that brought it, and the
//! caller keeps the string. That makes every race between callers, timers, answers and sign-out an ordinary
//! single-threaded test.
//!
//! ```
//! use sessionmint_renewal::{Action, Event, Machine, Now, Outcome};
//!
//! let now = Now { mono: 5_000, wall: 1_700_000_000_000, dice: 0 };
//! let mut machine = Machine::new(now);
//!
//! // Somebody wants the token of key 0 (an audience and a set of scopes): there is none, so one mint starts.
//! let actions = machine.on(Event::Wanted { waiter: 1, key: 0 }, now);
//! assert!(matches!(actions[0], Action::Mint { seq: 1, key: 0, .. }));
//!
//! // Its answer is handed to whoever waited.
//! let minted = Outcome::Minted { expires_in: 300, session_expires_in: 86_400 };
//! let actions = machine.on(Event::MintFinished { seq: 1, outcome: minted }, now);
//! assert!(actions.contains(&Action::Answer { waiter: 1, key: 0 }));
//! ```
//!
//! The rules, in the order in which they win:
//!
//! 1. Nothing is answered with a token after sign-out; answers to mints started before it are dropped.
//! 2. A token that is still valid on both clocks is served at once, whatever the network does.
//! 3. At most one mint per key is in flight. Its answer serves everybody who waits for that key.
//! 4. Only `401 {"error":"login_required"}` signs out. Everything else that goes wrong is either a typed permanent
//!    refusal of one key or a temporary failure with a back-off that all keys share.
//! 5. With other tabs around, one of them mints and the others take its token; whoever waits for one that does not come
//!    up with it mints for itself a moment later.
//! 6. Nobody waits longer than [`rules::WAIT`].
//!
//! Where to read: [`rules`] has every number with its reason, [`Event`] and [`Action`] are the whole interface, and
//! `machine.rs` carries the rules out.

#![no_std]

extern crate alloc;

mod back_off;
mod event;
mod key;
mod machine;
pub mod rules;
mod time;

pub use event::{
    Action, Announcement, Cause, Event, Notice, Outcome, Peer, Problem, SignOutReason,
};
pub use machine::Machine;
pub use time::{Clocks, Now};
