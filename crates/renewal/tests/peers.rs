//! One test per rule between tabs, seen from one of them.

use sessionmint_renewal::{
    Action, Announcement, Cause, Event, Machine, Notice, Now, Outcome, Peer, Problem,
    SignOutReason, rules,
};

const LIFE: u64 = 300_000;
const HOUR: u64 = 3_600_000;

struct Tab {
    machine: Machine,
    now: Now,
}

impl Tab {
    fn new() -> Self {
        let now = Now {
            mono: 1_000,
            wall: 1_700_000_000_000,
            dice: u32::MAX / 2,
        };
        Self {
            machine: Machine::with_peers(now),
            now,
        }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.machine.on(event, self.now)
    }

    fn hear(&mut self, peer: Peer) -> Vec<Action> {
        self.on(Event::Peer(peer))
    }

    fn tick(&mut self, millis: u64) -> Vec<Action> {
        self.now.mono += millis;
        self.now.wall += millis;
        self.on(Event::TimerFired)
    }

    fn want(&mut self, waiter: u32) -> Vec<Action> {
        self.on(Event::Wanted { waiter, key: 0 })
    }

    /// Another tab's token that ends in `left` milliseconds.
    fn offer(&mut self, seq: u32, left: u64) -> Vec<Action> {
        let wall = self.now.wall;
        self.hear(Peer::Offered {
            seq,
            ends: wall + left,
            life: LIFE,
            session_ends: wall + 8 * HOUR,
        })
    }

    fn minted(&mut self, seq: u32) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Minted {
                expires_in: 300,
                session_expires_in: 86_400,
            },
        })
    }

    fn refused(&mut self, seq: u32, status: u16, retry_after: Option<u64>) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Refused {
                status,
                login_required: status == 401,
                retry_after,
            },
        })
    }

    fn signed_in() -> Self {
        let mut tab = Self::new();
        tab.want(1);
        tab.tick(rules::OFFER_WAIT);
        tab.minted(1);
        tab
    }
}

fn asks(actions: &[Action]) -> Vec<(u32, u64)> {
    let ask = |action: &Action| match action {
        Action::Ask { seq, after, .. } => Some((*seq, *after)),
        _ => None,
    };
    actions.iter().filter_map(ask).collect()
}

fn mints(actions: &[Action]) -> Vec<u32> {
    let mint = |action: &Action| match action {
        Action::Mint { seq, .. } => Some(*seq),
        _ => None,
    };
    actions.iter().filter_map(mint).collect()
}

fn announced(actions: &[Action]) -> Vec<Announcement> {
    let said = |action: &Action| match action {
        Action::Announce(what) => Some(*what),
        _ => None,
    };
    actions.iter().filter_map(said).collect()
}

fn told(actions: &[Action]) -> Vec<Notice> {
    let said = |action: &Action| match action {
        Action::Tell(notice) => Some(*notice),
        _ => None,
    };
    actions.iter().filter_map(said).collect()
}

fn answer(waiter: u32) -> Action {
    Action::Answer { waiter, key: 0 }
}

#[test]
fn other_tabs_are_asked_first_and_for_a_moment_only() {
    let mut tab = Tab::new();
    let actions = tab.want(1);
    assert_eq!((asks(&actions), mints(&actions)), (vec![(1, 0)], vec![]));
    assert_eq!(
        mints(&tab.hear(Peer::Led { seq: 1 })),
        [],
        "somebody may have one"
    );
    assert_eq!(mints(&tab.tick(rules::OFFER_WAIT - 1)), []);
    assert_eq!(mints(&tab.tick(1)), [1]);
    assert!(tab.minted(1).contains(&answer(1)));
}

#[test]
fn a_token_of_another_tab_serves_like_one_of_ones_own() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.offer(1, LIFE);
    assert!(actions.contains(&answer(1)));
    assert_eq!(told(&actions), [Notice::SignedIn { key: 0 }]);
    assert!(tab.want(2).contains(&answer(2)));
    // It is renewed like any other: ahead of its end for who asks then, and by asking again.
    let actions = tab.tick(LIFE - 10_000);
    let actions = [actions, tab.want(3)].concat();
    assert!(actions.contains(&answer(3)));
    let ends = tab.now.wall + 10_000;
    assert_eq!(asks(&actions), [(2, ends)], "for a later one");
    assert_eq!(
        mints(&tab.tick(rules::OFFER_WAIT)),
        [],
        "nobody waits for it"
    );
    assert_eq!(
        told(&tab.offer(2, LIFE)),
        [Notice::Renewed {
            key: 0,
            cause: Cause::Peer
        }]
    );
}

