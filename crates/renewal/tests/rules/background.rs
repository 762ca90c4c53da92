//! What is done although nobody waits: renewals, and the notice of the session's end.

use sessionmint_renewal::{Action, Cause, Event, Notice, Outcome};

use crate::support::{HOUR, LIFE, Tab, answer, idle_for, mints, told};

#[test]
fn a_token_that_ends_with_the_session_is_not_renewed_ahead() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.on(Event::MintFinished {
        seq: 1,
        outcome: Outcome::Minted {
            expires_in: 90,
            session_expires_in: 90,
        },
    });
    tab.pass(89_000);
    assert!(mints(&tab.on(Event::Input)).is_empty());
    let actions = tab.want(2);
    assert!(actions.contains(&answer(2)) && mints(&actions).is_empty());
}

#[test]
fn the_background_renews_only_when_the_user_was_there_since_the_last_mint() {
    let mut idle = Tab::signed_in();
    assert!(mints(&idle.tick(290_000)).is_empty());
    assert!(mints(&idle.tick(10_000)).is_empty());

    let mut active = Tab::signed_in();
    active.pass(100_000);
    active.on(Event::Input);
    let actions = active.tick(190_000);
    assert_eq!(mints(&actions), [2]);
    assert_eq!(
        idle_for(&actions),
        190,
        "and the service is told how long ago that was"
    );
    let actions = active.minted(2, 300);
    assert_eq!(
        told(&actions),
        [Notice::Renewed {
            key: 0,
            cause: Cause::Background
        }]
    );
    assert!(
        mints(&active.tick(600_000)).is_empty(),
        "once, not for ever"
    );
}

#[test]
fn input_after_the_token_ended_is_reported_by_a_mint() {
    let mut tab = Tab::signed_in();
    tab.tick(HOUR / 2);
    let actions = tab.on(Event::Input);
    assert_eq!(mints(&actions), [2]);
    assert_eq!(idle_for(&actions), 0);
}

#[test]
fn a_key_that_nobody_asks_for_any_more_is_not_renewed_beside_others() {
    let mut tab = Tab::signed_in();
    tab.want_key(2, 1);
    tab.minted(2, 300);
    tab.pass(1_000);
    tab.on(Event::Input);
    assert_eq!(mints(&tab.tick(280_000)), [3, 4], "both were in use");
    tab.minted(3, 300);
    tab.minted(4, 300);
    tab.pass(1_000);
    tab.on(Event::Served { key: 1 });
    tab.on(Event::Input);
    let renewed: Vec<u32> = tab
        .tick(280_000)
        .iter()
        .filter_map(|a| match a {
            Action::Mint { key, .. } => Some(*key),
            _ => None,
        })
        .collect();
    assert_eq!(renewed, [1]);
}

#[test]
fn the_end_of_the_session_is_told_once_two_minutes_ahead() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.on(Event::MintFinished {
        seq: 1,
        outcome: Outcome::Minted {
            expires_in: 300,
            session_expires_in: 600,
        },
    });
    assert!(told(&tab.tick(479_999)).is_empty());
    assert_eq!(told(&tab.tick(1)), [Notice::Ending { seconds: 120 }]);
    tab.want(2);
    tab.on(Event::MintFinished {
        seq: 2,
        outcome: Outcome::Minted {
            expires_in: 120,
            session_expires_in: 120,
        },
    });
    assert!(told(&tab.tick(60_000)).is_empty());
}

#[test]
fn the_end_of_another_session_is_told_too() {
    let mut tab = Tab::new();
    tab.want(1);
    let minted = |session_expires_in| Outcome::Minted {
        expires_in: 100,
        session_expires_in,
    };
    tab.on(Event::MintFinished {
        seq: 1,
        outcome: minted(110),
    });
    assert_eq!(told(&tab.tick(1)), [Notice::Ending { seconds: 109 }]);
    tab.pass(105_000);
    tab.want(2);
    // The user signed in again in another tab: the cookie is a new session's.
    tab.on(Event::MintFinished {
        seq: 2,
        outcome: minted(1_000),
    });
    assert_eq!(told(&tab.tick(880_000)), [Notice::Ending { seconds: 120 }]);
}

#[test]
fn of_keys_that_nobody_asks_for_one_is_enough() {
    let mut tab = Tab::signed_in();
    tab.want_key(2, 1);
    tab.minted(2, 300);
    tab.on(Event::Input);
    assert_eq!(mints(&tab.tick(280_000)), [3, 4], "both were in use");
    tab.minted(3, 300);
    tab.minted(4, 300);
    tab.tick(300_000);
    assert_eq!(mints(&tab.on(Event::Input)).len(), 1);
}

#[test]
fn the_only_token_is_renewed_although_nobody_asks_for_it() {
    let mut tab = Tab::signed_in();
    // A key that the service refuses is no other.
    tab.want_key(2, 5);
    tab.refused(2, 400, false, None);
    for seq in 3..6 {
        tab.on(Event::Input);
        assert_eq!(mints(&tab.tick(280_000)), [seq]);
        tab.minted(seq, 300);
    }
}

#[test]
fn an_end_that_moves_by_no_more_than_rounding_and_delay_is_no_other_session() {
    for (later, told_again) in [(60_000, false), (60_001, true)] {
        let mut tab = Tab::new();
        tab.want(1);
        let minted = |session_expires_in| Outcome::Minted {
            expires_in: 50,
            session_expires_in,
        };
        tab.on(Event::MintFinished {
            seq: 1,
            outcome: minted(110),
        });
        assert_eq!(told(&tab.tick(0)), [Notice::Ending { seconds: 110 }]);
        // The same session again, from a request that was sent that much later.
        tab.tick(later);
        tab.want(2);
        tab.on(Event::MintFinished {
            seq: 2,
            outcome: minted(110),
        });
        let notices = told(&tab.tick(1));
        assert_eq!(!notices.is_empty(), told_again, "{notices:?}");
    }
}

#[test]
fn the_moment_to_renew_wakes_nobody_a_second_time() {
    let mut tab = Tab::new();
    tab.want(1);
    let start = tab.now.wall;
    let renew_at = tab.minted(1, 300).iter().find_map(|action| match action {
        Action::Hold { fresh_until, .. } => Some(*fresh_until),
        _ => None,
    });
    let early = renew_at.unwrap() - start;
    // Nobody was there since the mint: the next thing to happen is the token's end.
    let after = LIFE - early;
    assert_eq!(tab.tick(early), [Action::SetTimer { after }]);
}
