//! A mint that was sent before the machine was there is its first, under all its rules.

use sessionmint_renewal::{Action, Event, Notice, Problem, rules};

use crate::support::{Tab, announced, answer, asks, failed, mints, told};

/// A tab whose adapter sent a mint 50 ms ago.
fn early() -> Tab {
    let mut tab = Tab::with_peers();
    assert_eq!(tab.on(Event::MintStarted { key: 0, age: 50 }), [timeout()]);
    tab
}

fn timeout() -> Action {
    Action::SetTimer {
        after: rules::MINT_TIMEOUT - 50,
    }
}

#[test]
fn callers_join_the_mint_that_is_on_its_way() {
    let mut tab = early();
    let actions = [tab.want(1), tab.want(2)].concat();
    assert_eq!((mints(&actions), asks(&actions)), (vec![], vec![]));
    let actions = tab.minted(1, 300);
    assert!(actions.contains(&answer(1)) && actions.contains(&answer(2)));
    assert_eq!(told(&actions), [Notice::SignedIn { key: 0 }]);
}

#[test]
fn its_token_lives_from_when_it_was_sent() {
    let mut tab = early();
    tab.minted(1, 300);
    let ends = tab.now.wall + 300_000 - 50;
    assert!(
        tab.tick(300_000 - 51)
            .iter()
            .all(|action| !matches!(action, Action::Drop { .. }))
    );
    assert_eq!(tab.now.wall, ends - 1);
    assert!(tab.tick(1).contains(&Action::Drop { key: 0 }));
}

#[test]
fn it_times_out_from_when_it_was_sent() {
    let mut tab = early();
    tab.want(1);
    let actions = tab.tick(rules::MINT_TIMEOUT - 50);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert_eq!(tab.minted(1, 300), [], "too late");
}

#[test]
fn a_sign_out_ends_it() {
    let mut tab = early();
    tab.want(1);
    let actions = tab.on(Event::LoggedOut);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert_eq!(failed(&actions), [(1, Problem::SignedOut)]);
    assert_eq!(tab.minted(1, 300), []);
}

#[test]
fn a_sign_in_replaces_it() {
    let mut tab = early();
    let actions = tab.on(Event::LoggedIn { waiter: 1, key: 0 });
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert_eq!(mints(&actions), [2]);
    assert_eq!(tab.minted(1, 300), [], "of the session before");
    assert!(tab.minted(2, 300).contains(&answer(1)));
}

#[test]
fn its_refusal_counts_like_any() {
    let mut tab = early();
    tab.want(1);
    let actions = tab.refused(1, 401, true, None);
    assert_eq!(failed(&actions), [(1, Problem::SignedOut)]);
    assert_eq!(announced(&actions).len(), 1);
    let mut tab = early();
    tab.want(1);
    assert_eq!(failed(&tab.refused(1, 503, false, None)), []);
    assert_eq!(
        asks(&tab.tick(rules::BACK_OFF_FIRST + rules::BACK_OFF_FLOOR)),
        [(2, 0)]
    );
}

#[test]
fn another_key_does_not_wait_for_it() {
    let mut tab = early();
    assert_eq!(asks(&tab.on(Event::Wanted { waiter: 1, key: 1 })), [(2, 0)]);
}

#[test]
fn it_is_the_first_event_or_none() {
    let mut tab = Tab::new();
    assert_eq!(mints(&tab.want(1)), [1]);
    tab.on(Event::MintStarted { key: 0, age: 5_000 });
    assert_eq!(
        tab.tick(rules::MINT_TIMEOUT - 1),
        [Action::SetTimer { after: 1 }]
    );
    let mut tab = Tab::new();
    tab.on(Event::LoggedOut);
    tab.on(Event::MintStarted { key: 0, age: 0 });
    assert_eq!(tab.minted(1, 300), []);
}
