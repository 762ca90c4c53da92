//! The machine itself. Every event goes the same way: first what time alone has changed (`advance`), then the event,
//! then whatever has to be started or given up because of both (`settle`), then the next timer (`arm`).

mod peers;

use alloc::vec::Vec;

use crate::back_off::BackOff;
use crate::event::{Action, Announcement, Cause, Event, Notice, Outcome, Problem, SignOutReason};
use crate::key::{Asking, Flight, Held, Key};
use crate::rules::{
    ENDING_NOTICE, MINT_TIMEOUT, OFFER_WAIT, OFFER_WAIT_AHEAD, REFUSAL_MEMORY, REJECTED_AGAIN,
    SIGNED_OUT_MEMORY, UNATTENDED_TRIES, WAIT,
};
use crate::time::{Clocks, Now};

/// A new session's end differs from the old one's by more than the rounding and delay of two answers.
const OTHER_SESSION: u64 = 60_000;

/// Decides about the tokens of one browser tab.
#[derive(Debug)]
pub struct Machine {
    /// Whether there may be other tabs to ask and to tell.
    peers: bool,
    /// Monotonic time at which they were asked for a token of key 0, if that was before there was a machine.
    peers_asked: Option<u64>,
    phase: Phase,
    keys: Vec<Key>,
    waiters: Vec<Waiter>,
    back_off: BackOff,
    last_seq: u32,
    /// When the user last did something: what `idle_for` reports.
    last_input: Clocks,
    /// Counts inputs and returns to the page: only after one are tokens renewed unasked. Not a time, since a
    /// monotonic clock may stand still through the sleep that a return ends.
    attention: u32,
    /// Monotonic time of the session's absolute end.
    session_ends: Option<u64>,
    ending_told: bool,
    /// Monotonic time for which the adapter's timer is set.
    timer: Option<u64>,
    /// The latest monotonic time seen.
    mono: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is known: a new page, or right after a sign-in.
    Unknown,
    SignedIn,
    /// The service says that there is no session; asked again by a caller after this monotonic time.
    NoSession {
        until: u64,
    },
    /// The app signed out: a cookie that is still alive, because the request failed, must not bring tokens back.
    LoggedOut {
        /// In another tab.
        elsewhere: bool,
    },
    Disposed,
}

/// A caller that cannot be answered yet.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    id: u32,
    key: u32,
    /// The token that it must not be given.
    rejected: Option<u32>,
    /// It wants proof that its sign-in works, so no other tab's word will do.
    proof: bool,
    deadline: u64,
}

impl Machine {
    /// A machine that knows nothing, without other tabs. Loading the page counts as user input: it followed from some.
    #[must_use]
    pub const fn new(now: Now) -> Self {
        Self {
            peers: false,
            peers_asked: None,
            phase: Phase::Unknown,
            keys: Vec::new(),
            waiters: Vec::new(),
            back_off: BackOff::NONE,
            last_seq: 0,
            last_input: now.clocks(),
            attention: 0,
            session_ends: None,
            ending_told: false,
            timer: None,
            mono: now.mono,
        }
    }

    /// As [`Machine::new`], with other tabs that may have what is needed.
    #[must_use]
    pub fn with_peers(now: Now) -> Self {
        Self {
            peers: true,
            ..Self::new(now)
        }
    }

    /// As [`Machine::with_peers`], where they were asked for a token of key 0 so many milliseconds ago: if the first
    /// [`Action::Ask`] is for that, they have had this time already.
    #[must_use]
    pub fn with_peers_asked(now: Now, ago: u64) -> Self {
        Self {
            peers_asked: Some(now.mono.saturating_sub(ago)),
            ..Self::with_peers(now)
        }
    }

