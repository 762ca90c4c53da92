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

    #[wasm_bindgen(method)]
    fn mono(this: &Host) -> f64;
    #[wasm_bindgen(method)]
    fn wall(this: &Host) -> f64;
    /// A uniform random number in `0..1`.
    #[wasm_bindgen(method)]
    fn random(this: &Host) -> f64;

    #[wasm_bindgen(method)]
    fn ask(this: &Host, seq: u32, key: u32, after: f64);
    #[wasm_bindgen(method)]
    fn mint(this: &Host, seq: u32, key: u32, idle_for: u32);
    #[wasm_bindgen(method)]
    fn cancel(this: &Host, seq: u32);
    #[wasm_bindgen(method)]
    fn hold(this: &Host, key: u32, seq: u32, ends: f64, fresh_until: f64, session_ends: f64);
    #[wasm_bindgen(method)]
    fn drop(this: &Host, key: u32);
    #[wasm_bindgen(method)]
    fn answer(this: &Host, waiter: u32, key: u32);
    #[wasm_bindgen(method)]
    fn fail(this: &Host, waiter: u32, problem: u32, retry_after: f64);
    /// `about` is a key, a problem, a reason or a number of seconds, `more` a cause or milliseconds.
    #[wasm_bindgen(method)]
    fn tell(this: &Host, notice: u32, about: u32, more: f64);
    /// `what` is a position in `ANNOUNCEMENTS` of `js/tabs.js`; a problem and milliseconds come with failures only.
    #[wasm_bindgen(method)]
    fn announce(this: &Host, what: u32, problem: u32, millis: f64);
    /// Milliseconds from now; 0 for no timer.
    #[wasm_bindgen(method)]
    fn timer(this: &Host, after: f64);
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

    /// A caller wants the token of a key.
    pub fn want(&self, waiter: u32, key: u32) {
        self.on(Event::Wanted { waiter, key });
    }

    /// A service answered 401 to the token of mint `seq`.
    pub fn rejected(&self, waiter: u32, key: u32, seq: u32) {
        self.on(Event::Rejected { waiter, key, seq });
    }

    /// A caller went away.
    pub fn abandon(&self, waiter: u32) {
        self.on(Event::Abandoned { waiter });
    }

    /// The glue served the token of a key without asking, for the first time since it was minted.
    pub fn served(&self, key: u32) {
        self.on(Event::Served { key });
    }

    /// A mint brought a token. Both lifetimes are in seconds.
    pub fn minted(&self, seq: u32, expires_in: u32, session_expires_in: u32) {
        self.finish(
            seq,
            Outcome::Minted {
                expires_in,
                session_expires_in,
            },
        );
    }

    /// A mint brought anything else. `retry_after` is in milliseconds, negative for none.
    pub fn refused(&self, seq: u32, status: u16, login_required: bool, retry_after: f64) {
        let retry_after = (retry_after >= 0.0).then_some(millis(retry_after));
        self.finish(
            seq,
            Outcome::Refused {
                status,
                login_required,
                retry_after,
            },
        );
    }

    /// A mint brought no answer that could be read.
    pub fn unreachable(&self, seq: u32, origin_refused: bool) {
        self.finish(
            seq,
            if origin_refused {
                Outcome::OriginRefused
            } else {
                Outcome::Unreachable
            },
        );
    }

    /// The timer fired.
    pub fn tick(&self) {
        self.on(Event::TimerFired);
    }

    /// The user did something.
    pub fn input(&self) {
        self.on(Event::Input);
    }

    /// The page is looked at again.
    pub fn returned(&self) {
        self.on(Event::Returned);
    }

    /// The page stands still from now on.
    pub fn suspended(&self) {
        self.on(Event::Suspended);
    }

    /// The network is back.
    pub fn online(&self) {
        self.on(Event::Online);
    }

    /// A sign-in was accepted.
    pub fn logged_in(&self, waiter: u32, key: u32) {
        self.on(Event::LoggedIn { waiter, key });
    }

    /// The app signed out.
    pub fn logged_out(&self) {
        self.on(Event::LoggedOut);
    }

    /// This tab has the lock of the key that it asks for.
    pub fn led(&self, seq: u32) {
        self.on(Event::Peer(Peer::Led { seq }));
    }

    /// Another tab mints what this one asks for.
    pub fn behind(&self, seq: u32) {
        self.on(Event::Peer(Peer::Behind { seq }));
    }

    /// Another tab handed over its token. Wall clock, milliseconds, wall clock.
    pub fn offered(&self, seq: u32, ends: f64, life: f64, session_ends: f64) {
        self.on(Event::Peer(Peer::Offered {
            seq,
            ends: millis(ends),
            life: millis(life),
            session_ends: millis(session_ends),
        }));
    }

    /// The user did something in another tab, `age` milliseconds ago.
    pub fn peer_input(&self, age: f64) {
        self.on(Event::Peer(Peer::Input { age: millis(age) }));
    }

    /// Another tab signed out, or was told that there is no session.
    pub fn peer_signed_out(&self, by_app: bool) {
        self.on(Event::Peer(if by_app {
            Peer::LoggedOut
        } else {
            Peer::NoSession
        }));
    }

    /// Somebody signed in in another tab.
    pub fn peer_signed_in(&self, same_user: bool) {
        self.on(Event::Peer(Peer::LoggedIn { same_user }));
    }

    /// Minting fails for another tab, which tries again in `left` milliseconds; `told` if the server named that time.
    pub fn peer_failed(&self, problem: u32, left: f64, told: bool) {
        if let Some(problem) = shared_problem(problem) {
            self.on(Event::Peer(Peer::Failing {
                problem,
                retry_after: millis(left),
                told,
            }));
        }
    }

    /// Minting works again for another tab.
    pub fn peer_recovered(&self) {
        self.on(Event::Peer(Peer::Recovered));
    }

    /// The app is done.
    pub fn dispose(&self) {
        self.on(Event::Disposed);
    }

    fn finish(&self, seq: u32, outcome: Outcome) {
        self.on(Event::MintFinished { seq, outcome });
    }

    fn on(&self, event: Event) {
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

fn now(host: &Host) -> Now {
    // `Math.random()` times 2^32 fits by definition; `as` saturates.
    Now {
        mono: millis(host.mono()),
        wall: millis(host.wall()),
        dice: (host.random() * 4_294_967_296.0) as u32,
    }
}

/// Milliseconds as a whole number; nonsense from a broken clock becomes 0 or the largest number.
fn millis(value: f64) -> u64 {
    value as u64
}

fn carry_out(host: &Host, action: Action) {
    match action {
        Action::Ask { seq, key, after } => host.ask(seq, key, after as f64),
        Action::Mint { seq, key, idle_for } => host.mint(seq, key, idle_for),
        Action::CancelMint { seq } => host.cancel(seq),
        Action::Hold {
            key,
            seq,
            ends,
            fresh_until,
            session_ends,
        } => {
            host.hold(
                key,
                seq,
                ends.wall as f64,
                fresh_until as f64,
                session_ends as f64,
            );
        }
        Action::Drop { key } => host.drop(key),
        Action::Answer { waiter, key } => host.answer(waiter, key),
        Action::Fail {
            waiter,
            problem,
            retry_after,
        } => {
            host.fail(waiter, problem_code(problem), retry_after as f64);
        }
        Action::Tell(notice) => tell(host, notice),
        Action::Announce(what) => announce(host, what),
        Action::SetTimer { after } => host.timer(after as f64),
        Action::ClearTimer => host.timer(0.0),
    }
}

/// The numbers are the positions in `ANNOUNCEMENTS` of `js/tabs.js`.
fn announce(host: &Host, what: Announcement) {
    let (what, problem, millis) = match what {
        Announcement::LoggedOut => (0, 0, 0),
        Announcement::NoSession => (1, 0, 0),
        Announcement::LoggedIn => (2, 0, 0),
        Announcement::Failing {
            problem,
            retry_after,
            told,
        } => (3 + u32::from(told), problem_code(problem), retry_after),
        Announcement::Recovered => (5, 0, 0),
    };
    host.announce(what, problem, millis as f64);
}

/// The numbers are the positions in `NOTICES` of `js/manager.js`.
fn tell(host: &Host, notice: Notice) {
    let (code, about, more) = match notice {
        Notice::SignedIn { key } => (0, key, 0.0),
        Notice::Renewed { key, cause } => (1, key, cause_code(cause)),
        Notice::SignedOut { reason } => (2, reason_code(reason), 0.0),
        Notice::Degraded {
            problem,
            retry_after,
        } => (3, problem_code(problem), retry_after as f64),
        Notice::Recovered => (4, 0, 0.0),
        Notice::Ending { seconds } => (5, seconds, 0.0),
    };
    host.tell(code, about, more);
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

/// The problems that all tabs share, by the same numbers; a tab that says anything else is not believed.
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
const fn cause_code(cause: Cause) -> f64 {
    match cause {
        Cause::Caller => 0.0,
        Cause::Ahead => 1.0,
        Cause::Rejected => 2.0,
        Cause::Background => 3.0,
        Cause::Restored => 4.0,
        Cause::Peer => 5.0,
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