#[test]
fn offers_that_are_no_better_or_that_nobody_asked_for_are_ignored() {
    let mut tab = Tab::new();
    assert_eq!(tab.offer(1, LIFE), [], "nobody asked");
    tab.want(1);
    assert_eq!(tab.offer(1, 0), [], "ended");
    assert_eq!(tab.offer(7, LIFE), [], "another number");
    tab.offer(1, LIFE);
    assert_eq!(tab.offer(1, LIFE), [], "twice");
    tab.on(Event::Rejected {
        waiter: 2,
        key: 0,
        seq: 1,
    });
    assert_eq!(tab.offer(2, LIFE), [], "no later than the refused one");
    tab.now.wall += 10_000;
    assert!(tab.offer(2, LIFE).contains(&answer(2)));
}

#[test]
fn an_offer_lasts_no_longer_than_a_token_lives_whatever_it_says() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.offer(1, 100 * HOUR);
    tab.tick(LIFE);
    assert!(!tab.want(2).contains(&answer(2)));
}

#[test]
fn a_tab_that_mints_is_followed_for_a_while_and_then_no_more() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    assert_eq!(mints(&tab.tick(rules::FOLLOW - 1)), []);
    assert_eq!(mints(&tab.tick(rules::FOLLOW_SPREAD)), [1]);
    // However often somebody says so.
    let mut tab = Tab::new();
    let start = tab.now.mono;
    tab.want(1);
    let mut minted = false;
    while !minted && tab.now.mono < start + rules::WAIT {
        minted = !mints(&tab.hear(Peer::Behind { seq: 1 })).is_empty()
            || !mints(&tab.tick(100)).is_empty();
    }
    assert!(minted && tab.now.mono <= start + rules::FOLLOW_MAX + 100);
}

#[test]
fn whose_turn_comes_after_another_tab_gave_up_mints_at_once() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), [1]);
}

#[test]
fn an_offer_that_comes_while_this_tab_mints_is_taken_and_the_mint_dropped() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    let actions = tab.offer(1, LIFE);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert!(actions.contains(&answer(1)));
    assert_eq!(tab.minted(1), []);
}

#[test]
fn a_mint_times_out_from_when_it_was_sent() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    tab.tick(rules::FOLLOW + rules::FOLLOW_SPREAD);
    let cancelled = Action::CancelMint { seq: 1 };
    assert!(!tab.tick(rules::MINT_TIMEOUT - 1).contains(&cancelled));
    assert!(tab.tick(1).contains(&cancelled));
}

#[test]
fn c140_a_sign_in_is_proved_by_a_mint_of_its_own_and_told_to_all() {
    let mut tab = Tab::signed_in();
    let actions = tab.on(Event::LoggedIn { waiter: 2, key: 0 });
    assert_eq!(announced(&actions), [Announcement::LoggedIn]);
    assert_eq!((asks(&actions), mints(&actions)), (vec![], vec![2]));
}

#[test]
fn c140_somebody_else_in_another_tab_ends_what_is_here_and_the_same_user_does_not() {
    let mut tab = Tab::signed_in();
    let actions = tab.hear(Peer::LoggedIn { same_user: false });
    assert!(actions.contains(&Action::Drop { key: 0 }));
    let reason = SignOutReason::Elsewhere;
    assert_eq!(told(&actions), [Notice::SignedOut { reason }]);
    let actions = [tab.want(2), tab.offer(2, LIFE)].concat();
    assert!(
        actions.contains(&answer(2)),
        "the new session is there for who asks"
    );

    let mut tab = Tab::signed_in();
    let actions = tab.hear(Peer::LoggedIn { same_user: true });
    assert!(
        actions.contains(&Action::Drop { key: 0 }),
        "of a session that was replaced"
    );
    assert_eq!(told(&actions), []);
}

#[test]
fn c140_who_waits_during_a_sign_in_as_somebody_else_gets_no_token_of_theirs() {
    let mut tab = Tab::signed_in();
    tab.tick(LIFE);
    tab.want(2);
    let actions = tab.hear(Peer::LoggedIn { same_user: false });
    let problem = Problem::SignedOut;
    assert!(actions.contains(&Action::Fail {
        waiter: 2,
        problem,
        retry_after: 0
    }));
    assert!(actions.contains(&Action::CancelMint { seq: 2 }));
}

