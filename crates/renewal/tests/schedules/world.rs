//! Many tabs of one origin: machines, a channel and locks that may misbehave, one service. The adapter of each tab is
//! modelled as thinly as the real one: it carries out, hands over what it holds to who asks, and decides nothing.

mod adapter;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sessionmint_renewal::{
    Announcement, Clocks, Event, Machine, Now, Outcome, Peer, Problem, rules,
};

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

/// What a hand-over is about: a token that lasts longer than `after`, of the session that the holder named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) by: usize,
    pub(crate) seq: u32,
    pub(crate) key: u32,
    pub(crate) after: u64,
    pub(crate) sid: Option<u32>,
    pub(crate) epoch: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Ask {
        key: u32,
        after: u64,
    },
    Have {
        from: usize,
        key: u32,
        ends: u64,
        sid: Option<u32>,
        epoch: Option<u32>,
    },
    Take(About),
    Give {
        about: About,
        ends: u64,
        session: u32,
    },
    Minting {
        key: u32,
    },
    /// From the browser, not from a tab: it has the lock.
    Led {
        seq: u32,
    },
    Said {
        what: Announcement,
        sid: Option<u32>,
        epoch: Option<u32>,
        /// The name of the session that begins.
        next: Option<u32>,
        user: Option<u32>,
        /// Sessions up to this one are over, so far as this word goes.
        over: u32,
    },
}

/// A mint request on its way to the service, and its answer on its way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mint {
    pub(crate) tab: usize,
    pub(crate) seq: u32,
    pub(crate) key: u32,
    pub(crate) sent: u64,
    /// What the service said, once it has seen the request: the session it minted from, or none.
    pub(crate) seen: Option<Option<u32>>,
}

/// A token on its way, as the adapter sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) key: u32,
    /// `None` if it was never asked for: no other tab's token will do.
    pub(crate) after: Option<u64>,
    pub(crate) minting: bool,
    pub(crate) taking: Option<About>,
}

pub(crate) struct Tab {
    pub(crate) machine: Machine,
    pub(crate) alive: bool,
    /// It was told to stand still: it has no channel and no locks, and misses what is said.
    pub(crate) frozen: bool,
    /// It stands still without having been told: everything for it waits.
    pub(crate) stalled: bool,
    /// Where its monotonic clock stood when the world began.
    pub(crate) origin: u64,
    pub(crate) timer: Option<u64>,
    pub(crate) held: BTreeMap<u32, Token>,
    pub(crate) flights: BTreeMap<u32, Flight>,
    pub(crate) callers: BTreeMap<u32, u64>,
    pub(crate) answered: BTreeSet<u32>,
    pub(crate) failed: BTreeMap<u32, Problem>,
    /// The session, as far as it is known: from the last token, from the last sign-in, and whose it is.
    pub(crate) sid: Option<u32>,
    pub(crate) epoch: Option<u32>,
    pub(crate) user: Option<u32>,
    /// The session of the token that arrives in this event, and what was agreed if another tab hands it over.
    pub(crate) arriving: Option<(u32, Option<About>)>,
    /// Sessions up to this one are over, and the tab has heard so.
    pub(crate) over: u32,
}

pub(crate) struct World {
    pub(crate) health: Health,
    pub(crate) now: Now,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) mail: VecDeque<(usize, Message)>,
    pub(crate) mints: Vec<Mint>,
    /// Key → who holds its lock, then who queues.
    pub(crate) locks: BTreeMap<u32, VecDeque<(usize, u32)>>,
    /// Tab and flight: its machine is to be told that it waits for the lock.
    asked_for_lock: Vec<(usize, u32)>,
    /// The service's session, and how many mints it saw.
    pub(crate) session: Option<u32>,
    pub(crate) last_session: u32,
    pub(crate) seen: usize,
    /// Milliseconds that a mint takes while nothing else goes wrong.
    pub(crate) latency: u64,
    /// The most mints of one key that were in flight at once.
    pub(crate) most: usize,
    pub(crate) last_caller: u32,
}

/// Two people take turns.
pub(crate) const fn user_of(session: u32) -> u32 {
    session % 2
}

