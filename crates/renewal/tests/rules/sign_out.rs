//! Signing in and out, and the end of the machine itself.

use sessionmint_renewal::{Action, Event, Notice, Problem, SignOutReason, rules};

use crate::support::{HOUR, Tab, answer, failed, mints, told};

#[test]
fn c139_only_login_required_with_401_signs_out() {
    let mut tab = Tab::signed_in();
    tab.pass(300_000);
    tab.want(2);
    let actions = tab.refused(2, 401, true, None);
    assert_eq!(failed(&actions), [(2, Problem::SignedOut)]);
    assert_eq!(
        told(&actions),
        [Notice::SignedOut {
            reason: SignOutReason::SessionEnded
        }]
    );
}

#[test]
fn a_first_visit_without_a_session_is_told_apart_from_a_session_that_ended() {
    let mut tab = Tab::new();
    tab.want(1);
    assert_eq!(
        told(&tab.refused(1, 401, true, None)),
        [Notice::SignedOut {
            reason: SignOutReason::NoSession
        }]
    );
}

#[test]
fn without_a_session_callers_in_a_loop_are_answered_from_memory_and_later_ones_ask_again() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.refused(1, 401, true, None);
    assert_eq!(failed(&tab.want(2)), [(2, Problem::SignedOut)]);
    tab.pass(rules::SIGNED_OUT_MEMORY);
    assert_eq!(
        mints(&tab.want(3)),
        [2],
        "the user may have signed in in another tab"
    );
    let actions = tab.minted(2, 300);
    assert_eq!(told(&actions), [Notice::SignedIn { key: 0 }]);
}

#[test]
fn a_definite_sign_out_drops_every_key_and_every_flight() {
    let mut tab = Tab::signed_in();
    tab.want_key(2, 1);
    tab.want_key(3, 2);
    let actions = tab.refused(2, 401, true, None);
    assert!(actions.contains(&Action::Drop { key: 0 }));
    assert!(actions.contains(&Action::CancelMint { seq: 3 }));
    assert_eq!(failed(&actions).len(), 2);
    assert!(
        tab.minted(3, 300).is_empty(),
        "its late answer changes nothing"
    );
}

#[test]
fn c142_a_late_answer_after_sign_out_is_dropped() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.on(Event::LoggedOut);
    assert_eq!(failed(&actions), [(1, Problem::SignedOut)]);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert!(tab.minted(1, 300).is_empty());
    assert_eq!(failed(&tab.want(2)), [(2, Problem::SignedOut)]);
    tab.pass(24 * HOUR);
    assert!(
        mints(&tab.want(3)).is_empty(),
        "a cookie that survived a failed logout brings nothing back"
    );
}

#[test]
fn c140_an_answer_for_the_user_before_is_dropped_after_the_next_login() {
    let mut tab = Tab::signed_in();
    tab.pass(300_000);
    tab.want(2);
    let actions = tab.on(Event::LoggedIn { waiter: 3, key: 0 });
    assert_eq!(
        failed(&actions),
        [(2, Problem::SignedOut)],
        "who waited for the old user's token gets no other"
    );
    assert_eq!(mints(&actions), [3]);
    assert!(tab.minted(2, 300).is_empty());
    let actions = tab.minted(3, 300);
    assert!(actions.contains(&answer(3)));
    assert_eq!(told(&actions), [Notice::SignedIn { key: 0 }]);
}

#[test]
fn login_serves_the_callers_who_waited_for_it() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.on(Event::LoggedIn { waiter: 2, key: 0 });
    assert_eq!(
        mints(&actions),
        [2],
        "the mint of before the login may carry no cookie"
    );
    let actions = tab.minted(2, 300);
    assert!(actions.contains(&answer(1)) && actions.contains(&answer(2)));
}

#[test]
fn a_login_whose_cookie_was_not_stored_is_a_sign_out() {
    let mut tab = Tab::new();
    tab.on(Event::LoggedIn { waiter: 1, key: 0 });
    assert_eq!(
        failed(&tab.refused(1, 401, true, None)),
        [(1, Problem::SignedOut)]
    );
}

#[test]
fn dispose_refuses_everybody_and_leaves_no_timer() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Rejected {
        waiter: 2,
        key: 0,
        seq: 1,
    });
    let actions = tab.on(Event::Disposed);
    assert_eq!(failed(&actions), [(2, Problem::Disposed)]);
    assert!(actions.contains(&Action::CancelMint { seq: 2 }));
    assert!(actions.contains(&Action::Drop { key: 0 }));
    assert!(actions.contains(&Action::ClearTimer));
    assert_eq!(failed(&tab.want(3)), [(3, Problem::Disposed)]);
    assert!(tab.on(Event::LoggedOut).is_empty());
    assert_eq!(
        failed(&tab.on(Event::LoggedIn { waiter: 4, key: 0 })),
        [(4, Problem::Disposed)]
    );
}

#[test]
fn login_serves_those_who_waited_for_another_key_too() {
    let mut tab = Tab::new();
    tab.want_key(1, 7);
    let actions = tab.on(Event::LoggedIn { waiter: 2, key: 0 });
    assert_eq!(mints(&actions).len(), 2);
    let actions = [tab.minted(2, 300), tab.minted(3, 300)].concat();
    assert!(actions.contains(&answer(2)));
    assert!(actions.contains(&Action::Answer { waiter: 1, key: 7 }));
}