#[test]
fn c141_a_sign_out_elsewhere_ends_everything_until_somebody_signs_in() {
    let mut tab = Tab::signed_in();
    tab.tick(LIFE);
    tab.want(2);
    tab.tick(rules::OFFER_WAIT);
    let actions = tab.hear(Peer::LoggedOut);
    let reason = SignOutReason::Elsewhere;
    assert_eq!(told(&actions), [Notice::SignedOut { reason }]);
    assert_eq!(announced(&actions), [], "it is known");
    assert_eq!(tab.minted(2), [], "a mint in flight");
    assert_eq!(asks(&tab.want(3)), [], "the cookie may still be alive");
    tab.hear(Peer::LoggedIn { same_user: false });
    assert_eq!(asks(&tab.want(4)).len(), 1);
}

#[test]
fn c141_after_a_standstill_a_sign_out_elsewhere_is_asked_about_anew() {
    let mut tab = Tab::signed_in();
    tab.hear(Peer::LoggedOut);
    tab.on(Event::Suspended);
    tab.on(Event::Returned);
    assert_eq!(
        asks(&tab.want(2)).len(),
        1,
        "a sign-in may have been missed"
    );
}

#[test]
fn c141_the_app_signs_out_and_tells_all_tabs() {
    let mut tab = Tab::signed_in();
    assert_eq!(
        announced(&tab.on(Event::LoggedOut)),
        [Announcement::LoggedOut]
    );
    assert_eq!(tab.hear(Peer::LoggedOut), []);
    assert_eq!(tab.hear(Peer::NoSession), []);
}

#[test]
fn that_there_is_no_session_is_told_and_believed_for_a_moment() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    assert_eq!(
        announced(&tab.refused(1, 401, None)),
        [Announcement::NoSession]
    );

    let mut tab = Tab::new();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    let actions = tab.hear(Peer::NoSession);
    let problem = Problem::SignedOut;
    assert!(actions.contains(&Action::Fail {
        waiter: 1,
        problem,
        retry_after: 0
    }));
    tab.tick(rules::SIGNED_OUT_MEMORY);
    assert_eq!(asks(&tab.want(2)).len(), 1);
}

#[test]
fn c139_a_failure_elsewhere_is_a_pause_here_and_takes_no_token() {
    let mut tab = Tab::signed_in();
    let problem = Problem::Throttled;
    let actions = tab.hear(Peer::Failing {
        problem,
        retry_after: 5_000,
        told: true,
    });
    assert_eq!(
        told(&actions),
        [Notice::Degraded {
            problem,
            retry_after: 5_000
        }]
    );
    assert!(tab.want(2).contains(&answer(2)));

    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.hear(Peer::Failing {
        problem,
        retry_after: 5_000,
        told: true,
    });
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    tab.on(Event::Online);
    assert_eq!(asks(&tab.tick(4_999)), [], "the server named the time");
    assert_eq!(asks(&tab.tick(1)).len(), 1);
}

#[test]
fn c139_a_failure_here_is_told_with_its_pause_and_so_is_its_end() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    let failing = Announcement::Failing {
        problem: Problem::Unavailable,
        retry_after: 3_000,
        told: true,
    };
    assert_eq!(announced(&tab.refused(1, 503, Some(3_000))), [failing]);
    tab.tick(3_000);
    tab.tick(rules::OFFER_WAIT);
    assert_eq!(announced(&tab.minted(2)), [Announcement::Recovered]);
    let mut tab = Tab::new();
    let problem = Problem::Network;
    tab.hear(Peer::Failing {
        problem,
        retry_after: 20_000,
        told: false,
    });
    assert_eq!(told(&tab.hear(Peer::Recovered)), [Notice::Recovered]);
    assert_eq!(asks(&tab.want(1)).len(), 1, "at once");
}

#[test]
fn input_in_any_tab_is_reported_by_the_one_that_mints() {
    let mut tab = Tab::new();
    tab.tick(HOUR);
    tab.hear(Peer::Input { age: 30_000 });
    tab.hear(Peer::Input { age: 90_000 });
    tab.want(1);
    let actions = tab.tick(rules::OFFER_WAIT);
    assert!(
        actions.contains(&Action::Mint {
            seq: 1,
            key: 0,
            idle_for: 30
        }),
        "{actions:?}"
    );
}

#[test]
fn a_disposed_tab_hears_and_says_nothing() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Disposed);
    for peer in [
        Peer::LoggedOut,
        Peer::LoggedIn { same_user: false },
        Peer::Recovered,
        Peer::Input { age: 0 },
    ] {
        assert_eq!(tab.hear(peer), []);
    }
    assert_eq!(announced(&tab.on(Event::LoggedOut)), []);
}
