//! One test per rule of the machine, named after it.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use sessionmint_renewal::{
    Action, Cause, Event, Machine, Notice, Now, Outcome, Problem, SignOutReason, rules,
};

const HOUR: u64 = 3_600_000;
const HALF: u32 = u32::MAX / 2;

/// A machine with clocks that the test moves.
struct Tab {
    machine: Machine,
    now: Now,
}

impl Tab {
    fn new() -> Self {
        let now = Now {
            mono: 1_000,
            wall: 1_700_000_000_000,
            dice: HALF,
        };
        Self {
            machine: Machine::new(now),
            now,
        }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.machine.on(event, self.now)
    }

    fn pass(&mut self, millis: u64) {
        self.now.mono += millis;
        self.now.wall += millis;
    }

    fn want(&mut self, waiter: u32) -> Vec<Action> {
        self.on(Event::Wanted { waiter, key: 0 })
    }

    fn tick(&mut self, millis: u64) -> Vec<Action> {
        self.pass(millis);
        self.on(Event::TimerFired)
    }

    fn minted(&mut self, seq: u32, expires_in: u32) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Minted {
                expires_in,
                session_expires_in: 86_400,
            },
        })
    }

    fn refused(
        &mut self,
        seq: u32,
        status: u16,
        login_required: bool,
        retry_after: Option<u64>,
    ) -> Vec<Action> {
        self.on(Event::MintFinished {
            seq,
            outcome: Outcome::Refused {
                status,
                login_required,
                retry_after,
            },
        })
    }

    fn signed_in() -> Self {
        let mut tab = Self::new();
        assert_eq!(mints(&tab.want(1)), [1]);
        assert!(tab.minted(1, 300).contains(&answer(1)));
        tab
    }
}

fn answer(waiter: u32) -> Action {
    Action::Answer { waiter, key: 0 }
}

fn mints(actions: &[Action]) -> Vec<u32> {
    actions
        .iter()
        .filter_map(|a| {
            if let Action::Mint { seq, .. } = a {
                Some(*seq)
            } else {
                None
            }
        })
        .collect()
}

fn failed(actions: &[Action]) -> Vec<(u32, Problem)> {
    actions
        .iter()
        .filter_map(|a| {
            if let Action::Fail {
                waiter, problem, ..
            } = a
            {
                Some((*waiter, *problem))
            } else {
                None
            }
        })
        .collect()
}

fn told(actions: &[Action]) -> Vec<Notice> {
    actions
        .iter()
        .filter_map(|a| {
            if let Action::Tell(notice) = a {
                Some(*notice)
            } else {
                None
            }
        })
        .collect()
}

fn idle_for(actions: &[Action]) -> u32 {
    actions
        .iter()
        .find_map(|a| {
            if let Action::Mint { idle_for, .. } = a {
                Some(*idle_for)
            } else {
                None
            }
        })
        .unwrap()
}

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
    assert_eq!(mints(&tab.on(Event::Wanted { waiter: 1, key: 0 })), [1]);
    assert_eq!(mints(&tab.on(Event::Wanted { waiter: 2, key: 7 })), [2]);
    let actions = tab.minted(2, 300);
    assert!(
        actions.contains(&Action::Answer { waiter: 2, key: 7 }) && !actions.contains(&answer(1))
    );
}

#[test]
fn a_valid_token_is_served_at_once_whatever_the_network_does() {
    for trouble in [
        Outcome::Unreachable,
        Outcome::OriginRefused,
        Outcome::Refused {
            status: 500,
            login_required: false,
            retry_after: None,
        },
        Outcome::Refused {
            status: 429,
            login_required: false,
            retry_after: Some(60_000),
        },
        Outcome::Refused {
            status: 400,
            login_required: false,
            retry_after: None,
        },
        // A 401 without the body of the contract comes from something in between.
        Outcome::Refused {
            status: 401,
            login_required: false,
            retry_after: None,
        },
        Outcome::Refused {
            status: 403,
            login_required: true,
            retry_after: None,
        },
    ] {
        let mut tab = Tab::signed_in();
        tab.pass(280_000);
        let actions = tab.want(2);
        assert!(actions.contains(&answer(2)), "served in the renewal window");
        assert_eq!(mints(&actions), [2], "and renewed behind the caller's back");
        let actions = tab.on(Event::MintFinished {
            seq: 2,
            outcome: trouble,
        });
        assert!(
            !told(&actions)
                .iter()
                .any(|n| matches!(n, Notice::SignedOut { .. })),
            "{trouble:?}"
        );
        tab.pass(19_999);
        assert!(tab.want(3).contains(&answer(3)), "{trouble:?}");
        tab.pass(1);
        assert!(
            !tab.want(4).contains(&answer(4)),
            "an ended token is not served"
        );
    }
}

