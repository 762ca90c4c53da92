//! Other tabs are asked for a token before one is minted.

use sessionmint_renewal::{Action, Cause, Event, Notice, Peer, rules};

use crate::support::{HOUR, LIFE, Tab, answer, asks, mints, told};

#[test]
fn other_tabs_are_asked_first_and_for_a_moment_only() {
    let mut tab = Tab::with_peers();
    let actions = tab.want(1);
    assert_eq!((asks(&actions), mints(&actions)), (vec![(1, 0)], vec![]));
    assert_eq!(
        mints(&tab.hear(Peer::Led { seq: 1 })),
        [],
        "somebody may have one"
    );
    assert_eq!(mints(&tab.tick(rules::OFFER_WAIT - 1)), []);
    assert_eq!(mints(&tab.tick(1)), [1]);
    assert!(tab.minted(1, 300).contains(&answer(1)));
}

#[test]
fn the_time_since_other_tabs_were_asked_counts_for_what_was_asked() {
    let ago = rules::OFFER_WAIT - 2;
    let mut tab = Tab::with_peers_asked(ago);
    assert_eq!(asks(&tab.want(1)), [(1, 0)]);
    assert_eq!(mints(&tab.tick(1)), []);
    assert_eq!(mints(&tab.tick(1)), [1]);

    let mut tab = Tab::with_peers_asked(ago);
    assert_eq!(asks(&tab.want_key(1, 1)), [(1, 0)]);
    assert_eq!(mints(&tab.tick(2)), [], "it was not about this key");
    assert_eq!(asks(&tab.want(2)), [(2, 0)]);
    assert_eq!(mints(&tab.tick(2)), [], "nor about this number");

    for ago in [rules::OFFER_WAIT, 60_000] {
        let mut tab = Tab::with_peers_asked(ago);
        assert_eq!(asks(&tab.want(1)), [(1, 0)]);
        let early = rules::OFFER_WAIT - 1;
        assert_eq!(mints(&tab.tick(early)), [], "it heard nothing");
        assert_eq!(mints(&tab.tick(1)), [1]);
    }
}

#[test]
fn a_page_that_was_held_up_listens_once_more_but_not_for_ever() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    for _ in 0..rules::OFFER_AGAIN {
        let late = rules::OFFER_WAIT + rules::OFFER_LATE.end - 1;
        assert_eq!(mints(&tab.tick(late)), [], "an offer may lie unread");
        assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), []);
    }
    assert!(tab.offer(1, LIFE).contains(&answer(1)));

    let mut tab = Tab::with_peers();
    tab.want(1);
    for _ in 0..rules::OFFER_AGAIN {
        tab.tick(rules::OFFER_WAIT + rules::OFFER_LATE.start);
    }
    let late = rules::OFFER_WAIT + rules::OFFER_LATE.start;
    assert_eq!(mints(&tab.tick(late)), [1], "it is always busy");

    for late in [rules::OFFER_LATE.start - 1, rules::OFFER_LATE.end] {
        let mut tab = Tab::with_peers();
        tab.want(1);
        assert_eq!(mints(&tab.tick(rules::OFFER_WAIT + late)), [1]);
    }
}

#[test]
fn a_token_of_another_tab_serves_like_one_of_ones_own() {
    let mut tab = Tab::with_peers();
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
    let mut tab = Tab::with_peers();
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
    for left in [LIFE, LIFE - 10_000] {
        assert_eq!(tab.offer(2, left), [], "no later than the refused one");
    }
    tab.now.wall += 10_000;
    assert!(tab.offer(2, LIFE).contains(&answer(2)));
}

#[test]
fn an_offer_lasts_no_longer_than_a_token_lives_whatever_it_says() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.offer(1, 100 * HOUR);
    tab.tick(LIFE);
    assert!(!tab.want(2).contains(&answer(2)));
}

#[test]
fn a_tab_that_mints_is_followed_for_a_while_and_then_no_more() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    assert_eq!(mints(&tab.tick(rules::FOLLOW - 1)), []);
    assert_eq!(mints(&tab.tick(rules::FOLLOW_SPREAD)), [1]);
    // However often somebody says so.
    let mut tab = Tab::with_peers();
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
fn while_the_lock_may_be_another_tabs_nothing_is_minted() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    assert_eq!(mints(&tab.tick(rules::OFFER_WAIT)), []);
    assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), [1]);
}

#[test]
fn who_is_granted_the_lock_at_once_still_hears_the_others_out() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), []);
    assert_eq!(mints(&tab.tick(rules::OFFER_WAIT - 1)), []);
    assert_eq!(mints(&tab.tick(1)), [1]);
}

#[test]
fn whose_turn_comes_after_another_tab_gave_up_mints_at_once() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    tab.pass(rules::FOLLOW / 2);
    assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), [1]);
}

#[test]
fn a_page_that_hears_late_of_its_lock_hears_the_others_out_too() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    tab.pass(rules::OFFER_WAIT + rules::OFFER_LATE.start);
    assert_eq!(mints(&tab.hear(Peer::Led { seq: 1 })), []);
    assert_eq!(mints(&tab.tick(rules::OFFER_WAIT)), [1]);
}

#[test]
fn an_offer_that_comes_while_this_tab_mints_is_taken_and_the_mint_dropped() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    let actions = tab.offer(1, LIFE);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert!(actions.contains(&answer(1)));
    assert_eq!(tab.minted(1, 300), []);
}

#[test]
fn a_mint_times_out_from_when_it_was_sent() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.hear(Peer::Behind { seq: 1 });
    tab.tick(rules::FOLLOW + rules::FOLLOW_SPREAD);
    let cancelled = Action::CancelMint { seq: 1 };
    assert!(!tab.tick(rules::MINT_TIMEOUT - 1).contains(&cancelled));
    assert!(tab.tick(1).contains(&cancelled));
}
