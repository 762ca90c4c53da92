//! Many tabs of one origin: machines, a channel and locks that may misbehave, one service. The adapter of each tab is
//! modelled as thinly as the real one: it carries out, answers asks from what it holds, and decides nothing.

mod adapter;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sessionmint_renewal::{Announcement, Clocks, Event, Machine, Now, Outcome, Problem, rules};

pub(crate) const LIFE: u32 = 300;
pub(crate) const SESSION: u32 = 86_400;

/// What the world does to the tabs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    pub(crate) locks: bool,
    pub(crate) channel: bool,
    /// Messages may be lost, doubled and overtaken.
    pub(crate) lossy: bool,
}

pub(crate) const HEALTHY: Health = Health {
    locks: true,
    channel: true,
    lossy: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) seq: u32,
    pub(crate) session: u32,
    pub(crate) ends: Clocks,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Ask {
        from: usize,
        seq: u32,
        key: u32,
        after: u64,
        epoch: Option<u32>,
    },
    Have {
        seq: u32,
        key: u32,
        ends: u64,
        session: u32,
    },
    Minting {
        key: u32,
    },
    /// From the browser, not from a tab: the lock is granted, or not available.
    Led {
        seq: u32,
    },
    Behind {
        seq: u32,
    },
    Say {
        what: Announcement,
        epoch: Option<u32>,
    },
}

/// A mint request on its way to the service, and its answer on its way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mint {
    pub(crate) tab: usize,
    pub(crate) seq: u32,
    pub(crate) key: u32,
    /// What the service said, once it has seen the request: the session it minted from, or none.
    pub(crate) seen: Option<Option<u32>>,
}

pub(crate) struct Tab {
    pub(crate) machine: Machine,
    pub(crate) alive: bool,
    pub(crate) frozen: bool,
    pub(crate) timer: Option<u64>,
    pub(crate) held: BTreeMap<u32, Token>,
    /// Live asks: seq → key and the wall clock that an offer must beat.
    pub(crate) asks: BTreeMap<u32, (u32, u64)>,
    /// Asks of others that came while a mint was in flight: key → (tab, seq, after).
    pub(crate) remembered: Vec<(u32, usize, u32, u64)>,
    /// Mints in flight: seq → key.
    pub(crate) minting: BTreeMap<u32, u32>,
    pub(crate) callers: BTreeMap<u32, u64>,
    pub(crate) answered: BTreeSet<u32>,
    pub(crate) failed: BTreeMap<u32, Problem>,
    /// The session whose tokens the tab may hold; `None` before it knows one.
    pub(crate) epoch: Option<u32>,
    pub(crate) arriving: Option<u32>,
}

pub(crate) struct World {
    pub(crate) health: Health,
    pub(crate) now: Now,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) mail: VecDeque<(usize, Message)>,
    pub(crate) mints: Vec<Mint>,
    /// Key → who holds its lock, then who queues.
    pub(crate) locks: BTreeMap<u32, VecDeque<(usize, u32)>>,
    /// The service's session, and how many mints it saw.
    pub(crate) session: Option<u32>,
    pub(crate) last_session: u32,
    pub(crate) seen: usize,
    /// The most mints of one key that were in flight at once.
    pub(crate) most: usize,
    pub(crate) last_caller: u32,
}

impl World {
    pub(crate) fn new(tabs: usize, health: Health) -> Self {
        let now = Now {
            mono: 1_000,
            wall: 1_700_000_000_000,
            dice: 0x1234_5678,
        };
        let tab = |_| Tab {
            machine: Machine::with_peers(now),
            alive: true,
            frozen: false,
            timer: None,
            held: BTreeMap::new(),
            asks: BTreeMap::new(),
            remembered: Vec::new(),
            minting: BTreeMap::new(),
            callers: BTreeMap::new(),
            answered: BTreeSet::new(),
            failed: BTreeMap::new(),
            epoch: None,
            arriving: None,
        };
        Self {
            health,
            now,
            tabs: (0..tabs).map(tab).collect(),
            mail: VecDeque::new(),
            mints: Vec::new(),
            locks: BTreeMap::new(),
            session: Some(1),
            last_session: 1,
            seen: 0,
            most: 0,
            last_caller: 0,
        }
    }

    pub(crate) fn runs(&self, tab: usize) -> bool {
        self.tabs[tab].alive && !self.tabs[tab].frozen
    }

    pub(crate) fn on(&mut self, tab: usize, event: Event) {
        if !self.runs(tab) {
            return;
        }
        self.now.dice = self
            .now
            .dice
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let actions = self.tabs[tab].machine.on(event, self.now);
        for action in actions {
            self.carry_out(tab, action);
        }
        let now = self.now.mono;
        for since in self.tabs[tab].callers.values() {
            assert!(since + rules::WAIT > now, "a caller was left hanging");
        }
    }

