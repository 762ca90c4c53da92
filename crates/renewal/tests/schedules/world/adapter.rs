//! The adapter of each tab, and the browser's locks.

use sessionmint_renewal::{Action, Announcement, Event, Peer};

use super::{About, Flight, LIFE, Message, Mint, SESSION, Token, World, user_of};

/// Milliseconds that a token must last longer than what the asking tab has, and than now.
const WORTH: u64 = 1_000;

impl World {
    pub(super) fn carry_out(&mut self, index: usize, action: Action) {
        match action {
            Action::Ask { seq, key, after } => {
                self.start(index, seq, key, Some(after));
                self.post(index, Message::Ask { key, after });
            }
            Action::Mint { seq, key, .. } => {
                if !self.tabs[index].flights.contains_key(&seq) {
                    self.start(index, seq, key, None);
                }
                let others = self.mints.iter().filter(|m| m.tab == index && m.key == key);
                let flights = &mut self.tabs[index].flights;
                let live = others.filter(|m| flights.contains_key(&m.seq)).count();
                assert_eq!(live, 0, "two mints of one tab");
                flights.get_mut(&seq).unwrap().minting = true;
                self.mints.push(Mint {
                    tab: index,
                    seq,
                    key,
                    sent: self.now.mono,
                    seen: None,
                });
                let live =
                    |m: &&Mint| m.key == key && self.tabs[m.tab].flights.contains_key(&m.seq);
                self.most = self.most.max(self.mints.iter().filter(live).count());
                self.post(index, Message::Minting { key });
            }
            Action::CancelMint { seq } => self.end(index, seq),
            Action::Hold { key, seq, ends, .. } => {
                assert!(!ends.passed(self.clocks(index)), "an ended token was kept");
                let tab = &mut self.tabs[index];
                let (session, handed) = tab.arriving.unwrap();
                assert!(
                    session > tab.over || (self.health.lossy && handed.is_some()),
                    "a token after sign-out"
                );
                tab.held.insert(key, Token { seq, session, ends });
                // Another session than the one that this tab knew is not from that sign-in.
                let other = tab.sid.is_some_and(|sid| sid != session);
                tab.epoch = tab
                    .epoch
                    .filter(|_| !other)
                    .or(handed.and_then(|about| about.epoch));
                tab.sid = Some(session);
                tab.user = Some(user_of(session));
                if tab.flights.get(&seq).is_some_and(|flight| flight.minting) {
                    self.have(index, key);
                }
                self.end(index, seq);
            }
            Action::Drop { key } => {
                assert!(
                    self.tabs[index].held.remove(&key).is_some(),
                    "dropped what was not held"
                );
            }
            Action::Answer { waiter, key } => {
                let token = self.valid(index, key);
                assert!(token.is_some(), "an ended token was served");
                let tab = &mut self.tabs[index];
                assert!(tab.callers.remove(&waiter).is_some(), "answered twice");
                tab.answered.insert(waiter);
            }
            Action::Fail {
                waiter, problem, ..
            } => {
                let tab = &mut self.tabs[index];
                assert!(tab.callers.remove(&waiter).is_some(), "answered twice");
                tab.failed.insert(waiter, problem);
            }
            Action::Announce(what) => self.announce(index, what),
            Action::Tell(_) => {}
            Action::SetTimer { after } => self.tabs[index].timer = Some(self.now.mono + after),
            Action::ClearTimer => self.tabs[index].timer = None,
        }
    }

    /// A flight begins, and queues for the lock of its key.
    fn start(&mut self, index: usize, seq: u32, key: u32, after: Option<u64>) {
        let flight = Flight {
            key,
            after,
            minting: false,
            taking: None,
        };
        self.tabs[index].flights.insert(seq, flight);
        if self.health.locks {
            let queue = self.locks.entry(key).or_default();
            queue.push_back((index, seq));
            self.asked_for_lock.push((index, seq));
            if queue.len() == 1 {
                // The browser answers in a task of its own.
                self.mail.push_back((index, Message::Led { seq }));
            }
        }
    }

    /// A flight ends, and gives up its lock or its place in the queue.
    pub(super) fn end(&mut self, index: usize, seq: u32) {
        self.tabs[index].flights.remove(&seq);
        for queue in self.locks.values_mut() {
            let first = queue.front().copied();
            queue.retain(|entry| *entry != (index, seq));
            if let Some(&(next, seq)) = queue.front().filter(|next| Some(**next) != first) {
                self.mail.push_back((next, Message::Led { seq }));
            }
        }
    }

    /// The tab leaves the channel; when it comes back, what it knew of the session may be wrong.
    pub(super) fn close(&mut self, index: usize) {
        let live: Vec<u32> = self.tabs[index].flights.keys().copied().collect();
        for seq in live {
            self.end(index, seq);
        }
        self.turn(index, None, self.tabs[index].user);
    }

    /// Another session, or none, begins.
    fn turn(&mut self, index: usize, next: Option<u32>, user: Option<u32>) {
        let tab = &mut self.tabs[index];
        tab.epoch = next;
        tab.sid = None;
        tab.user = user;
    }

    fn post(&mut self, from: usize, message: Message) {
        if self.health.channel {
            let others = (0..self.tabs.len())
                .filter(|to| *to != from && self.tabs[*to].alive && !self.tabs[*to].frozen);
            self.mail.extend(others.map(|to| (to, message)));
        }
    }

    fn have(&mut self, from: usize, key: u32) {
        let tab = &self.tabs[from];
        let message = Message::Have {
            from,
            key,
            ends: tab.held[&key].ends.wall,
            sid: tab.sid,
            epoch: tab.epoch,
        };
        self.post(from, message);
    }

