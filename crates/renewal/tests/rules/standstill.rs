//! A page that was frozen or in the back/forward cache.

use sessionmint_renewal::{Action, Cause, Event, Notice, Outcome, Problem, SignOutReason, rules};

use crate::support::{Tab, answer, failed, mints, told};

#[test]
fn c141_a_page_that_stood_still_has_no_token_and_asks_when_it_is_looked_at() {
    let mut tab = Tab::signed_in();
    tab.pass(5_000);
    let actions = tab.on(Event::Suspended);
    assert!(actions.contains(&Action::Drop { key: 0 }));
    assert_eq!(mints(&actions), []);
    assert_eq!(mints(&tab.tick(60_000)), [], "nobody looks at it");
    assert_eq!(
        mints(&tab.on(Event::Returned)),
        [2],
        "although nobody waits"
    );
    let actions = tab.minted(2, 300);
    assert_eq!(
        told(&actions),
        [Notice::Renewed {
            key: 0,
            cause: Cause::Restored
        }]
    );
    assert_eq!(mints(&tab.on(Event::Returned)), [], "asked once");
    assert!(tab.want(2).contains(&answer(2)));
}

#[test]
fn c141_a_caller_in_a_page_that_stood_still_gets_a_new_token_only() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Suspended);
    let actions = tab.want(2);
    assert!(!actions.contains(&answer(2)), "the old one is gone");
    assert_eq!(mints(&actions), [2]);
    assert!(tab.minted(2, 300).contains(&answer(2)));
    assert_eq!(mints(&tab.on(Event::Returned)), [], "that has told enough");
}

#[test]
fn c141_a_session_that_ended_while_the_page_stood_still_is_known_by_the_first_answer() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Suspended);
    tab.on(Event::Returned);
    let actions = tab.refused(2, 401, true, None);
    assert_eq!(
        told(&actions),
        [Notice::SignedOut {
            reason: SignOutReason::SessionEnded
        }]
    );
}

#[test]
fn c141_an_answer_that_was_under_way_when_the_page_stopped_is_dropped() {
    let mut tab = Tab::new();
    assert_eq!(mints(&tab.want(1)), [1]);
    let actions = tab.on(Event::Suspended);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert_eq!(
        tab.minted(1, 300)
            .iter()
            .filter(|a| matches!(a, Action::Hold { .. }))
            .count(),
        0
    );
    assert!(
        tab.minted(2, 300).contains(&answer(1)),
        "whoever waited is served by the next mint"
    );
}

#[test]
fn c141_without_a_network_a_page_that_stood_still_keeps_its_state_and_tries_again() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Suspended);
    tab.on(Event::Returned);
    let actions = tab.on(Event::MintFinished {
        seq: 2,
        outcome: Outcome::Unreachable,
    });
    assert!(
        matches!(
            told(&actions)[..],
            [Notice::Degraded {
                problem: Problem::Network,
                ..
            }]
        ),
        "{actions:?}"
    );
    let pause = rules::BACK_OFF_FLOOR + rules::BACK_OFF_FIRST;
    assert_eq!(mints(&tab.tick(pause)), [3]);
}

#[test]
fn c141_a_page_that_stood_still_signed_out_starts_nothing_but_asks_for_the_next_caller() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.refused(1, 401, true, None);
    tab.on(Event::Suspended);
    assert_eq!(mints(&tab.on(Event::Returned)), []);
    assert_eq!(
        mints(&tab.want(2)),
        [2],
        "somebody may have signed in elsewhere"
    );
    let mut tab = Tab::signed_in();
    tab.on(Event::LoggedOut);
    tab.on(Event::Suspended);
    assert_eq!(mints(&tab.on(Event::Returned)), []);
    assert_eq!(failed(&tab.want(2)), [(2, Problem::SignedOut)]);
}