    /// The n-th mint on its way is seen by the service, or, if it was, its answer arrives.
    pub(crate) fn serve(&mut self, n: usize, outcome: Option<Outcome>) {
        let Some(mint) = self.mints.get_mut(n) else {
            return;
        };
        if mint.seen.is_none() {
            mint.seen = Some(self.session);
            self.seen += 1;
            return;
        }
        let mint = self.mints[n];
        let tab = mint.tab;
        if self.tabs[tab].frozen {
            return;
        }
        self.mints.remove(n);
        // The adapter drops what the machine has cancelled.
        if self.tabs[tab].minting.remove(&mint.seq).is_none() {
            return;
        }
        let session = mint.seen.flatten();
        let outcome = outcome.unwrap_or(match session {
            Some(_) => Outcome::Minted {
                expires_in: LIFE,
                session_expires_in: SESSION,
            },
            None => Outcome::Refused {
                status: 401,
                login_required: true,
                retry_after: None,
            },
        });
        if matches!(outcome, Outcome::Minted { .. }) && session.is_none() {
            return;
        }
        self.tabs[tab].arriving = session;
        self.on(
            tab,
            Event::MintFinished {
                seq: mint.seq,
                outcome,
            },
        );
        self.tabs[tab].arriving = None;
        if !matches!(outcome, Outcome::Minted { .. }) {
            self.release(tab, mint.seq);
        }
    }

    pub(crate) fn want(&mut self, tab: usize, key: u32) -> u32 {
        self.last_caller += 1;
        let waiter = self.last_caller;
        if self.runs(tab) {
            self.tabs[tab].callers.insert(waiter, self.now.mono);
            let valid = self.tabs[tab]
                .held
                .get(&key)
                .is_some_and(|t| !t.ends.passed(self.now.clocks()));
            self.on(tab, Event::Wanted { waiter, key });
            assert!(
                !valid || self.tabs[tab].answered.contains(&waiter),
                "a valid token was withheld"
            );
        }
        waiter
    }

    pub(crate) fn log_out(&mut self, tab: usize) {
        if self.runs(tab) {
            self.session = None;
            self.on(tab, Event::LoggedOut);
            assert!(self.tabs[tab].held.is_empty() && self.tabs[tab].callers.is_empty());
        }
    }

    pub(crate) fn log_in(&mut self, tab: usize) {
        if self.runs(tab) {
            self.last_session += 1;
            self.session = Some(self.last_session);
            self.last_caller += 1;
            let waiter = self.last_caller;
            self.tabs[tab].callers.insert(waiter, self.now.mono);
            self.on(tab, Event::LoggedIn { waiter, key: 0 });
        }
    }

    pub(crate) fn freeze(&mut self, tab: usize) {
        if self.runs(tab) {
            self.on(tab, Event::Suspended);
            assert!(self.tabs[tab].held.is_empty());
            self.tabs[tab].frozen = true;
        }
    }

    pub(crate) fn resume(&mut self, tab: usize) {
        if self.tabs[tab].frozen {
            self.tabs[tab].frozen = false;
            self.on(tab, Event::Returned);
        }
    }

    /// The browser gives a closed tab's locks to the next, and nothing of the tab arrives any more.
    pub(crate) fn kill(&mut self, tab: usize) {
        self.tabs[tab].alive = false;
        self.tabs[tab].callers.clear();
        let mine: Vec<u32> = self
            .locks
            .values()
            .flatten()
            .filter(|(t, _)| *t == tab)
            .map(|(_, seq)| *seq)
            .collect();
        for seq in mine {
            self.release(tab, seq);
        }
        self.mints.retain(|mint| mint.tab != tab);
    }

    /// Lets time pass in the steps that the timers ask for; with `quick`, messages and answers arrive in between.
    pub(crate) fn pass(&mut self, millis: u64, quick: bool) {
        let end = self.now.mono + millis;
        for round in 0.. {
            assert!(round < 20_000, "the timers spin");
            if quick {
                self.calm();
            }
            let due = (0..self.tabs.len())
                .filter(|tab| self.runs(*tab))
                .filter_map(|tab| Some((self.tabs[tab].timer?, tab)))
                .min()
                .filter(|(at, _)| *at <= end);
            let Some((at, tab)) = due else {
                break;
            };
            self.forward(at);
            self.tabs[tab].timer = None;
            self.on(tab, Event::TimerFired);
        }
        self.forward(end);
    }

    pub(crate) fn forward(&mut self, mono: u64) {
        let millis = mono.saturating_sub(self.now.mono);
        self.now.mono += millis;
        self.now.wall += millis;
    }

    /// Everything on its way to a running tab arrives, in no time.
    pub(crate) fn calm(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "the tabs never stop talking");
            if let Some(n) = self.mail.iter().position(|(to, _)| !self.tabs[*to].frozen) {
                self.deliver(n);
            } else if let Some(n) = self
                .mints
                .iter()
                .position(|mint| mint.seen.is_none() || !self.tabs[mint.tab].frozen)
            {
                self.serve(n, None);
            } else {
                return;
            }
        }
    }

    /// Those of `callers` that were given a token.
    pub(crate) fn served(&self, callers: &[(usize, u32)]) -> usize {
        callers
            .iter()
            .filter(|(tab, waiter)| self.tabs[*tab].answered.contains(waiter))
            .count()
    }

    pub(crate) fn all_want(&mut self) -> Vec<(usize, u32)> {
        (0..self.tabs.len())
            .map(|tab| (tab, self.want(tab, 0)))
            .collect()
    }
}
