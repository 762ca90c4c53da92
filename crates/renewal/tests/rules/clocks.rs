//! A token ends when either clock says so, and clocks that jump cost little.

use sessionmint_renewal::{Action, Event};

use crate::support::{HOUR, Tab, answer, idle_for, mints};

#[test]
fn c138_both_deadlines_count_from_before_the_request_was_sent() {
    let mut tab = Tab::new();
    let sent = tab.now;
    tab.want(1);
    tab.pass(7_000);
    let actions = tab.minted(1, 300);
    let ends = actions
        .iter()
        .find_map(|a| {
            if let Action::Hold { ends, .. } = a {
                Some(*ends)
            } else {
                None
            }
        })
        .unwrap();
    assert_eq!(
        (ends.mono, ends.wall),
        (sent.mono + 300_000, sent.wall + 300_000)
    );
}

#[test]
fn a_token_that_ended_before_it_arrived_is_not_served_and_not_minted_in_a_loop() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.minted(1, 0);
    assert!(!actions.contains(&answer(1)));
    assert!(mints(&actions).is_empty());
}

#[test]
fn c138_a_wall_clock_that_jumps_an_hour_costs_one_mint_at_most() {
    for ahead in [true, false] {
        let mut tab = Tab::signed_in();
        tab.now.wall = if ahead {
            tab.now.wall + HOUR
        } else {
            tab.now.wall - HOUR
        };
        let mut count = 0;
        for waiter in 2..200 {
            tab.pass(1_000);
            for seq in mints(&tab.want(waiter)) {
                count += 1;
                assert!(tab.minted(seq, 300).contains(&answer(waiter)));
            }
        }
        assert_eq!(count, usize::from(ahead));
    }
}

#[test]
fn c138_sleep_that_stops_the_monotonic_clock_ends_the_token() {
    let mut tab = Tab::signed_in();
    tab.now.wall += HOUR;
    let actions = tab.on(Event::Returned);
    assert!(actions.contains(&Action::Drop { key: 0 }));
    assert_eq!(
        mints(&actions),
        [2],
        "the user is back: the next click should not wait"
    );
    assert_eq!(idle_for(&actions), 3_600, "but coming back is no input");
}

#[test]
fn c138_a_wall_clock_set_back_does_not_lengthen_a_token() {
    let mut tab = Tab::signed_in();
    tab.now.wall -= HOUR;
    assert!(tab.tick(300_000).contains(&Action::Drop { key: 0 }));
    assert!(!tab.want(2).contains(&answer(2)));
}

#[test]
fn c138_a_monotonic_clock_that_goes_back_is_taken_as_standing_still() {
    let mut tab = Tab::signed_in();
    tab.tick(200_000);
    let latest = tab.now.mono;
    tab.now.mono -= 150_000;
    tab.want_key(2, 1);
    let actions = tab.minted(2, 300);
    assert!(
        actions.iter().any(
            |a| matches!(a, Action::Hold { key: 1, ends, .. } if ends.mono == latest + 300_000)
        )
    );
}

#[test]
fn c138_renewal_ahead_is_spread_by_dice_and_bounded() {
    for (dice, lifetime, first, last) in [
        (0, 300, 270_000, 270_000),
        (u32::MAX, 300, 240_000, 240_001),
        (0, 15, 13_500, 13_500),
        (u32::MAX, 15, 12_000, 12_001),
    ] {
        let mut tab = Tab::new();
        tab.now.dice = dice;
        let start = tab.now.wall;
        tab.want(1);
        let fresh = tab.minted(1, lifetime).iter().find_map(|a| {
            if let Action::Hold { fresh_until, .. } = a {
                Some(*fresh_until)
            } else {
                None
            }
        });
        let fresh = fresh.unwrap() - start;
        assert!((first..=last).contains(&fresh), "{fresh}");
    }
}

#[test]
fn c138_a_wall_clock_set_back_makes_no_user_present() {
    let mut tab = Tab::new();
    tab.pass(100_000);
    tab.now.wall -= HOUR;
    assert_eq!(idle_for(&tab.want(1)), 100);
    let mut tab = Tab::new();
    tab.pass(100_000);
    tab.now.wall += 50_000;
    assert_eq!(idle_for(&tab.want(1)), 150, "nor does sleep");
}
