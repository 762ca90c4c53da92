//! The wasm side of the npm package: carries events from JavaScript into the renewal machine, and its actions out.
//!
//! It decides nothing itself (that is [`sessionmint_renewal`]) and does nothing itself: requests, timers, promises and
//! listeners are the hand-written glue in `js/`, which implements [`Host`]. Tokens never come here, so no copy of one
//! lies in wasm memory: the machine knows a token by the number of the mint that brought it.
//!
//! Every method takes `&self`, and the machine is released before the first action is carried out, so a host that
//! calls back at once finds it free.
//!
//! Without `std`, whose allocator and panic messages would be a third of the module. A panic traps.

#![cfg_attr(target_family = "wasm", no_std)]

use core::cell::RefCell;

use sessionmint_renewal::{
    Action, Announcement, Cause, Event, Machine, Notice, Now, Outcome, Peer, Problem, SignOutReason,
};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// What the glue does for the machine. Its methods must not throw.
    pub type Host;

    /// 0 for the monotonic clock, 1 for the wall clock, 2 for a uniform random number in `0..1`.
    #[wasm_bindgen(method)]
    fn read(this: &Host, what: u32) -> f64;

    /// Do something: `what` is a position in `ACTIONS` of `js/core.js`, which names the numbers that come with each.
    #[wasm_bindgen(method)]
    fn act(this: &Host, what: u32, a: f64, b: f64, c: f64, d: f64, e: f64);
}

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(target_family = "wasm")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// One token manager: a machine and the host that acts for it.
#[wasm_bindgen]
pub struct Core {
    machine: RefCell<Machine>,
    host: Host,
}

#[wasm_bindgen]
impl Core {
    /// A core that knows nothing yet; with `peers` there may be other tabs to talk to.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, peers: bool) -> Self {
        let now = now(&host);
        let machine = if peers {
            Machine::with_peers(now)
        } else {
            Machine::new(now)
        };
        Self {
            machine: RefCell::new(machine),
            host,
        }
    }

    /// Something happened: `kind` is a position in `EVENTS` of `js/core.js`, which names the numbers that come with each.
    /// One function for all of them, since each one that wasm exports costs an app some 200 bytes of download.
    pub fn on(&self, kind: u32, a: f64, b: f64, c: f64, d: f64) {
        if let Some(event) = event(kind, a, b, c, d) {
            self.carry(event);
        }
    }
}

impl Core {
    fn carry(&self, event: Event) {
        // Nothing borrows the machine across a call into JavaScript, so this cannot fail.
        let Ok(mut machine) = self.machine.try_borrow_mut() else {
            return;
        };
        let actions = machine.on(event, now(&self.host));
        drop(machine);
        for action in actions {
            carry_out(&self.host, action);
        }
    }
}

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

fn now(host: &Host) -> Now {
    // `Math.random()` times 2^32 fits by definition; `as` saturates.
    Now {
        mono: millis(host.read(0)),
        wall: millis(host.read(1)),
        dice: (host.read(2) * 4_294_967_296.0) as u32,
    }
}

/// Milliseconds as a whole number; nonsense from a broken clock becomes 0 or the largest number.
fn millis(value: f64) -> u64 {
    value as u64
}

fn carry_out(host: &Host, action: Action) {
    let (what, numbers) = encode(action);
    let [a, b, c, d, e] = numbers.map(|number| number as f64);
    host.act(what, a, b, c, d, e);
}

/// An action in numbers, for `ACTIONS` of `js/core.js`.
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