    /// Takes in one event and says what to do about it, in order.
    ///
    /// `now` is read when the event happens. A monotonic clock that goes back is taken as standing still.
    pub fn on(&mut self, event: Event, now: Now) -> Vec<Action> {
        self.mono = self.mono.max(now.mono);
        let now = Now {
            mono: self.mono,
            ..now
        };
        let mut out = Vec::new();
        if matches!(event, Event::TimerFired) {
            self.timer = None;
        }
        self.advance(now, &mut out);
        self.handle(event, now, &mut out);
        // A page that is about to stand still starts nothing.
        if event != Event::Suspended {
            self.settle(now, &mut out);
        }
        self.arm(&mut out);
        out
    }

    fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        let deadline = now.mono + WAIT;
        match event {
            Event::Wanted { waiter, key } => {
                self.want(
                    Waiter {
                        id: waiter,
                        key,
                        rejected: None,
                        proof: false,
                        deadline,
                    },
                    now,
                    out,
                );
            }
            Event::Rejected { waiter, key, seq } => {
                self.want(
                    Waiter {
                        id: waiter,
                        key,
                        rejected: Some(seq),
                        proof: false,
                        deadline,
                    },
                    now,
                    out,
                );
            }
            Event::Abandoned { waiter } => self.waiters.retain(|w| w.id != waiter),
            Event::Served { key } => {
                if let Some(key) = self.keys.iter_mut().find(|k| k.id == key) {
                    key.asked = true;
                }
            }
            Event::MintFinished { seq, outcome } => self.finish(seq, outcome, now, out),
            Event::TimerFired => {}
            Event::Input => {
                self.last_input = now.clocks();
                self.attention = self.attention.wrapping_add(1);
            }
            Event::Suspended => self.suspend(now, out),
            Event::Returned => {
                self.attention = self.attention.wrapping_add(1);
                for key in &mut self.keys {
                    key.renew |= key.unconfirmed;
                }
            }
            Event::Online => self.back_off.shorten(now),
            Event::LoggedIn { waiter, key } => {
                if self.phase != Phase::Disposed {
                    // Whoever waited in another session must not get this one's token.
                    if self.phase == Phase::SignedIn {
                        self.fail_all(Problem::SignedOut, out);
                    }
                    self.forget(out);
                    self.phase = Phase::Unknown;
                    self.last_input = now.clocks();
                    self.announce(Announcement::LoggedIn, out);
                }
                self.want(
                    Waiter {
                        id: waiter,
                        key,
                        rejected: None,
                        proof: true,
                        deadline,
                    },
                    now,
                    out,
                );
            }
            Event::LoggedOut => {
                let phase = Phase::LoggedOut { elsewhere: false };
                self.sign_out(phase, SignOutReason::LoggedOut, out);
                self.announce(Announcement::LoggedOut, out);
            }
            Event::Peer(peer) => self.hear(peer, now, out),
            Event::Disposed => {
                self.phase = Phase::Disposed;
                self.fail_all(Problem::Disposed, out);
                self.forget(out);
            }
        }
    }

    /// What time alone changes: tokens end, mints time out, callers run out of patience, the session's end comes near.
    fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut overdue = None;
        for key in &mut self.keys {
            if key
                .token
                .is_some_and(|token| token.ends.passed(now.clocks()))
            {
                key.token = None;
                key.renew = false;
                out.push(Action::Drop { key: key.id });
            }
            if let Some(flight) = key
                .flight
                .filter(|f| f.asking.is_none() && f.started.mono + MINT_TIMEOUT <= now.mono)
            {
                key.flight = None;
                overdue = overdue
                    .filter(|other: &Clocks| other.mono >= flight.started.mono)
                    .or(Some(flight.started));
                out.push(Action::CancelMint { seq: flight.seq });
            }
        }
        if let Some(started) = overdue {
            self.fall_back(Problem::Timeout, started, None, now, out);
        }
        self.waiters.retain(|waiter| {
            if waiter.deadline > now.mono {
                return true;
            }
            let problem = self.back_off.problem.unwrap_or(Problem::Timeout);
            out.push(Action::Fail {
                waiter: waiter.id,
                problem,
                retry_after: self.back_off.left(now.mono),
            });
            false
        });
        if let Some(ends) = self
            .ending_at()
            .filter(|at| *at <= now.mono)
            .and(self.session_ends)
        {
            self.ending_told = true;
            let seconds = seconds(ends.saturating_sub(now.mono));
            out.push(Action::Tell(Notice::Ending { seconds }));
        }
    }

    fn want(&mut self, waiter: Waiter, now: Now, out: &mut Vec<Action>) {
        let refusal = match self.phase {
            Phase::Disposed => Some(Problem::Disposed),
            Phase::LoggedOut { .. } => Some(Problem::SignedOut),
            Phase::NoSession { until } if now.mono < until => Some(Problem::SignedOut),
            Phase::NoSession { .. } | Phase::Unknown | Phase::SignedIn => None,
        };
        if let Some(problem) = refusal {
            out.push(Action::Fail {
                waiter: waiter.id,
                problem,
                retry_after: 0,
            });
            return;
        }
        if !self.keys.iter().any(|key| key.id == waiter.key) {
            self.keys.push(Key::new(waiter.key));
        }
        let Some(key) = self.keys.iter_mut().find(|key| key.id == waiter.key) else {
            return;
        };
        match key.token {
            Some(token) if waiter.rejected != Some(token.seq) => {
                key.asked = true;
                key.renew |= token.renew_at.passed(now.clocks());
                out.push(Action::Answer {
                    waiter: waiter.id,
                    key: key.id,
                });
            }
            Some(Held {
                replaced_at: Some(at),
                ..
            }) if now.mono < at + REJECTED_AGAIN => {
                out.push(Action::Fail {
                    waiter: waiter.id,
                    problem: Problem::RejectedAgain,
                    retry_after: 0,
                });
            }
            // One service's refusal takes the token from nobody else: it stays in hand until its replacement is here.
            Some(_) | None => self.waiters.push(waiter),
        }
    }

    fn finish(&mut self, seq: u32, outcome: Outcome, now: Now, out: &mut Vec<Action>) {
        // An answer of before a sign-out or a timeout finds no flight with its number, and ends here.
        let Some((key, flight)) = self.flight(seq).filter(|(_, f)| f.asking.is_none()) else {
            return;
        };
        key.flight = None;
        let (id, started) = (key.id, flight.started);
        match outcome {
            Outcome::Minted {
                expires_in,
                session_expires_in,
            } => {
                let life = u64::from(expires_in) * 1_000;
                let session = started.after(u64::from(session_expires_in) * 1_000);
                match Held::new(flight, life, started.after(life), session, now) {
                    Some(token) => self.hold(id, flight, token, session, flight.cause, out),
                    None => self.fall_back(Problem::Unavailable, started, None, now, out),
                }
            }
            Outcome::Refused {
                status: 401,
                login_required: true,
                ..
            } => {
                let reason = match self.phase {
                    Phase::SignedIn => SignOutReason::SessionEnded,
                    _ => SignOutReason::NoSession,
                };
                self.sign_out(
                    Phase::NoSession {
                        until: now.mono + SIGNED_OUT_MEMORY,
                    },
                    reason,
                    out,
                );
                self.announce(Announcement::NoSession, out);
            }
            Outcome::Refused {
                status: 429,
                retry_after,
                ..
            } => {
                self.fall_back(Problem::Throttled, started, retry_after, now, out);
            }
            // 408 and 425 are the two 4xx that ask for another try.
            Outcome::Refused {
                status: 400..=407 | 409..=424 | 426..=499,
                ..
            } => {
                key.refused_until = now.mono + REFUSAL_MEMORY;
                key.attention_at_mint = None;
                key.renew = false;
                key.unconfirmed = false;
                self.recover(out);
            }
            Outcome::Refused { retry_after, .. } => {
                self.fall_back(Problem::Unavailable, started, retry_after, now, out);
            }
            Outcome::Unreachable => self.fall_back(Problem::Network, started, None, now, out),
            Outcome::OriginRefused => {
                self.fall_back(Problem::OriginRefused, started, None, now, out);
            }
        }
    }

    /// A token came: keep it, serve everybody who waits for its key, tell the app.
    fn hold(
        &mut self,
        id: u32,
        flight: Flight,
        token: Held,
        session: Clocks,
        cause: Cause,
        out: &mut Vec<Action>,
    ) {
        if self
            .session_ends
            .is_none_or(|before| session.mono > before + OTHER_SESSION)
        {
            self.ending_told = false;
        }
        self.session_ends = Some(session.mono);
        self.recover(out);

        out.push(Action::Hold {
            key: id,
            seq: token.seq,
            ends: token.ends,
            fresh_until: token.renew_at.wall,
            session_ends: session.wall,
        });
        let mut asked = false;
        self.waiters.retain(|waiter| {
            if waiter.key != id {
                return true;
            }
            asked = true;
            out.push(Action::Answer {
                waiter: waiter.id,
                key: id,
            });
            false
        });
        if let Some(key) = self.keys.iter_mut().find(|key| key.id == id) {
            key.token = Some(token);
            key.attention_at_mint = Some(flight.attention);
            key.asked = asked;
            key.renew = false;
            key.unconfirmed = false;
        }
        out.push(Action::Tell(match self.phase {
            Phase::SignedIn => Notice::Renewed { key: id, cause },
            _ => Notice::SignedIn { key: id },
        }));
        self.phase = Phase::SignedIn;
    }

    /// A temporary failure. It harms no token and signs nobody out.
    fn fall_back(
        &mut self,
        problem: Problem,
        started: Clocks,
        retry_after: Option<u64>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let first = self.back_off.failures == 0;
        self.back_off
            .failed(problem, started.mono, retry_after, now);
        self.back_off.attention = self.attention;
        let failing = Announcement::Failing {
            problem,
            retry_after: self.back_off.left(now.mono),
            told: self.back_off.is_told(),
        };
        self.announce(failing, out);
        if first {
            out.push(Action::Tell(Notice::Degraded {
                problem,
                retry_after: self.back_off.left(now.mono),
            }));
        }
    }

    /// The service answered sensibly.
    fn recover(&mut self, out: &mut Vec<Action>) {
        if self.resume(out) {
            self.announce(Announcement::Recovered, out);
        }
    }

    /// Ends the pause; says whether there was a failure that it ended.
    fn resume(&mut self, out: &mut Vec<Action>) -> bool {
        let failing = self.back_off.failures > 0;
        self.back_off = BackOff::NONE;
        if failing {
            out.push(Action::Tell(Notice::Recovered));
        }
        failing
    }

    fn announce(&self, what: Announcement, out: &mut Vec<Action>) {
        if self.peers && self.phase != Phase::Disposed {
            out.push(Action::Announce(what));
        }
    }

    /// The key that the flight of that number is for.
    fn flight(&mut self, seq: u32) -> Option<(&mut Key, Flight)> {
        self.keys.iter_mut().find_map(|key| {
            let flight = key.flight.filter(|flight| flight.seq == seq)?;
            Some((key, flight))
        })
    }

    fn sign_out(&mut self, phase: Phase, reason: SignOutReason, out: &mut Vec<Action>) {
        let before = self.phase;
        if before == Phase::Disposed {
            return;
        }
        self.phase = phase;
        self.fail_all(Problem::SignedOut, out);
        self.forget(out);
        if matches!(before, Phase::Unknown | Phase::SignedIn) {
            out.push(Action::Tell(Notice::SignedOut { reason }));
        }
    }

    /// Drops the tokens, and the mints in flight, whose answers may be older than a sign-out in another tab.
    fn suspend(&mut self, now: Now, out: &mut Vec<Action>) {
        for key in &mut self.keys {
            if let Some(flight) = key.flight.take() {
                out.push(Action::CancelMint { seq: flight.seq });
            }
            if key.token.take().is_some() {
                out.push(Action::Drop { key: key.id });
            }
            key.renew = false;
        }
        match self.phase {
            Phase::SignedIn => {
                let used = self.keys.iter().position(|key| key.asked).unwrap_or(0);
                for (position, key) in self.keys.iter_mut().enumerate() {
                    key.unconfirmed = position == used;
                }
            }
            // Somebody may sign in elsewhere meanwhile.
            Phase::NoSession { .. } | Phase::LoggedOut { elsewhere: true } => {
                self.phase = Phase::NoSession { until: now.mono };
            }
            Phase::Unknown | Phase::LoggedOut { elsewhere: false } | Phase::Disposed => {}
        }
    }

    /// Drops everything that belongs to the session: tokens, mints in flight (their late answers find no flight),
    /// refusals and the back-off.
    fn forget(&mut self, out: &mut Vec<Action>) {
        for key in self.keys.drain(..) {
            if let Some(flight) = key.flight {
                out.push(Action::CancelMint { seq: flight.seq });
            }
            if key.token.is_some() {
                out.push(Action::Drop { key: key.id });
            }
        }
        // Those who still wait go on waiting, for the next session's token.
        for waiter in &self.waiters {
            if !self.keys.iter().any(|key| key.id == waiter.key) {
                self.keys.push(Key::new(waiter.key));
            }
        }
        self.back_off = BackOff::NONE;
        self.session_ends = None;
        self.ending_told = false;
    }

    fn fail_all(&mut self, problem: Problem, out: &mut Vec<Action>) {
        for waiter in self.waiters.drain(..) {
            out.push(Action::Fail {
                waiter: waiter.id,
                problem,
                retry_after: 0,
            });
        }
    }

    /// Starts the mints that are needed and possible, and gives up the callers who could only wait in vain.
    fn settle(&mut self, now: Now, out: &mut Vec<Action>) {
        let pause = self.back_off.left(now.mono);
        let idle_for = seconds(self.last_input.age(now.clocks()));
        for key in &mut self.keys {
            if let Some(flight) = &mut key.flight
                && flight
                    .asking
                    .as_mut()
                    .is_some_and(|asking| asking.over(now))
            {
                flight.asking = None;
                flight.started = now.clocks();
                flight.attention = self.attention;
                out.push(Action::Mint {
                    seq: flight.seq,
                    key: key.id,
                    idle_for,
                });
            }
        }
        let mut live = self.keys.iter().filter(|key| key.live()).count();
        for key in self.keys.iter_mut().filter(|key| key.flight.is_none()) {
            let others = live - usize::from(key.live());
            let Some(cause) = wish(key, &self.waiters).or_else(|| {
                let unasked = self.phase == Phase::SignedIn
                    && key
                        .attention_at_mint
                        .is_some_and(|attention| attention != self.attention)
                    && (key.asked || others == 0)
                    && key
                        .token
                        .is_none_or(|token| token.renew_at.passed(now.clocks()));
                unasked.then_some(Cause::Background)
            }) else {
                continue;
            };
            let attended = matches!(cause, Cause::Caller | Cause::Rejected)
                || self.back_off.failures < UNATTENDED_TRIES
                || self.back_off.attention != self.attention;
            if pause > 0 || now.mono < key.refused_until || !attended {
                continue;
            }
            live += usize::from(!key.live());
            self.last_seq = self.last_seq.wrapping_add(1);
            let seq = self.last_seq;
            let of_key = |waiter: &&Waiter| waiter.key == key.id;
            let proof = self.waiters.iter().filter(of_key).any(|w| w.proof);
            let asking = (self.peers && !proof).then(|| {
                // After a failure all tabs try again at the same moment.
                let unhurried =
                    matches!(cause, Cause::Ahead | Cause::Background) || self.back_off.failures > 0;
                let wait = if unhurried {
                    OFFER_WAIT_AHEAD
                } else {
                    OFFER_WAIT
                };
                out.push(Action::Ask {
                    seq,
                    key: key.id,
                    after: key.token.map_or(0, |token| token.ends.wall),
                });
                // A page that was busy for all of that time has heard nothing.
                let early = self
                    .peers_asked
                    .filter(|at| seq == 1 && key.id == 0 && at + wait > now.mono);
                let offers_until = early.unwrap_or(now.mono) + wait;
                Asking {
                    offers_until,
                    until: offers_until,
                    follows_until: None,
                    again: 0,
                }
            });
            key.flight = Some(Flight {
                seq,
                started: now.clocks(),
                attention: self.attention,
                cause,
                asking,
            });
            if asking.is_none() {
                out.push(Action::Mint {
                    seq,
                    key: key.id,
                    idle_for,
                });
            }
        }

        let (keys, back_off) = (&self.keys, self.back_off);
        self.waiters.retain(|waiter| {
            let Some(key) = keys
                .iter()
                .find(|k| k.id == waiter.key && k.flight.is_none())
            else {
                return true;
            };
            let refused = key.refused_until.saturating_sub(now.mono);
            let (problem, retry_after) = match back_off.problem {
                _ if refused > 0 => (Problem::NotAllowed, 0),
                Some(Problem::OriginRefused) => (Problem::OriginRefused, pause),
                Some(problem) if back_off.until >= waiter.deadline => (problem, pause),
                _ => return true,
            };
            out.push(Action::Fail {
                waiter: waiter.id,
                problem,
                retry_after,
            });
            false
        });
    }

    /// Sets the timer to the next moment at which time alone changes something.
    fn arm(&mut self, out: &mut Vec<Action>) {
        let mut next = self.ending_at();
        let mut at = |time: u64| {
            if time > self.mono {
                next = Some(next.map_or(time, |other| other.min(time)));
            }
        };
        for key in &self.keys {
            match (key.flight, key.token) {
                (Some(flight), _) => at(flight
                    .asking
                    .map_or(flight.started.mono + MINT_TIMEOUT, |asking| asking.until)),
                (None, Some(token)) => at(token.renew_at.mono),
                (None, None) => {}
            }
            if let Some(token) = key.token {
                at(token.ends.mono);
            }
        }
        for waiter in &self.waiters {
            at(waiter.deadline);
        }
        // Also when nobody waits: a renewal in the background may be pending. One idle wake-up a step is cheap.
        at(self.back_off.until);
        if next == self.timer {
            return;
        }
        self.timer = next;
        out.push(match next {
            Some(time) => Action::SetTimer {
                after: time.saturating_sub(self.mono).max(1),
            },
            None => Action::ClearTimer,
        });
    }

    /// Monotonic time at which the app is told that the session ends, if it is still to be told.
    fn ending_at(&self) -> Option<u64> {
        self.session_ends
            .filter(|_| !self.ending_told)
            .map(|ends| ends.saturating_sub(ENDING_NOTICE))
    }
}

/// Why a caller needs a mint of this key, if one does.
fn wish(key: &Key, waiters: &[Waiter]) -> Option<Cause> {
    let mut mine = waiters
        .iter()
        .filter(|waiter| waiter.key == key.id)
        .peekable();
    if mine.peek().is_some() {
        let refused = mine.any(|waiter| waiter.rejected.is_some());
        return Some(if refused {
            Cause::Rejected
        } else {
            Cause::Caller
        });
    }
    if key.unconfirmed {
        return key.renew.then_some(Cause::Restored);
    }
    (key.renew && key.token.is_some()).then_some(Cause::Ahead)
}

/// Whole seconds, rounded down.
fn seconds(millis: u64) -> u32 {
    u32::try_from(millis / 1_000).unwrap_or(u32::MAX)
}