#[test]
fn a_hanging_renewal_does_not_hold_up_callers_with_a_valid_token() {
    let mut tab = Tab::signed_in();
    tab.pass(280_000);
    tab.want(2);
    for waiter in 3..10 {
        tab.pass(1_000);
        assert!(tab.want(waiter).contains(&answer(waiter)));
    }
}

#[test]
fn a_mint_times_out_after_ten_seconds_with_a_temporary_error() {
    let mut tab = Tab::new();
    tab.want(1);
    assert!(failed(&tab.tick(9_999)).is_empty());
    let actions = tab.tick(1);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert_eq!(failed(&actions), [(1, Problem::Timeout)]);
}

#[test]
fn after_a_failure_callers_get_the_next_success_within_one_step() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.refused(1, 503, false, None);
    assert!(
        failed(&actions).is_empty(),
        "the caller waits for the next try"
    );
    assert!(mints(&actions).is_empty(), "which does not come at once");
    let actions = tab.tick(rules::BACK_OFF_FLOOR + rules::BACK_OFF_FIRST);
    assert_eq!(mints(&actions), [2]);
    let actions = tab.minted(2, 300);
    assert!(actions.contains(&answer(1)));
    assert!(told(&actions).contains(&Notice::Recovered));
}

#[test]
fn c139_temporary_failures_never_sign_out_and_carry_their_kind() {
    for (outcome, problem) in [
        (Outcome::Unreachable, Problem::Network),
        (
            Outcome::Refused {
                status: 500,
                login_required: false,
                retry_after: None,
            },
            Problem::Unavailable,
        ),
        (
            Outcome::Refused {
                status: 503,
                login_required: true,
                retry_after: None,
            },
            Problem::Unavailable,
        ),
        (
            Outcome::Refused {
                status: 408,
                login_required: false,
                retry_after: None,
            },
            Problem::Unavailable,
        ),
        (
            Outcome::Refused {
                status: 429,
                login_required: true,
                retry_after: None,
            },
            Problem::Throttled,
        ),
        (
            Outcome::Refused {
                status: 200,
                login_required: true,
                retry_after: None,
            },
            Problem::Unavailable,
        ),
    ] {
        let mut tab = Tab::new();
        tab.want(1);
        let mut seen = Vec::new();
        let mut notices = Vec::new();
        for _ in 0..200 {
            let actions = tab.tick(100);
            seen.extend(failed(&actions));
            for seq in mints(&actions)
                .into_iter()
                .chain((tab.now.mono == 1_100).then_some(1))
            {
                let actions = tab.on(Event::MintFinished { seq, outcome });
                seen.extend(failed(&actions));
                notices.extend(told(&actions));
            }
        }
        assert_eq!(seen, [(1, problem)]);
        assert_eq!(notices.len(), 1, "degraded is said once");
        assert!(matches!(notices[0], Notice::Degraded { problem: p, .. } if p == problem));
    }
}

#[test]
fn c139_retry_after_is_honoured_and_a_caller_who_would_wait_in_vain_fails_at_once() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.refused(1, 429, false, Some(60_000));
    assert!(actions.contains(&Action::Fail {
        waiter: 1,
        problem: Problem::Throttled,
        retry_after: 60_000
    }));
    tab.pass(20_000);
    let actions = tab.want(2);
    assert!(actions.contains(&Action::Fail {
        waiter: 2,
        problem: Problem::Throttled,
        retry_after: 40_000
    }));
    tab.on(Event::Online);
    assert!(
        mints(&tab.tick(39_000)).is_empty(),
        "coming online does not shorten what the server asked for"
    );
    assert!(mints(&tab.want(3)).is_empty());
    assert_eq!(mints(&tab.tick(1_000)), [2]);
}

#[test]
fn a_mistaken_retry_after_does_not_cut_the_page_off_for_days() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.refused(1, 503, false, Some(365 * 24 * HOUR));
    tab.pass(rules::RETRY_AFTER_MAX);
    assert_eq!(mints(&tab.want(2)), [2]);
}