impl World {
    pub(crate) fn new(tabs: usize, health: Health) -> Self {
        let now = Now {
            mono: 1_000,
            wall: 1_700_000_000_000,
            dice: 0x1234_5678,
        };
        let tab = |index: usize| {
            let origin = 1_000_000 * index as u64;
            Tab {
                machine: Machine::with_peers(Now {
                    mono: now.mono + origin,
                    ..now
                }),
                alive: true,
                frozen: false,
                stalled: false,
                origin,
                timer: None,
                held: BTreeMap::new(),
                flights: BTreeMap::new(),
                callers: BTreeMap::new(),
                answered: BTreeSet::new(),
                failed: BTreeMap::new(),
                sid: None,
                epoch: None,
                user: None,
                arriving: None,
                over: 0,
            }
        };
        Self {
            health,
            now,
            tabs: (0..tabs).map(tab).collect(),
            mail: VecDeque::new(),
            mints: Vec::new(),
            locks: BTreeMap::new(),
            asked_for_lock: Vec::new(),
            session: Some(1),
            last_session: 1,
            seen: 0,
            latency: 0,
            most: 0,
            last_caller: 0,
        }
    }

    pub(crate) fn runs(&self, tab: usize) -> bool {
        let tab = &self.tabs[tab];
        tab.alive && !tab.frozen && !tab.stalled
    }

