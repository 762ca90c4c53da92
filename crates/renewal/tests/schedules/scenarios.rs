//! What happens to many tabs in a few ways that matter, told step by step.

use sessionmint_renewal::{Outcome, rules};

use crate::world::{HEALTHY, Health, LIFE, World};

#[test]
fn c136_twenty_tabs_mint_once_a_round() {
    let mut world = World::new(20, HEALTHY);
    for round in 1..=4 {
        let callers = world.all_want();
        world.pass(2_000, true);
        assert_eq!(world.served(&callers), 20);
        assert_eq!(world.seen, round, "mints so far");
        // To the end of the token: everybody needs the next one at the same moment.
        world.pass(u64::from(LIFE) * 1_000, true);
    }
    assert_eq!(world.most, 1);
}

#[test]
fn c136_a_tab_that_opens_later_takes_the_token_that_is_there() {
    let mut world = World::new(2, HEALTHY);
    world.want(0, 0);
    world.pass(60_000, true);
    let caller = world.want(1, 0);
    world.pass(rules::OFFER_WAIT, true);
    assert_eq!(world.served(&[(1, caller)]), 1);
    assert_eq!(world.seen, 1);
}

#[test]
fn c136_a_lone_tab_waits_no_longer_than_for_an_offer() {
    for health in [
        HEALTHY,
        Health {
            locks: false,
            channel: false,
            lossy: false,
        },
    ] {
        let mut world = World::new(1, health);
        let caller = world.want(0, 0);
        world.pass(rules::OFFER_WAIT, true);
        assert_eq!(world.served(&[(0, caller)]), 1);
    }
}

/// Whatever happens to the tab that mints, all others hold a token two seconds later, at the price of few requests.
#[test]
fn c136_a_leader_that_dies_freezes_or_hangs_costs_its_followers_one_mint_and_two_seconds_at_most() {
    for locks in [true, false] {
        for fate in ["killed", "frozen", "held up", "hung"] {
            let mut world = World::new(20, Health { locks, ..HEALTHY });
            let callers = world.all_want();
            // Until the first mint is on its way.
            while world.mints.is_empty() {
                if world.mail.is_empty() {
                    world.pass(1, false);
                }
                world.deliver(0);
            }
            let leader = world.mints[0].tab;
            match fate {
                "killed" => world.kill(leader),
                "frozen" => world.freeze(leader),
                "held up" => world.tabs[leader].stalled = true,
                _ => {
                    // Its answer never comes.
                    let stuck = world.mints.remove(0);
                    world.mail.retain(|(to, _)| *to != stuck.tab);
                }
            }
            world.pass(2_000, true);
            let others: Vec<_> = callers
                .into_iter()
                .filter(|(tab, _)| *tab != leader)
                .collect();
            assert_eq!(world.served(&others), 19, "{fate}, locks: {locks}");
            // Without locks nobody knows of the others who begin at the same moment.
            assert!(
                !locks || world.seen <= 2,
                "{fate}, locks: {locks}: {} mints",
                world.seen
            );
        }
    }
}

#[test]
fn c141_a_sign_out_reaches_all_tabs_and_beats_mints_in_flight() {
    let mut world = World::new(5, HEALTHY);
    world.all_want();
    world.pass(2_000, true);
    // One tab renews while another signs out.
    world.pass(u64::from(LIFE) * 1_000, true);
    let callers = world.all_want();
    world.pass(rules::OFFER_WAIT, false);
    world.log_out(4);
    world.pass(rules::WAIT, true);
    assert_eq!(world.served(&callers), 0);
    for tab in &world.tabs {
        assert!(tab.held.is_empty() && tab.callers.is_empty());
    }
    let seen = world.seen;
    world.all_want();
    world.pass(rules::WAIT, true);
    assert_eq!(world.seen, seen, "and nothing is minted afterwards");
}

#[test]
fn c140_a_sign_in_as_somebody_else_takes_the_tokens_of_before_from_all_tabs() {
    let mut world = World::new(5, HEALTHY);
    world.all_want();
    world.pass(2_000, true);
    world.log_in(2);
    world.calm();
    assert!(
        world
            .tabs
            .iter()
            .enumerate()
            .all(|(tab, t)| tab == 2 || t.held.is_empty())
    );
    let callers = world.all_want();
    world.pass(2_000, true);
    assert_eq!(world.served(&callers), 5);
    for tab in &world.tabs {
        assert_eq!(tab.held[&0].session, 2);
    }
}

#[test]
fn c139_an_outage_is_tried_by_one_tab_for_all() {
    let mut world = World::new(20, HEALTHY);
    let callers = world.all_want();
    let fail = Some(Outcome::Refused {
        status: 503,
        login_required: false,
        retry_after: Some(5_000),
    });
    let until = world.now.mono + 4_000;
    while world.now.mono < until {
        world.pass(1, false);
        while !world.mail.is_empty() {
            world.deliver(0);
        }
        while !world.mints.is_empty() {
            world.serve(0, fail);
        }
    }
    assert!(world.seen <= 2, "{} tries", world.seen);
    world.pass(3_000, true);
    assert_eq!(world.served(&callers), 20, "all are served after the pause");
}

/// The worlds' checks can fail: here a tab is handed a token although it has heard that the session is over.
#[test]
#[should_panic(expected = "a token after sign-out")]
fn the_checks_notice_a_token_of_a_session_that_is_over() {
    let mut world = World::new(2, HEALTHY);
    world.want(0, 0);
    world.pass(2_000, true);
    world.tabs[1].over = 1;
    world.want(1, 0);
    world.calm();
}
