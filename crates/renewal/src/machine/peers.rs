//! What the other tabs of the origin have to do with it: asked before a mint, told afterwards.

use alloc::vec::Vec;

use super::{Machine, Phase};
use crate::event::{Action, Cause, Notice, Peer, Problem, SignOutReason};
use crate::key::Held;
use crate::rules::{FOLLOW, FOLLOW_MAX, FOLLOW_SPREAD, SIGNED_OUT_MEMORY};
use crate::time::{Clocks, Now};

impl Machine {
    pub(super) fn hear(&mut self, peer: Peer, now: Now, out: &mut Vec<Action>) {
        if self.phase == Phase::Disposed {
            return;
        }
        match peer {
            Peer::Led { seq } => {
                // It says only that nobody mints; somebody may still have a token.
                if let Some((key, _)) = self.flight(seq)
                    && let Some(asking) = key.flight.as_mut().and_then(|f| f.asking.as_mut())
                {
                    asking.until = asking.offers_until;
                    asking.follows_until = None;
                }
            }
            Peer::Behind { seq } => {
                if let Some((key, _)) = self.flight(seq)
                    && let Some(asking) = key.flight.as_mut().and_then(|f| f.asking.as_mut())
                {
                    let limit = *asking.follows_until.get_or_insert(now.mono + FOLLOW_MAX);
                    let until = now.mono + FOLLOW + now.late_share(FOLLOW_SPREAD);
                    asking.until = until.min(limit);
                }
            }
            Peer::Offered {
                seq,
                ends,
                life,
                session_ends,
            } => self.offered(seq, ends, life, session_ends, now, out),
            Peer::Input { age } => {
                if age < self.last_input.age(now.clocks()) {
                    self.last_input = now.clocks().before(age);
                }
            }
            Peer::LoggedOut => match self.phase {
                Phase::LoggedOut { .. } => {}
                _ => {
                    let phase = Phase::LoggedOut { elsewhere: true };
                    self.sign_out(phase, SignOutReason::Elsewhere, out);
                }
            },
            Peer::NoSession => {
                let until = now.mono + SIGNED_OUT_MEMORY;
                let reason = match self.phase {
                    Phase::LoggedOut { .. } => return,
                    Phase::SignedIn => SignOutReason::SessionEnded,
                    _ => SignOutReason::NoSession,
                };
                self.sign_out(Phase::NoSession { until }, reason, out);
            }
            Peer::LoggedIn { same_user } => self.signed_in_elsewhere(same_user, out),
            Peer::Failing {
                problem,
                retry_after,
                told,
            } => self.failing_elsewhere(problem, retry_after, told, now, out),
            Peer::Recovered => _ = self.resume(out),
        }
    }

    fn offered(
        &mut self,
        seq: u32,
        ends: u64,
        life: u64,
        session_ends: u64,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some((key, flight)) = self.flight(seq) else {
            return;
        };
        // Whatever the other tab says, no longer than a token lives.
        let left: Clocks = now.clocks().until(ends.min(now.wall.saturating_add(life)));
        let session = now.clocks().until(session_ends);
        let Some(token) = Held::new(flight, life, left, session, now) else {
            return;
        };
        if key
            .token
            .is_some_and(|held| token.ends.wall <= held.ends.wall)
        {
            return;
        }
        key.flight = None;
        let id = key.id;
        if flight.asking.is_none() {
            out.push(Action::CancelMint { seq });
        }
        self.hold(id, flight, token, session, Cause::Peer, out);
    }

    /// Tokens and mints of the session before must not be used: it was replaced, whoever signed in.
    fn signed_in_elsewhere(&mut self, same_user: bool, out: &mut Vec<Action>) {
        let was_signed_in = self.phase == Phase::SignedIn;
        if was_signed_in && !same_user {
            self.fail_all(Problem::SignedOut, out);
        }
        self.forget(out);
        if was_signed_in && same_user {
            return;
        }
        self.phase = Phase::Unknown;
        if was_signed_in {
            out.push(Action::Tell(Notice::SignedOut {
                reason: SignOutReason::Elsewhere,
            }));
        }
    }

    /// One service answers all tabs: who is still asking pauses as well, and does not try for itself.
    fn failing_elsewhere(
        &mut self,
        problem: Problem,
        retry_after: u64,
        told: bool,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        if !matches!(self.phase, Phase::Unknown | Phase::SignedIn) {
            return;
        }
        let mut needs = !self.waiters.is_empty();
        for key in &mut self.keys {
            if let Some(flight) = key.flight.filter(|flight| flight.asking.is_some()) {
                needs = true;
                key.flight = None;
                out.push(Action::CancelMint { seq: flight.seq });
            }
        }
        let first = self.back_off.failures == 0;
        self.back_off
            .share_failure(problem, retry_after, told, needs, now);
        self.back_off.attention = self.attention;
        if first && needs {
            out.push(Action::Tell(Notice::Degraded {
                problem,
                retry_after: self.back_off.left(now.mono),
            }));
        }
    }
}
