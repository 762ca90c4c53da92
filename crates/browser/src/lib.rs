//! The wasm side of the npm package: carries events from JavaScript into the renewal machine, and its actions out.
//!
//! It decides nothing itself (that is [`sessionmint_renewal`]) and does nothing itself: requests, timers, promises and
//! listeners are the hand-written glue in `js/`. Tokens never come here, so no copy of one lies in wasm memory: the
//! machine knows a token by the number of the mint that brought it.
//!
//! Only numbers cross the border: each token manager of the page has one, under which its machine lies here and its host
//! in `js/host.js`. Classes and objects would be a tenth of the download. The machines are released before the first
//! action is carried out, so a host that calls back at once finds its own free.
//!
//! Without `std`, whose allocator and panic messages would be a third of the module. A panic traps.

#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

use alloc::vec::Vec;

use sessionmint_renewal::{
    Action, Announcement, Cause, Event, Machine, Notice, Now, Outcome, Peer, Problem, SignOutReason,
};
use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(raw_module = "./host.js")]
extern "C" {
    /// 0 for the monotonic clock, 1 for the wall clock, 2 for a uniform random number in `0..1`.
    fn read(host: u32, what: u32) -> f64;

    /// Do something: `what` is a position in `ACTIONS` of `js/host.js`, which names the numbers that come with each.
    fn act(host: u32, what: u32, a: f64, b: f64, c: f64, d: f64, e: f64);
}

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(target_family = "wasm")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Each host's machine. The lock never waits: there is one thread, and it is free whenever JavaScript runs.
static MACHINES: Mutex<Vec<(u32, Machine)>> = Mutex::new(Vec::new());

/// Something happened to `host`: `kind` is a position in `EVENTS` of `js/core.js`, which names the numbers that come with each.
/// One function for all of them, since each one that wasm exports costs an app some 200 bytes of download.
#[wasm_bindgen]
pub fn on(host: u32, kind: u32, a: f64, b: f64, c: f64, d: f64) {
    let now = now(host);
    for action in decide(host, kind, [a, b, c, d], now).unwrap_or_default() {
        carry_out(host, action);
    }
}

fn decide(host: u32, kind: u32, [a, b, c, d]: [f64; 4], now: Now) -> Option<Vec<Action>> {
    let mut machines = MACHINES.try_lock()?;
    if kind == CREATED {
        let machine = match (a > 0.0, b >= 0.0) {
            (false, _) => Machine::new(now),
            (true, false) => Machine::with_peers(now),
            (true, true) => Machine::with_peers_asked(now, millis(b)),
        };
        machines.push((host, machine));
        return None;
    }
    let place = machines.iter().position(|(id, _)| *id == host)?;
    if kind == FREED {
        machines.swap_remove(place);
        return None;
    }
    let (_, machine) = machines.get_mut(place)?;
    Some(machine.on(event(kind, a, b, c, d)?, now))
}

/// The two events that are none to a machine.
const CREATED: u32 = 20;
const FREED: u32 = 21;

/// What the numbers from JavaScript mean. None are negative; nonsense becomes 0 or the largest number.
fn event(kind: u32, a: f64, b: f64, c: f64, d: f64) -> Option<Event> {
    let (x, y, z) = (a as u32, b as u32, c as u32);
    Some(match kind {
        0 => Event::Wanted { waiter: x, key: y },
        1 => Event::Rejected {
            waiter: x,
            key: y,
            seq: z,
        },
        2 => Event::Abandoned { waiter: x },
        3 => Event::Served { key: x },
        4 => finished(
            x,
            Outcome::Minted {
                expires_in: y,
                session_expires_in: z,
            },
        ),
        5 => finished(
            x,
            Outcome::Refused {
                status: b as u16,
                login_required: c > 0.0,
                retry_after: (d >= 0.0).then_some(millis(d)),
            },
        ),
        6 if b > 0.0 => finished(x, Outcome::OriginRefused),
        6 => finished(x, Outcome::Unreachable),
        7 => Event::TimerFired,
        8 => Event::Input,
        9 => Event::Returned,
        10 => Event::Suspended,
        11 => Event::Online,
        12 => Event::LoggedIn { waiter: x, key: y },
        13 => Event::LoggedOut,
        14 => Event::Disposed,
        15 => Event::Peer(Peer::Led { seq: x }),
        16 => Event::Peer(Peer::Behind { seq: x }),
        17 => Event::Peer(Peer::Offered {
            seq: x,
            ends: millis(b),
            life: millis(c),
            session_ends: millis(d),
        }),
        18 => Event::Peer(Peer::Input { age: millis(a) }),
        19 => Event::Peer(heard(x, y, c, d > 0.0)?),
        _ => return None,
    })
}

/// What another tab's [`announcement_code`] means here. What no tab says is not believed.
fn heard(what: u32, problem: u32, left: f64, same_user: bool) -> Option<Peer> {
    Some(match what {
        0 => Peer::LoggedOut,
        1 => Peer::NoSession,
        2 => Peer::LoggedIn { same_user },
        3 | 4 => Peer::Failing {
            problem: shared_problem(problem)?,
            retry_after: millis(left),
            told: what == 4,
        },
        5 => Peer::Recovered,
        _ => return None,
    })
}

