//! What tabs tell each other: sign-ins, sign-outs, failures, input.

use sessionmint_renewal::{
    Action, Announcement, Event, Notice, Peer, Problem, SignOutReason, rules,
};

use crate::support::{HOUR, LIFE, Tab, announced, answer, asks, failed, mints, told};

#[test]
fn c140_a_sign_in_is_proved_by_a_mint_of_its_own_and_told_to_all() {
    let mut tab = Tab::signed_in_with_peers();
    let actions = tab.on(Event::LoggedIn { waiter: 2, key: 0 });
    assert_eq!(announced(&actions), [Announcement::LoggedIn]);
    assert_eq!((asks(&actions), mints(&actions)), (vec![], vec![2]));
}

#[test]
fn c140_somebody_else_in_another_tab_ends_what_is_here_and_the_same_user_does_not() {
    let mut tab = Tab::signed_in_with_peers();
    let actions = tab.hear(Peer::LoggedIn { same_user: false });
    assert!(actions.contains(&Action::Drop { key: 0 }));
    let reason = SignOutReason::Elsewhere;
    assert_eq!(told(&actions), [Notice::SignedOut { reason }]);
    let actions = [tab.want(2), tab.offer(2, LIFE)].concat();
    assert!(
        actions.contains(&answer(2)),
        "the new session is there for who asks"
    );

    let mut tab = Tab::signed_in_with_peers();
    let actions = tab.hear(Peer::LoggedIn { same_user: true });
    assert!(
        actions.contains(&Action::Drop { key: 0 }),
        "of a session that was replaced"
    );
    assert_eq!(told(&actions), []);
}

#[test]
fn c140_who_waits_during_a_sign_in_as_somebody_else_gets_no_token_of_theirs() {
    let mut tab = Tab::signed_in_with_peers();
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
    let mut tab = Tab::signed_in_with_peers();
    tab.tick(LIFE);
    tab.want(2);
    tab.tick(rules::OFFER_WAIT);
    let actions = tab.hear(Peer::LoggedOut);
    let reason = SignOutReason::Elsewhere;
    assert_eq!(told(&actions), [Notice::SignedOut { reason }]);
    assert_eq!(announced(&actions), [], "it is known");
    assert_eq!(tab.minted(2, 300), [], "a mint in flight");
    assert_eq!(asks(&tab.want(3)), [], "the cookie may still be alive");
    tab.hear(Peer::LoggedIn { same_user: false });
    assert_eq!(asks(&tab.want(4)).len(), 1);
}

#[test]
fn c141_after_a_standstill_a_sign_out_elsewhere_is_asked_about_anew() {
    let mut tab = Tab::signed_in_with_peers();
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
    let mut tab = Tab::signed_in_with_peers();
    assert_eq!(
        announced(&tab.on(Event::LoggedOut)),
        [Announcement::LoggedOut]
    );
    assert_eq!(tab.hear(Peer::LoggedOut), []);
    assert_eq!(tab.hear(Peer::NoSession), []);
}

#[test]
fn that_there_is_no_session_is_told_and_believed_for_a_moment() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    assert_eq!(
        announced(&tab.refused(1, 401, true, None)),
        [Announcement::NoSession]
    );

    let mut tab = Tab::with_peers();
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
    let mut tab = Tab::signed_in_with_peers();
    let problem = Problem::Throttled;
    let actions = tab.hear(Peer::Failing {
        problem,
        retry_after: 5_000,
        told: true,
    });
    assert_eq!(told(&actions), [], "it lacks nothing");
    assert!(tab.want(2).contains(&answer(2)));
    let actions = [tab.tick(LIFE), tab.hear(Peer::Recovered)].concat();
    assert_eq!(told(&actions), [], "and so it recovers from nothing");

    let mut tab = Tab::with_peers();
    tab.want(1);
    let actions = tab.hear(Peer::Failing {
        problem,
        retry_after: 5_000,
        told: true,
    });
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    let degraded = Notice::Degraded {
        problem,
        retry_after: 5_000,
    };
    assert_eq!(told(&actions), [degraded]);
    tab.on(Event::Online);
    assert_eq!(asks(&tab.tick(4_999)), [], "the server named the time");
    assert_eq!(asks(&tab.tick(1)).len(), 1);
    let early = tab.tick(rules::OFFER_WAIT_AHEAD - 1);
    assert_eq!(mints(&early), [], "all ask now, and one is to be heard");
    assert_eq!(mints(&tab.tick(1)), [2]);
}