#[test]
fn coming_online_brings_the_next_try_forward() {
    let mut tab = Tab::new();
    tab.want(1);
    let mut seq = 1;
    for _ in 0..6 {
        tab.on(Event::MintFinished {
            seq,
            outcome: Outcome::Unreachable,
        });
        tab.on(Event::Abandoned { waiter: seq });
        tab.pass(40_000);
        seq += 1;
        assert_eq!(mints(&tab.want(seq)), [seq]);
    }
    tab.on(Event::MintFinished {
        seq,
        outcome: Outcome::Unreachable,
    });
    tab.pass(1_000);
    assert!(mints(&tab.want(100)).is_empty(), "still in the pause");
    tab.on(Event::Online);
    let early = mints(&tab.want(101));
    let late = mints(&tab.tick(rules::ONLINE_SPREAD));
    assert_eq!(early.len() + late.len(), 1);
}

#[test]
fn the_back_off_is_shared_by_all_keys_and_grows_once_per_outage() {
    let mut tab = Tab::new();
    for key in 0..20 {
        tab.on(Event::Wanted { waiter: key, key });
    }
    for seq in 1..=20 {
        tab.on(Event::MintFinished {
            seq,
            outcome: Outcome::Unreachable,
        });
    }
    let actions = tab.tick(rules::BACK_OFF_FLOOR + rules::BACK_OFF_FIRST);
    assert_eq!(
        mints(&actions).len(),
        20,
        "twenty keys failing together are one failure"
    );
}

#[test]
fn failing_calls_in_a_tight_loop_cause_few_mints() {
    let mut tab = Tab::new();
    let mut count = 0;
    for step in 0..6_000 {
        tab.pass(10);
        for seq in mints(&tab.want(step)) {
            count += 1;
            tab.on(Event::MintFinished {
                seq,
                outcome: Outcome::Unreachable,
            });
        }
    }
    assert!(count <= 12, "{count} mints a minute");
}

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
    tab.on(Event::Wanted { waiter: 2, key: 1 });
    tab.on(Event::Wanted { waiter: 3, key: 2 });
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
fn a_permanent_refusal_harms_its_key_alone_and_is_remembered_for_a_moment() {
    let mut tab = Tab::signed_in();
    tab.on(Event::Wanted { waiter: 2, key: 5 });
    assert_eq!(
        failed(&tab.refused(2, 400, false, None)),
        [(2, Problem::NotAllowed)]
    );
    assert!(tab.want(3).contains(&answer(3)));
    assert_eq!(
        failed(&tab.on(Event::Wanted { waiter: 4, key: 5 })),
        [(4, Problem::NotAllowed)]
    );
    tab.pass(rules::REFUSAL_MEMORY);
    assert_eq!(mints(&tab.on(Event::Wanted { waiter: 5, key: 5 })), [3]);
}

#[test]
fn a_refused_origin_is_told_to_the_callers_at_once() {
    let mut tab = Tab::new();
    tab.want(1);
    let actions = tab.on(Event::MintFinished {
        seq: 1,
        outcome: Outcome::OriginRefused,
    });
    assert_eq!(failed(&actions), [(1, Problem::OriginRefused)]);
    assert_eq!(failed(&tab.want(2)), [(2, Problem::OriginRefused)]);
    tab.pass(rules::BACK_OFF_FLOOR + rules::BACK_OFF_FIRST);
    assert_eq!(
        mints(&tab.want(3)),
        [2],
        "a corrected configuration is found out without a reload"
    );
}

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
    tab.on(Event::Wanted { waiter: 2, key: 1 });
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
    tab.on(Event::Wanted { waiter: 2, key: 1 });
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
fn unattended_renewals_give_up_and_go_on_when_somebody_is_there() {
    let mut tab = Tab::signed_in();
    tab.pass(1_000);
    tab.on(Event::Input);
    let mut count = 0;
    for _ in 0..3_600 {
        for seq in mints(&tab.tick(1_000)) {
            count += 1;
            tab.on(Event::MintFinished {
                seq,
                outcome: Outcome::Unreachable,
            });
        }
    }
    assert_eq!(count, rules::UNATTENDED_TRIES);
    assert_eq!(mints(&tab.on(Event::Input)).len(), 1);
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