const fn finished(seq: u32, outcome: Outcome) -> Event {
    Event::MintFinished { seq, outcome }
}

fn now(host: u32) -> Now {
    // `Math.random()` times 2^32 fits by definition; `as` saturates.
    Now {
        mono: millis(read(host, 0)),
        wall: millis(read(host, 1)),
        dice: (read(host, 2) * 4_294_967_296.0) as u32,
    }
}

/// Milliseconds as a whole number; nonsense from a broken clock becomes 0 or the largest number.
fn millis(value: f64) -> u64 {
    value as u64
}

fn carry_out(host: u32, action: Action) {
    let (what, numbers) = encode(action);
    let [a, b, c, d, e] = numbers.map(|number| number as f64);
    act(host, what, a, b, c, d, e);
}

/// An action in numbers, for `ACTIONS` of `js/host.js`.
fn encode(action: Action) -> (u32, [u64; 5]) {
    let few = |a: u32, b: u32, c: u64| [a.into(), b.into(), c, 0, 0];
    match action {
        Action::Mint { seq, key, idle_for } => (0, few(seq, key, idle_for.into())),
        Action::Ask { seq, key, after } => (1, few(seq, key, after)),
        Action::CancelMint { seq } => (2, few(seq, 0, 0)),
        Action::Hold {
            key,
            seq,
            ends,
            fresh_until,
            session_ends,
        } => {
            let (key, seq) = (key.into(), seq.into());
            (3, [key, seq, ends.wall, fresh_until, session_ends])
        }
        Action::Drop { key } => (4, few(key, 0, 0)),
        Action::Answer { waiter, key } => (5, few(waiter, key, 0)),
        Action::Fail {
            waiter,
            problem,
            retry_after,
        } => (6, few(waiter, problem_code(problem), retry_after)),
        Action::Tell(notice) => {
            let (notice, about, more) = notice_code(notice);
            (7, few(notice, about, more))
        }
        Action::Announce(what) => {
            let (what, problem, millis) = announcement_code(what);
            (8, few(what, problem, millis))
        }
        Action::SetTimer { after } => (9, [after, 0, 0, 0, 0]),
        Action::ClearTimer => (9, [0; 5]),
    }
}

/// The numbers are those of [`heard`] in the other tabs; `SIGNED_IN` of `js/tabs.js` is one of them.
fn announcement_code(what: Announcement) -> (u32, u32, u64) {
    match what {
        Announcement::LoggedOut => (0, 0, 0),
        Announcement::NoSession => (1, 0, 0),
        Announcement::LoggedIn => (2, 0, 0),
        Announcement::Failing {
            problem,
            retry_after,
            told,
        } => (3 + u32::from(told), problem_code(problem), retry_after),
        Announcement::Recovered => (5, 0, 0),
    }
}

/// The numbers are the positions in `NOTICES` of `js/manager.js`.
fn notice_code(notice: Notice) -> (u32, u32, u64) {
    match notice {
        Notice::SignedIn { key } => (0, key, 0),
        Notice::Renewed { key, cause } => (1, key, cause_code(cause)),
        Notice::SignedOut { reason } => (2, reason_code(reason), 0),
        Notice::Degraded {
            problem,
            retry_after,
        } => (3, problem_code(problem), retry_after),
        Notice::Recovered => (4, 0, 0),
        Notice::Ending { seconds } => (5, seconds, 0),
    }
}

/// The numbers are the positions in `PROBLEMS` of `js/errors.js`.
const fn problem_code(problem: Problem) -> u32 {
    match problem {
        Problem::SignedOut => 0,
        Problem::Timeout => 1,
        Problem::Network => 2,
        Problem::Unavailable => 3,
        Problem::Throttled => 4,
        Problem::OriginRefused => 5,
        Problem::NotAllowed => 6,
        Problem::RejectedAgain => 7,
        Problem::Disposed => 8,
    }
}

/// The problems that all tabs share, by the same numbers.
const fn shared_problem(code: u32) -> Option<Problem> {
    match code {
        1 => Some(Problem::Timeout),
        2 => Some(Problem::Network),
        3 => Some(Problem::Unavailable),
        4 => Some(Problem::Throttled),
        5 => Some(Problem::OriginRefused),
        _ => None,
    }
}

/// The numbers are the positions in `CAUSES` of `js/manager.js`.
const fn cause_code(cause: Cause) -> u64 {
    match cause {
        Cause::Caller => 0,
        Cause::Ahead => 1,
        Cause::Rejected => 2,
        Cause::Background => 3,
        Cause::Restored => 4,
        Cause::Peer => 5,
    }
}

/// The numbers are the positions in `REASONS` of `js/manager.js`.
const fn reason_code(reason: SignOutReason) -> u32 {
    match reason {
        SignOutReason::NoSession => 0,
        SignOutReason::SessionEnded => 1,
        SignOutReason::LoggedOut => 2,
        SignOutReason::Elsewhere => 3,
    }
}