#[test]
fn c139_a_failure_here_is_told_with_its_pause_and_so_is_its_end() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    let failing = Announcement::Failing {
        problem: Problem::Unavailable,
        retry_after: 3_000,
        told: true,
    };
    assert_eq!(
        announced(&tab.refused(1, 503, false, Some(3_000))),
        [failing]
    );
    tab.tick(3_000);
    tab.tick(rules::OFFER_WAIT_AHEAD);
    assert_eq!(announced(&tab.minted(2, 300)), [Announcement::Recovered]);
    let mut tab = Tab::with_peers();
    let problem = Problem::Network;
    let failing = Peer::Failing {
        problem,
        retry_after: 9_000,
        told: false,
    };
    tab.hear(failing);
    assert_eq!(asks(&tab.want(1)), [], "it pauses with the others");
    let actions = tab.hear(Peer::Recovered);
    assert_eq!(asks(&actions).len(), 1, "at once");
    assert_eq!(told(&actions), []);
    tab.hear(failing);
    assert_eq!(told(&tab.hear(Peer::Recovered)), [Notice::Recovered]);
}

#[test]
fn input_in_any_tab_is_reported_by_the_one_that_mints() {
    let mut tab = Tab::with_peers();
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
    let mut tab = Tab::signed_in_with_peers();
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

#[test]
fn c139_only_a_pause_that_the_server_named_is_told_as_such() {
    for told in [false, true] {
        let mut tab = Tab::with_peers();
        tab.want(1);
        tab.tick(rules::OFFER_WAIT);
        let announced = announced(&tab.refused(1, 503, false, told.then_some(3_000)));
        assert!(
            matches!(announced[..], [Announcement::Failing { told: t, .. }] if t == told),
            "{announced:?}"
        );
    }
}

#[test]
fn c141_signed_out_by_the_app_other_tabs_end_nothing_more_and_a_standstill_forgets_it_not() {
    for peer in [Peer::LoggedOut, Peer::NoSession] {
        let mut tab = Tab::signed_in_with_peers();
        tab.on(Event::LoggedOut);
        assert_eq!(tab.hear(peer), []);
        tab.on(Event::Suspended);
        tab.on(Event::Returned);
        tab.tick(rules::SIGNED_OUT_MEMORY);
        assert_eq!(
            failed(&tab.want(2)),
            [(2, Problem::SignedOut)],
            "the cookie may still be alive"
        );
    }
}

#[test]
fn a_session_that_ended_is_told_apart_from_none_by_who_hears_of_it() {
    let mut tab = Tab::signed_in_with_peers();
    let reason = SignOutReason::SessionEnded;
    assert_eq!(
        told(&tab.hear(Peer::NoSession)),
        [Notice::SignedOut { reason }]
    );
    let mut tab = Tab::with_peers();
    let reason = SignOutReason::NoSession;
    assert_eq!(
        told(&tab.hear(Peer::NoSession)),
        [Notice::SignedOut { reason }]
    );
}

#[test]
fn c140_a_sign_in_elsewhere_ends_a_sign_out_whoever_it_is() {
    for same_user in [true, false] {
        let mut tab = Tab::signed_in_with_peers();
        tab.on(Event::LoggedOut);
        assert_eq!(asks(&tab.want(2)), []);
        tab.hear(Peer::LoggedIn { same_user });
        assert_eq!(asks(&tab.want(3)).len(), 1);
    }
}

#[test]
fn that_minting_works_again_is_no_news_where_it_did() {
    let mut tab = Tab::signed_in_with_peers();
    assert_eq!(tab.hear(Peer::Recovered), []);
}

#[test]
fn c139_a_failure_elsewhere_leaves_a_mint_that_is_on_its_way() {
    let mut tab = Tab::with_peers();
    tab.want(1);
    tab.tick(rules::OFFER_WAIT);
    let problem = Problem::Unavailable;
    let actions = tab.hear(Peer::Failing {
        problem,
        retry_after: 2_000,
        told: false,
    });
    assert!(!actions.contains(&Action::CancelMint { seq: 1 }));
    assert!(tab.minted(1, 300).contains(&answer(1)));
}

#[test]
fn c140_who_waits_goes_on_waiting_for_the_session_that_begins_elsewhere() {
    // Nobody was signed in here.
    let mut tab = Tab::with_peers();
    tab.want(1);
    let actions = tab.hear(Peer::LoggedIn { same_user: false });
    assert_eq!((failed(&actions), asks(&actions)), (vec![], vec![(2, 0)]));
    assert!(tab.offer(2, LIFE).contains(&answer(1)));
    // The same user signed in anew.
    let mut tab = Tab::signed_in_with_peers();
    tab.tick(LIFE);
    tab.want(2);
    let actions = tab.hear(Peer::LoggedIn { same_user: true });
    assert_eq!((failed(&actions), asks(&actions)), (vec![], vec![(3, 0)]));
    assert!(tab.offer(3, LIFE).contains(&answer(2)));
}
