//! The adapter of each tab.

use sessionmint_renewal::{Action, Announcement, Event, Peer};

use super::{LIFE, Message, Mint, SESSION, Token, World};

impl World {
    pub(crate) fn carry_out(&mut self, index: usize, action: Action) {
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

    pub(crate) fn release(&mut self, tab: usize, seq: u32) {
        for queue in self.locks.values_mut() {
            let first = queue.front().copied();
            queue.retain(|entry| *entry != (tab, seq));
            if let Some(&(next, seq)) = queue.front().filter(|next| Some(**next) != first) {
                self.mail.push_back((next, Message::Led { seq }));
            }
        }
    }

    /// Delivers the n-th message that is on its way.
    pub(crate) fn deliver(&mut self, n: usize) {
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
}
