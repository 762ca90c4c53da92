//! Who asks gets the one token that there is: callers share mints, keys do not.

use sessionmint_renewal::{Action, Event, Outcome, Problem, rules};

use crate::support::{Tab, answer, failed, mints};

#[test]
fn c136_a_thousand_callers_share_one_mint_and_one_answer() {
    let mut tab = Tab::new();
    let mut started = Vec::new();
    for waiter in 1..=1_000 {
        started.extend(mints(&tab.want(waiter)));
    }
    assert_eq!(started, [1]);
    let answered = tab.minted(1, 300);
    assert_eq!(
        answered
            .iter()
            .filter(|a| matches!(a, Action::Answer { .. }))
            .count(),
        1_000
    );
}

#[test]
fn c136_the_caller_who_started_the_mint_may_leave_and_the_others_are_served() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.want(2);
    assert!(tab.on(Event::Abandoned { waiter: 1 }).is_empty());
    let actions = tab.minted(1, 300);
    assert!(actions.contains(&answer(2)) && !actions.contains(&answer(1)));
}

#[test]
fn a_mint_that_nobody_waits_for_any_more_still_serves_the_next_caller() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.on(Event::Abandoned { waiter: 1 });
    tab.minted(1, 300);
    assert!(tab.want(2).contains(&answer(2)));
}

#[test]
fn keys_have_their_own_tokens_and_flights() {
    let mut tab = Tab::new();
    assert_eq!(mints(&tab.want_key(1, 0)), [1]);
    assert_eq!(mints(&tab.want_key(2, 7)), [2]);
    let actions = tab.minted(2, 300);
    assert!(
        actions.contains(&Action::Answer { waiter: 2, key: 7 }) && !actions.contains(&answer(1))
    );
}

#[test]
fn twenty_rejections_of_one_token_cause_one_mint() {
    let mut tab = Tab::signed_in();
    let mut started = Vec::new();
    for waiter in 10..30 {
        started.extend(mints(&tab.on(Event::Rejected {
            waiter,
            key: 0,
            seq: 1,
        })));
    }
    assert_eq!(started, [2]);
    let actions = tab.minted(2, 300);
    assert_eq!(
        actions
            .iter()
            .filter(|a| matches!(a, Action::Answer { .. }))
            .count(),
        20
    );
    let late = tab.on(Event::Rejected {
        waiter: 30,
        key: 0,
        seq: 1,
    });
    assert!(
        late.contains(&answer(30)) && mints(&late).is_empty(),
        "the token in hand is already another"
    );
}

#[test]
fn a_refused_token_stays_in_hand_for_the_others_until_its_replacement_is_here() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Rejected {
        waiter: 2,
        key: 0,
        seq: 1,
    });
    assert!(tab.want(3).contains(&answer(3)));
    tab.on(Event::MintFinished {
        seq: 2,
        outcome: Outcome::Unreachable,
    });
    assert!(tab.want(4).contains(&answer(4)));
}

#[test]
fn c138_a_replacement_that_is_refused_too_is_not_replaced_again() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Rejected {
        waiter: 2,
        key: 0,
        seq: 1,
    });
    tab.minted(2, 300);
    let actions = tab.on(Event::Rejected {
        waiter: 3,
        key: 0,
        seq: 2,
    });
    assert_eq!(failed(&actions), [(3, Problem::RejectedAgain)]);
    assert!(mints(&actions).is_empty());
    assert!(
        tab.want(4).contains(&answer(4)),
        "and it is still served to others"
    );
}

#[test]
fn c138_a_replacement_that_is_refused_much_later_is_replaced() {
    for (age, again) in [
        (rules::REJECTED_AGAIN - 1, true),
        (rules::REJECTED_AGAIN, false),
    ] {
        let mut tab = Tab::signed_in();
        tab.on(Event::Rejected {
            waiter: 2,
            key: 0,
            seq: 1,
        });
        tab.minted(2, 300);
        tab.pass(age);
        let actions = tab.on(Event::Rejected {
            waiter: 3,
            key: 0,
            seq: 2,
        });
        assert_eq!(!failed(&actions).is_empty(), again);
        assert_eq!(mints(&actions).is_empty(), again);
    }
}
