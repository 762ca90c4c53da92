//! Many tabs of one origin: machines, a channel and locks that may misbehave, one service. The adapter of each tab is
//! modelled as thinly as the real one: it carries out, answers asks from what it holds, and decides nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken promise fails the test"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use sessionmint_renewal::{
    Action, Announcement, Clocks, Event, Machine, Now, Outcome, Peer, Problem, rules,
};

const LIFE: u32 = 300;
const SESSION: u32 = 86_400;

/// What the world does to the tabs.
#[derive(Clone, Copy, Debug)]
struct Health {
    locks: bool,
    channel: bool,
    /// Messages may be lost, doubled and overtaken.
    lossy: bool,
}

const HEALTHY: Health = Health {
    locks: true,
    channel: true,
    lossy: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    seq: u32,
    session: u32,
    ends: Clocks,
}

#[derive(Clone, Copy, Debug)]
enum Message {
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
struct Mint {
    tab: usize,
    seq: u32,
    key: u32,
    /// What the service said, once it has seen the request: the session it minted from, or none.
    seen: Option<Option<u32>>,
}

struct Tab {
    machine: Machine,
    alive: bool,
    frozen: bool,
    timer: Option<u64>,
    held: BTreeMap<u32, Token>,
    /// Live asks: seq → key and the wall clock that an offer must beat.
    asks: BTreeMap<u32, (u32, u64)>,
    /// Asks of others that came while a mint was in flight: key → (tab, seq, after).
    remembered: Vec<(u32, usize, u32, u64)>,
    /// Mints in flight: seq → key.
    minting: BTreeMap<u32, u32>,
    callers: BTreeMap<u32, u64>,
    answered: BTreeSet<u32>,
    failed: BTreeMap<u32, Problem>,
    /// The session whose tokens the tab may hold; `None` before it knows one.
    epoch: Option<u32>,
    arriving: Option<u32>,
}

struct World {
    health: Health,
    now: Now,
    tabs: Vec<Tab>,
    mail: VecDeque<(usize, Message)>,
    mints: Vec<Mint>,
    /// Key → who holds its lock, then who queues.
    locks: BTreeMap<u32, VecDeque<(usize, u32)>>,
    /// The service's session, and how many mints it saw.
    session: Option<u32>,
    last_session: u32,
    seen: usize,
    /// The most mints of one key that were in flight at once.
    most: usize,
    last_caller: u32,
}

impl World {
    fn new(tabs: usize, health: Health) -> Self {
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

    fn runs(&self, tab: usize) -> bool {
        self.tabs[tab].alive && !self.tabs[tab].frozen
    }

    fn on(&mut self, tab: usize, event: Event) {
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

    fn carry_out(&mut self, index: usize, action: Action) {
        let now = self.now.clocks();
        match action {
            Action::Ask { seq, key, after } => {
                self.tabs[index].asks.insert(seq, (key, after));
                let epoch = self.tabs[index].epoch;
                let from = index;
                self.post(
                    index,
                    Message::Ask {
                        from,
                        seq,
                        key,
                        after,
                        epoch,
                    },
                );
                if self.health.locks {
                    let queue = self.locks.entry(key).or_default();
                    queue.push_back((index, seq));
                    let first = queue.len() == 1;
                    // The browser answers in a task of its own.
                    self.mail.push_back((
                        index,
                        if first {
                            Message::Led { seq }
                        } else {
                            Message::Behind { seq }
                        },
                    ));
                }
            }
            Action::Mint { seq, key, .. } => {
                let tab = &mut self.tabs[index];
                tab.asks.remove(&seq);
                assert!(
                    !tab.minting.values().any(|k| *k == key),
                    "two mints of one tab"
                );
                tab.minting.insert(seq, key);
                self.mints.push(Mint {
                    tab: index,
                    seq,
                    key,
                    seen: None,
                });
                let live = self
                    .mints
                    .iter()
                    .filter(|m| m.key == key && self.tabs[m.tab].minting.contains_key(&m.seq));
                self.most = self.most.max(live.count());
                self.post(index, Message::Minting { key });
            }
            Action::CancelMint { seq } => {
                let tab = &mut self.tabs[index];
                tab.asks.remove(&seq);
                tab.minting.remove(&seq);
                self.release(index, seq);
            }
            Action::Hold { key, seq, ends, .. } => {
                assert!(!ends.passed(now), "an ended token was kept");
                let session = self.tabs[index].arriving.unwrap();
                let tab = &mut self.tabs[index];
                let minted = tab.asks.remove(&seq).is_none();
                tab.epoch = Some(session);
                tab.held.insert(key, Token { seq, session, ends });
                let waiting: Vec<_> = tab.remembered.extract_if(.., |(k, ..)| *k == key).collect();
                // Who got it from another tab leaves the rest to that one.
                if minted {
                    for (key, to, seq, after) in waiting {
                        self.answer(index, to, seq, key, after);
                    }
                }
                self.release(index, seq);
            }
            Action::Drop { key } => {
                assert!(
                    self.tabs[index].held.remove(&key).is_some(),
                    "dropped what was not held"
                );
            }
            Action::Answer { waiter, key } => {
                let tab = &mut self.tabs[index];
                assert!(tab.callers.remove(&waiter).is_some(), "answered twice");
                let token = tab.held.get(&key).unwrap();
                assert!(!token.ends.passed(now), "an ended token was served");
                tab.answered.insert(waiter);
            }
            Action::Fail {
                waiter, problem, ..
            } => {
                let tab = &mut self.tabs[index];
                assert!(tab.callers.remove(&waiter).is_some(), "answered twice");
                tab.failed.insert(waiter, problem);
            }
            Action::Announce(what) => {
                let tab = &mut self.tabs[index];
                if what == Announcement::LoggedIn {
                    tab.epoch = Some(self.last_session);
                }
                let epoch = tab.epoch;
                self.post(index, Message::Say { what, epoch });
            }
            Action::Tell(_) => {}
            Action::SetTimer { after } => self.tabs[index].timer = Some(self.now.mono + after),
            Action::ClearTimer => self.tabs[index].timer = None,
        }
    }

    fn post(&mut self, from: usize, message: Message) {
        if self.health.channel {
            let others = (0..self.tabs.len()).filter(|to| *to != from);
            self.mail.extend(others.map(|to| (to, message)));
        }
    }

    /// Hands over the token of a key to a tab that asked, if there is one that is good enough.
    fn answer(&mut self, index: usize, to: usize, seq: u32, key: u32, after: u64) {
        let now = self.now.clocks();
        let good = |token: &&Token| !token.ends.passed(now) && token.ends.wall > after + 1_000;
        if let Some(token) = self.tabs[index].held.get(&key).filter(good) {
            let (ends, session) = (token.ends.wall, token.session);
            self.mail.push_back((
                to,
                Message::Have {
                    seq,
                    key,
                    ends,
                    session,
                },
            ));
        }
    }

    fn release(&mut self, tab: usize, seq: u32) {
        for queue in self.locks.values_mut() {
            let first = queue.front().copied();
            queue.retain(|entry| *entry != (tab, seq));
            if let Some(&(next, seq)) = queue.front().filter(|next| Some(**next) != first) {
                self.mail.push_back((next, Message::Led { seq }));
            }
        }
    }

    /// Delivers the n-th message that is on its way.
    fn deliver(&mut self, n: usize) {
        let Some((to, message)) = self.mail.remove(n) else {
            return;
        };
        if !self.runs(to) {
            // A frozen tab's messages wait; a dead one's are gone.
            if self.tabs[to].alive {
                self.mail.push_back((to, message));
            }
            return;
        }
        let tab = &mut self.tabs[to];
        match message {
            Message::Ask {
                from,
                seq,
                key,
                after,
                epoch,
            } => {
                if epoch.is_some() && epoch != tab.epoch {
                    return;
                }
                let minting = tab.minting.values().any(|k| *k == key);
                if minting || tab.asks.values().any(|(k, _)| *k == key) {
                    tab.remembered.push((key, from, seq, after));
                }
                if minting {
                    self.mail.push_back((from, Message::Minting { key }));
                }
                self.answer(to, from, seq, key, after);
            }
            Message::Have {
                seq,
                key,
                ends,
                session,
            } => {
                let live = tab
                    .asks
                    .get(&seq)
                    .is_some_and(|(k, after)| *k == key && ends > *after);
                if live && tab.epoch.is_none_or(|epoch| epoch == session) {
                    tab.arriving = Some(session);
                    self.on(
                        to,
                        Event::Peer(Peer::Offered {
                            seq,
                            ends,
                            life: u64::from(LIFE) * 1_000,
                            session_ends: self.now.wall + u64::from(SESSION) * 1_000,
                        }),
                    );
                    self.tabs[to].arriving = None;
                }
            }
            Message::Led { seq } => self.on(to, Event::Peer(Peer::Led { seq })),
            Message::Behind { seq } => self.on(to, Event::Peer(Peer::Behind { seq })),
            Message::Minting { key } => {
                let asks = tab.asks.iter().filter(|(_, (k, _))| *k == key);
                for seq in asks.map(|(seq, _)| *seq).collect::<Vec<_>>() {
                    self.on(to, Event::Peer(Peer::Behind { seq }));
                }
            }
            Message::Say { what, epoch } => self.hear(to, what, epoch),
        }
    }

    fn hear(&mut self, to: usize, what: Announcement, epoch: Option<u32>) {
        let own = self.tabs[to].epoch;
        let peer = match what {
            Announcement::NoSession if own.is_some() && epoch != own => return,
            Announcement::LoggedOut => Peer::LoggedOut,
            Announcement::NoSession => Peer::NoSession,
            Announcement::LoggedIn => {
                self.tabs[to].epoch = epoch;
                Peer::LoggedIn { same_user: false }
            }
            Announcement::Failing {
                problem,
                retry_after,
                told,
            } => Peer::Failing {
                problem,
                retry_after,
                told,
            },
            Announcement::Recovered => Peer::Recovered,
        };
        self.on(to, Event::Peer(peer));
    }

    /// The n-th mint on its way is seen by the service, or, if it was, its answer arrives.
    fn serve(&mut self, n: usize, outcome: Option<Outcome>) {
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

    fn want(&mut self, tab: usize, key: u32) -> u32 {
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

    fn log_out(&mut self, tab: usize) {
        if self.runs(tab) {
            self.session = None;
            self.on(tab, Event::LoggedOut);
            assert!(self.tabs[tab].held.is_empty() && self.tabs[tab].callers.is_empty());
        }
    }

    fn log_in(&mut self, tab: usize) {
        if self.runs(tab) {
            self.last_session += 1;
            self.session = Some(self.last_session);
            self.last_caller += 1;
            let waiter = self.last_caller;
            self.tabs[tab].callers.insert(waiter, self.now.mono);
            self.on(tab, Event::LoggedIn { waiter, key: 0 });
        }
    }

    fn freeze(&mut self, tab: usize) {
        if self.runs(tab) {
            self.on(tab, Event::Suspended);
            assert!(self.tabs[tab].held.is_empty());
            self.tabs[tab].frozen = true;
        }
    }

    fn resume(&mut self, tab: usize) {
        if self.tabs[tab].frozen {
            self.tabs[tab].frozen = false;
            self.on(tab, Event::Returned);
        }
    }

    /// The browser gives a closed tab's locks to the next, and nothing of the tab arrives any more.
    fn kill(&mut self, tab: usize) {
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
    fn pass(&mut self, millis: u64, quick: bool) {
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

    fn forward(&mut self, mono: u64) {
        let millis = mono.saturating_sub(self.now.mono);
        self.now.mono += millis;
        self.now.wall += millis;
    }

    /// Everything on its way to a running tab arrives, in no time.
    fn calm(&mut self) {
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
    fn served(&self, callers: &[(usize, u32)]) -> usize {
        callers
            .iter()
            .filter(|(tab, waiter)| self.tabs[*tab].answered.contains(waiter))
            .count()
    }

    fn all_want(&mut self) -> Vec<(usize, u32)> {
        (0..self.tabs.len())
            .map(|tab| (tab, self.want(tab, 0)))
            .collect()
    }
}

#[test]
fn c136_twenty_tabs_mint_once_a_round() {
    let mut world = World::new(20, HEALTHY);
    for round in 1..=4 {
        let callers = world.all_want();
        world.pass(2_000, true);
        assert_eq!(world.served(&callers), 20);
        assert_eq!(world.seen, round, "mints so far");
        // To the end of the token: everybody needs the next one at the same moment.
        world.pass(u64::from(LIFE) * 1_000, true);
    }
    assert_eq!(world.most, 1);
}

#[test]
fn c136_a_tab_that_opens_later_takes_the_token_that_is_there() {
    let mut world = World::new(2, HEALTHY);
    world.want(0, 0);
    world.pass(60_000, true);
    let caller = world.want(1, 0);
    world.pass(rules::OFFER_WAIT, true);
    assert_eq!(world.served(&[(1, caller)]), 1);
    assert_eq!(world.seen, 1);
}

#[test]
fn c136_a_lone_tab_waits_no_longer_than_for_an_offer() {
    for health in [
        HEALTHY,
        Health {
            locks: false,
            channel: false,
            lossy: false,
        },
    ] {
        let mut world = World::new(1, health);
        let caller = world.want(0, 0);
        world.pass(rules::OFFER_WAIT, true);
        assert_eq!(world.served(&[(0, caller)]), 1);
    }
}

/// Whatever happens to the tab that mints, all others hold a token two seconds later, at the price of few requests.
#[test]
fn c136_a_leader_that_dies_freezes_or_hangs_costs_its_followers_one_mint_and_two_seconds_at_most() {
    for locks in [true, false] {
        for fate in ["killed", "frozen", "hung"] {
            let mut world = World::new(20, Health { locks, ..HEALTHY });
            let callers = world.all_want();
            // Until the first mint is on its way.
            while world.mints.is_empty() {
                if world.mail.is_empty() {
                    world.pass(1, false);
                }
                world.deliver(0);
            }
            let leader = world.mints[0].tab;
            match fate {
                "killed" => world.kill(leader),
                "frozen" => world.freeze(leader),
                _ => {
                    // Its answer never comes.
                    let stuck = world.mints.remove(0);
                    world.mail.retain(|(to, _)| *to != stuck.tab);
                }
            }
            world.pass(2_000, true);
            let others: Vec<_> = callers
                .into_iter()
                .filter(|(tab, _)| *tab != leader)
                .collect();
            assert_eq!(world.served(&others), 19, "{fate}, locks: {locks}");
            // Without locks nobody knows of the others who begin at the same moment.
            assert!(
                !locks || world.seen <= 2,
                "{fate}, locks: {locks}: {} mints",
                world.seen
            );
        }
    }
}

#[test]
fn c141_a_sign_out_reaches_all_tabs_and_beats_mints_in_flight() {
    let mut world = World::new(5, HEALTHY);
    world.all_want();
    world.pass(2_000, true);
    // One tab renews while another signs out.
    world.pass(u64::from(LIFE) * 1_000, true);
    let callers = world.all_want();
    world.pass(rules::OFFER_WAIT, false);
    world.log_out(4);
    world.pass(rules::WAIT, true);
    assert_eq!(world.served(&callers), 0);
    for tab in &world.tabs {
        assert!(tab.held.is_empty() && tab.callers.is_empty());
    }
    let seen = world.seen;
    world.all_want();
    world.pass(rules::WAIT, true);
    assert_eq!(world.seen, seen, "and nothing is minted afterwards");
}

#[test]
fn c140_a_sign_in_as_somebody_else_takes_the_tokens_of_before_from_all_tabs() {
    let mut world = World::new(5, HEALTHY);
    world.all_want();
    world.pass(2_000, true);
    world.log_in(2);
    world.calm();
    assert!(
        world
            .tabs
            .iter()
            .enumerate()
            .all(|(tab, t)| tab == 2 || t.held.is_empty())
    );
    let callers = world.all_want();
    world.pass(2_000, true);
    assert_eq!(world.served(&callers), 5);
    for tab in &world.tabs {
        assert_eq!(tab.held[&0].session, 2);
    }
}

#[test]
fn c139_an_outage_is_tried_by_one_tab_for_all() {
    let mut world = World::new(20, HEALTHY);
    let callers = world.all_want();
    let fail = Some(Outcome::Refused {
        status: 503,
        login_required: false,
        retry_after: Some(5_000),
    });
    let until = world.now.mono + 4_000;
    while world.now.mono < until {
        world.pass(1, false);
        while !world.mail.is_empty() {
            world.deliver(0);
        }
        while !world.mints.is_empty() {
            world.serve(0, fail);
        }
    }
    assert!(world.seen <= 2, "{} tries", world.seen);
    world.pass(3_000, true);
    assert_eq!(world.served(&callers), 20, "all are served after the pause");
}

#[derive(Clone, Debug)]
enum Step {
    Want(usize, u32),
    Pass(u64),
    Deliver(usize),
    Lose(usize),
    Double(usize),
    Serve(usize, bool),
    Freeze(usize),
    Resume(usize),
    Kill(usize),
    Input(usize),
    Reject(usize, u32),
    LogOut(usize),
    LogIn(usize),
}

fn step(tabs: usize) -> impl Strategy<Value = Step> {
    let (tab, any) = (0..tabs, any::<usize>());
    prop_oneof![
        6 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Want(tab, key)),
        6 => prop_oneof![0_u64..20, 0_u64..2_000, 0_u64..200_000].prop_map(Step::Pass),
        20 => any.prop_map(Step::Deliver),
        1 => any.prop_map(Step::Lose),
        1 => any.prop_map(Step::Double),
        10 => (any, prop::bool::weighted(0.8)).prop_map(|(n, well)| Step::Serve(n, well)),
        1 => tab.clone().prop_map(Step::Freeze),
        2 => tab.clone().prop_map(Step::Resume),
        1 => (1..tabs).prop_map(Step::Kill),
        1 => tab.clone().prop_map(Step::Input),
        1 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Reject(tab, key)),
        1 => tab.clone().prop_map(Step::LogOut),
        1 => tab.prop_map(Step::LogIn),
    ]
}

fn run(world: &mut World, step: &Step) {
    let nth = |n: usize, len: usize| n.checked_rem(len);
    match *step {
        Step::Want(tab, key) => {
            world.want(tab, key);
        }
        Step::Pass(millis) => world.pass(millis, false),
        Step::Deliver(n) => {
            let n = if world.health.lossy {
                nth(n, world.mail.len())
            } else {
                Some(0)
            };
            world.deliver(n.unwrap_or(0));
        }
        Step::Lose(n) if world.health.lossy => {
            if let Some(n) = nth(n, world.mail.len()) {
                world.mail.remove(n);
            }
        }
        Step::Double(n) if world.health.lossy => {
            if let Some(n) = nth(n, world.mail.len()) {
                let copy = world.mail[n];
                world.mail.push_back(copy);
            }
        }
        Step::Lose(_) | Step::Double(_) => {}
        Step::Serve(n, well) => {
            let n = nth(n, world.mints.len()).unwrap_or(0);
            world.serve(n, (!well).then_some(Outcome::Unreachable));
        }
        Step::Freeze(tab) => world.freeze(tab),
        Step::Resume(tab) => world.resume(tab),
        Step::Kill(tab) => world.kill(tab),
        Step::Input(tab) => world.on(tab, Event::Input),
        Step::Reject(tab, key) => {
            if let Some(token) = world.tabs[tab]
                .held
                .get(&key)
                .copied()
                .filter(|_| world.runs(tab))
            {
                world.last_caller += 1;
                let waiter = world.last_caller;
                world.tabs[tab].callers.insert(waiter, world.now.mono);
                world.on(
                    tab,
                    Event::Rejected {
                        waiter,
                        key,
                        seq: token.seq,
                    },
                );
            }
        }
        Step::LogOut(tab) => world.log_out(tab),
        Step::LogIn(tab) => world.log_in(tab),
    }
}

/// Ends a schedule: whoever still waits is answered in time, and tabs that hear each other hold one session's tokens.
fn settle(world: &mut World) {
    for tab in 0..world.tabs.len() {
        world.resume(tab);
    }
    world.pass(rules::WAIT + 1, true);
    for tab in world.tabs.iter().filter(|tab| tab.alive) {
        assert!(tab.callers.is_empty(), "somebody waits for ever");
    }
    if !world.health.lossy {
        for tab in world.tabs.iter().filter(|tab| tab.alive) {
            for token in tab.held.values() {
                assert_eq!(
                    Some(token.session),
                    world.session,
                    "a token outlived its session"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Frozen, killed, slow tabs, messages late, lost, doubled and overtaken, with locks and without.
    #[test]
    fn c136_c140_c142_the_promises_hold_between_tabs_under_every_schedule(
        locks in any::<bool>(),
        lossy in any::<bool>(),
        steps in prop::collection::vec(step(4), 1..150),
    ) {
        let mut world = World::new(4, Health { locks, channel: true, lossy });
        for step in &steps {
            run(&mut world, step);
        }
        settle(&mut world);
    }

    /// Everybody is well and messages take no time: never two mints of one key at once, in any tab.
    #[test]
    fn c136_healthy_tabs_never_mint_twice_at_once(
        steps in prop::collection::vec((0_usize..6, 0_u32..2, 0_u64..400_000), 1..60),
    ) {
        let mut world = World::new(6, HEALTHY);
        for (tab, key, millis) in steps {
            let caller = world.want(tab, key);
            world.pass(millis, true);
            prop_assert!(millis < 100 || world.served(&[(tab, caller)]) == 1);
        }
        prop_assert!(world.most <= 1, "{} mints of one key at once", world.most);
    }
}