    fn announce(&mut self, index: usize, what: Announcement) {
        let begins = matches!(what, Announcement::LoggedIn);
        let next = begins.then_some(self.last_session);
        let user = next.map(user_of);
        let tab = &self.tabs[index];
        let over = match what {
            Announcement::LoggedIn | Announcement::LoggedOut => tab.over,
            _ => 0,
        };
        let message = Message::Said {
            what,
            sid: tab.sid,
            epoch: tab.epoch,
            next,
            user,
            over,
        };
        self.post(index, message);
        if is_about_session(what) {
            self.turn(index, next, user);
        }
    }

    /// Delivers the n-th message that is on its way to a running tab; false if there is none.
    pub(crate) fn deliver(&mut self, n: usize) -> bool {
        let mut arriving = (0..self.mail.len()).filter(|at| self.runs(self.mail[*at].0));
        let Some((to, message)) = arriving.nth(n).and_then(|at| self.mail.remove(at)) else {
            return false;
        };
        match message {
            Message::Ask { key, after } => {
                let tab = &self.tabs[to];
                let worth = |token: &Token| token.ends.wall > after + WORTH;
                if tab.held.get(&key).is_some_and(worth) {
                    self.have(to, key);
                } else if tab.flights.values().any(|f| f.key == key && f.minting) {
                    self.post(to, Message::Minting { key });
                }
            }
            Message::Minting { key } => {
                for seq in self.of_key(to, key) {
                    self.on(to, Event::Peer(Peer::Behind { seq }));
                }
            }
            Message::Have {
                from,
                key,
                ends,
                sid,
                epoch,
            } => self.offer(to, from, key, ends, sid, epoch),
            Message::Take(about) => {
                let tab = &self.tabs[to];
                if let Some(token) = tab.held.get(&about.key)
                    && token.ends.wall > about.after
                    && (tab.sid, tab.epoch) == (about.sid, about.epoch)
                {
                    let (ends, session) = (token.ends.wall, token.session);
                    let give = Message::Give {
                        about,
                        ends,
                        session,
                    };
                    self.mail.push_back((about.by, give));
                }
            }
            Message::Give {
                about,
                ends,
                session,
            } => {
                let taking = self.tabs[to].flights.get(&about.seq).map(|f| f.taking);
                if taking == Some(Some(about)) && self.is_ours(to, about.sid, about.epoch) {
                    self.tabs[to].arriving = Some((session, Some(about)));
                    let offered = Peer::Offered {
                        seq: about.seq,
                        ends,
                        life: u64::from(LIFE) * 1_000,
                        session_ends: self.now.wall + u64::from(SESSION) * 1_000,
                    };
                    self.on(to, Event::Peer(offered));
                    self.tabs[to].arriving = None;
                }
            }
            Message::Led { seq } => {
                // While somebody's word is out to hand a token over, nothing is to be minted.
                let flight = self.tabs[to].flights.get(&seq);
                if flight.is_some_and(|flight| flight.taking.is_none()) {
                    self.on(to, Event::Peer(Peer::Led { seq }));
                }
            }
            Message::Said {
                what,
                sid,
                epoch,
                next,
                user,
                over,
            } => {
                if what == Announcement::NoSession && !self.is_ours(to, sid, epoch) {
                    return true;
                }
                let tab = &mut self.tabs[to];
                let same_user = tab.user.is_some() && tab.user == user;
                tab.over = tab.over.max(over);
                if is_about_session(what) {
                    self.turn(to, next, user);
                }
                self.on(to, Event::Peer(heard(what, same_user)));
            }
        }
        true
    }

    /// Somebody has a token: whoever waits for one like it takes it.
    fn offer(
        &mut self,
        to: usize,
        from: usize,
        key: u32,
        ends: u64,
        sid: Option<u32>,
        epoch: Option<u32>,
    ) {
        for seq in self.of_key(to, key) {
            let flight = self.tabs[to].flights[&seq];
            let Some(after) = flight.after.filter(|_| flight.taking.is_none()) else {
                continue;
            };
            if ends <= after.max(self.now.wall) + WORTH || !self.is_ours(to, sid, epoch) {
                continue;
            }
            self.on(to, Event::Peer(Peer::Behind { seq }));
            let about = About {
                by: to,
                seq,
                key,
                after,
                sid,
                epoch,
            };
            if let Some(flight) = self.tabs[to].flights.get_mut(&seq) {
                flight.taking = Some(about);
                self.mail.push_back((from, Message::Take(about)));
            }
        }
    }

    /// Whether what another tab has is of this tab's session, as far as this tab knows it.
    fn is_ours(&self, index: usize, sid: Option<u32>, epoch: Option<u32>) -> bool {
        let tab = &self.tabs[index];
        if tab.sid.is_some() {
            tab.sid == sid
        } else {
            tab.epoch.is_none() || tab.epoch == epoch
        }
    }

    fn of_key(&self, index: usize, key: u32) -> Vec<u32> {
        let flights = self.tabs[index].flights.iter();
        flights
            .filter(|(_, flight)| flight.key == key)
            .map(|(seq, _)| *seq)
            .collect()
    }
}

const fn is_about_session(what: Announcement) -> bool {
    matches!(
        what,
        Announcement::LoggedIn | Announcement::LoggedOut | Announcement::NoSession
    )
}

const fn heard(what: Announcement, same_user: bool) -> Peer {
    match what {
        Announcement::LoggedOut => Peer::LoggedOut,
        Announcement::NoSession => Peer::NoSession,
        Announcement::LoggedIn => Peer::LoggedIn { same_user },
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
    }
}
