//! A tab with clocks that the test moves, and what its actions say.

use sessionmint_renewal::{
    Action, Announcement, Event, Machine, Notice, Now, Outcome, Peer, Problem, rules,
};

pub(crate) const HOUR: u64 = 3_600_000;
/// How long a token lives that is minted for 300 seconds.
pub(crate) const LIFE: u64 = 300_000;
const NOW: Now = Now {
    mono: 1_000,
    wall: 1_700_000_000_000,
    dice: u32::MAX / 2,
};

pub(crate) struct Tab {
    pub(crate) machine: Machine,
    pub(crate) now: Now,
}

impl Tab {
    /// Without other tabs.
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::new(NOW),
            now: NOW,
        }
    }

    pub(crate) fn with_peers() -> Self {
        Self {
            machine: Machine::with_peers(NOW),
            now: NOW,
        }
    }

    pub(crate) fn with_peers_asked(ago: u64) -> Self {
        Self {
            machine: Machine::with_peers_asked(NOW, ago),
            now: NOW,
        }
    }

    /// Holds the token of mint 1, for another 300 seconds.
    pub(crate) fn signed_in() -> Self {
        let mut tab = Self::new();
        assert_eq!(mints(&tab.want(1)), [1]);
        assert!(tab.minted(1, 300).contains(&answer(1)));
        tab
    }

    pub(crate) fn signed_in_with_peers() -> Self {
        let mut tab = Self::with_peers();
        tab.want(1);
        assert_eq!(mints(&tab.tick(rules::OFFER_WAIT)), [1]);
        assert!(tab.minted(1, 300).contains(&answer(1)));
        tab
    }

    pub(crate) fn on(&mut self, event: Event) -> Vec<Action> {
        self.machine.on(event, self.now)
    }

    pub(crate) fn hear(&mut self, peer: Peer) -> Vec<Action> {
        self.on(Event::Peer(peer))
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now.mono += millis;
        self.now.wall += millis;
    }

    pub(crate) fn tick(&mut self, millis: u64) -> Vec<Action> {
        self.pass(millis);
        self.on(Event::TimerFired)
    }

    pub(crate) fn want(&mut self, waiter: u32) -> Vec<Action> {
        self.want_key(waiter, 0)
    }

    pub(crate) fn want_key(&mut self, waiter: u32, key: u32) -> Vec<Action> {
        self.on(Event::Wanted { waiter, key })
    }

    pub(crate) fn minted(&mut self, seq: u32, expires_in: u32) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Minted {
                expires_in,
                session_expires_in: 86_400,
            },
        })
    }

    pub(crate) fn refused(
        &mut self,
        seq: u32,
        status: u16,
        login_required: bool,
        retry_after: Option<u64>,
    ) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Refused {
                status,
                login_required,
                retry_after,
            },
        })
    }

    /// Another tab's token that ends in `left` milliseconds.
    pub(crate) fn offer(&mut self, seq: u32, left: u64) -> Vec<Action> {
        let wall = self.now.wall;
        self.hear(Peer::Offered {
            seq,
            ends: wall + left,
            life: LIFE,
            session_ends: wall + 8 * HOUR,
        })
    }
}

pub(crate) fn answer(waiter: u32) -> Action {
    Action::Answer { waiter, key: 0 }
}

fn pick<T>(actions: &[Action], what: impl Fn(&Action) -> Option<T>) -> Vec<T> {
    actions.iter().filter_map(what).collect()
}

/// The numbers of the mints that start.
pub(crate) fn mints(actions: &[Action]) -> Vec<u32> {
    pick(actions, |action| match action {
        Action::Mint { seq, .. } => Some(*seq),
        _ => None,
    })
}

/// Number and `after` of the asks that start.
pub(crate) fn asks(actions: &[Action]) -> Vec<(u32, u64)> {
    pick(actions, |action| match action {
        Action::Ask { seq, after, .. } => Some((*seq, *after)),
        _ => None,
    })
}

pub(crate) fn failed(actions: &[Action]) -> Vec<(u32, Problem)> {
    pick(actions, |action| match action {
        Action::Fail {
            waiter, problem, ..
        } => Some((*waiter, *problem)),
        _ => None,
    })
}

pub(crate) fn told(actions: &[Action]) -> Vec<Notice> {
    pick(actions, |action| match action {
        Action::Tell(notice) => Some(*notice),
        _ => None,
    })
}

pub(crate) fn announced(actions: &[Action]) -> Vec<Announcement> {
    pick(actions, |action| match action {
        Action::Announce(what) => Some(*what),
        _ => None,
    })
}

/// What the first mint reports.
pub(crate) fn idle_for(actions: &[Action]) -> u32 {
    let reported = pick(actions, |action| match action {
        Action::Mint { idle_for, .. } => Some(*idle_for),
        _ => None,
    });
    *reported.first().unwrap()
}