    /// What the clocks of a tab say: the time of day is everybody's, the monotonic clock its own.
    pub(crate) fn clocks(&self, tab: usize) -> Clocks {
        Clocks {
            mono: self.now.mono + self.tabs[tab].origin,
            wall: self.now.wall,
        }
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
        let now = Now {
            mono: self.clocks(tab).mono,
            ..self.now
        };
        for action in self.tabs[tab].machine.on(event, now) {
            self.carry_out(tab, action);
        }
        for (tab, seq) in std::mem::take(&mut self.asked_for_lock) {
            self.on(tab, Event::Peer(Peer::Behind { seq }));
        }
        let now = self.now.mono;
        for since in self.tabs[tab].callers.values() {
            assert!(since + rules::WAIT > now, "a caller was left hanging");
        }
        let timer = self.tabs[tab].timer;
        assert!(
            self.tabs[tab].callers.is_empty() || timer.is_some_and(|at| at <= now + rules::WAIT),
            "nothing will wake the machine up for a waiting caller"
        );
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
        if self.tabs[tab].stalled {
            return;
        }
        self.mints.remove(n);
        // The adapter drops what the machine has cancelled.
        if !self.tabs[tab].flights.contains_key(&mint.seq) {
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
        self.tabs[tab].arriving = session.map(|session| (session, None));
        self.on(
            tab,
            Event::MintFinished {
                seq: mint.seq,
                outcome,
            },
        );
        self.tabs[tab].arriving = None;
        self.end(tab, mint.seq);
    }

    fn caller(&mut self, tab: usize) -> u32 {
        self.last_caller += 1;
        let waiter = self.last_caller;
        self.tabs[tab].callers.insert(waiter, self.now.mono);
        waiter
    }

    /// The token of a tab that is still valid.
    pub(crate) fn valid(&self, tab: usize, key: u32) -> Option<Token> {
        let held = self.tabs[tab].held.get(&key).copied();
        held.filter(|token| !token.ends.passed(self.clocks(tab)))
    }

    pub(crate) fn want(&mut self, tab: usize, key: u32) -> u32 {
        if !self.runs(tab) {
            return 0;
        }
        let valid = self.valid(tab, key).is_some();
        let waiter = self.caller(tab);
        self.on(tab, Event::Wanted { waiter, key });
        assert!(
            !valid || self.tabs[tab].answered.contains(&waiter),
            "a valid token was withheld"
        );
        waiter
    }

    /// A service refuses the token that the tab holds.
    pub(crate) fn reject(&mut self, tab: usize, key: u32) {
        if let Some(token) = self.valid(tab, key).filter(|_| self.runs(tab)) {
            let waiter = self.caller(tab);
            let seq = token.seq;
            self.on(tab, Event::Rejected { waiter, key, seq });
        }
    }

    /// The caller who waits longest goes away.
    pub(crate) fn abandon(&mut self, tab: usize) {
        if let Some((waiter, _)) = self.tabs[tab].callers.first_key_value()
            && self.runs(tab)
        {
            let waiter = *waiter;
            self.on(tab, Event::Abandoned { waiter });
            self.tabs[tab].callers.remove(&waiter);
        }
    }

    pub(crate) fn log_out(&mut self, tab: usize) {
        if self.runs(tab) {
            self.session = None;
            self.tabs[tab].over = self.last_session;
            self.on(tab, Event::LoggedOut);
            let tab = &self.tabs[tab];
            assert!(tab.held.is_empty() && tab.callers.is_empty());
        }
    }

    pub(crate) fn log_in(&mut self, tab: usize) {
        if self.runs(tab) {
            self.tabs[tab].over = self.last_session;
            self.last_session += 1;
            self.session = Some(self.last_session);
            let waiter = self.caller(tab);
            self.on(tab, Event::LoggedIn { waiter, key: 0 });
        }
    }

    pub(crate) fn freeze(&mut self, tab: usize) {
        if self.runs(tab) {
            self.on(tab, Event::Suspended);
            self.close(tab);
            self.tabs[tab].frozen = true;
            assert!(self.tabs[tab].held.is_empty());
            self.mail.retain(|(to, _)| *to != tab);
        }
    }

    /// A tab that stood still goes on.
    pub(crate) fn resume(&mut self, tab: usize) {
        self.tabs[tab].stalled = false;
        if self.tabs[tab].frozen {
            self.tabs[tab].frozen = false;
            self.on(tab, Event::Returned);
        }
    }

    /// The browser gives a closed tab's locks to the next, and nothing of the tab arrives any more.
    pub(crate) fn kill(&mut self, tab: usize) {
        self.tabs[tab].alive = false;
        self.tabs[tab].callers.clear();
        self.close(tab);
        self.mail.retain(|(to, _)| *to != tab);
        self.mints.retain(|mint| mint.tab != tab);
    }

    /// The device sleeps: only the time of day goes on, and people look at their tabs afterwards.
    pub(crate) fn sleep(&mut self, millis: u64) {
        self.now.wall += millis;
        for tab in 0..self.tabs.len() {
            self.on(tab, Event::Returned);
        }
    }

    /// Lets time pass in the steps that the timers ask for; with `quick`, messages and answers arrive in between.
    pub(crate) fn pass(&mut self, millis: u64, quick: bool) {
        let end = self.now.mono + millis;
        for round in 0.. {
            assert!(round < 20_000, "the timers spin");
            if quick {
                self.calm();
            }
            let timers = (0..self.tabs.len())
                .filter(|tab| self.runs(*tab))
                .filter_map(|tab| Some((self.tabs[tab].timer?, Some(tab))));
            let answers = self.answers().filter(|_| quick).map(|(at, _)| (at, None));
            let Some((at, tab)) = timers.chain(answers).min().filter(|(at, _)| *at <= end) else {
                break;
            };
            self.forward(at);
            if let Some(tab) = tab {
                self.tabs[tab].timer = None;
                self.on(tab, Event::TimerFired);
            }
        }
        self.forward(end);
    }

    fn forward(&mut self, mono: u64) {
        let millis = mono.saturating_sub(self.now.mono);
        self.now.mono += millis;
        self.now.wall += millis;
    }

    /// Everything on its way to a running tab arrives: messages in no time, answers when they are due.
    pub(crate) fn calm(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "the tabs never stop talking");
            if self.deliver(0) {
                continue;
            }
            let now = self.now.mono;
            let Some((_, n)) = self.answers().find(|(at, _)| *at <= now) else {
                return;
            };
            self.serve(n, None);
        }
    }

    /// When which mint is answered that can be.
    fn answers(&self) -> impl Iterator<Item = (u64, usize)> {
        let mints = self.mints.iter().enumerate();
        let can = mints.filter(|(_, mint)| mint.seen.is_none() || !self.tabs[mint.tab].stalled);
        can.map(|(n, mint)| (mint.sent + self.latency, n))
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
