//! What goes wrong with a mint harms no token in hand, and is tried again with a pause or told at once.

use sessionmint_renewal::{Action, Event, Notice, Outcome, Problem, rules};

use crate::support::{HOUR, Tab, answer, failed, mints, told};

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
fn a_permanent_refusal_harms_its_key_alone_and_is_remembered_for_a_moment() {
    let mut tab = Tab::signed_in();
    tab.want_key(2, 5);
    assert_eq!(
        failed(&tab.refused(2, 400, false, None)),
        [(2, Problem::NotAllowed)]
    );
    assert!(tab.want(3).contains(&answer(3)));
    assert_eq!(failed(&tab.want_key(4, 5)), [(4, Problem::NotAllowed)]);
    tab.pass(rules::REFUSAL_MEMORY);
    assert_eq!(mints(&tab.want_key(5, 5)), [3]);
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
fn mints_that_time_out_together_are_one_failure_of_the_latest() {
    let mut tab = Tab::new();
    tab.want(1);
    tab.want_key(2, 1);
    tab.on(Event::MintFinished {
        seq: 2,
        outcome: Outcome::Unreachable,
    });
    // The second key's next try starts after that failure, and hangs like the first key's.
    let pause = rules::BACK_OFF_FLOOR + rules::BACK_OFF_FIRST;
    assert_eq!(mints(&tab.tick(pause)), [3]);
    let actions = tab.tick(2 * rules::MINT_TIMEOUT);
    assert!(actions.contains(&Action::CancelMint { seq: 1 }));
    assert!(actions.contains(&Action::CancelMint { seq: 3 }));
    assert!(mints(&tab.want(3)).is_empty(), "there is a pause again");
}

#[test]
fn a_renewal_that_hangs_times_out_although_nobody_waits_for_it() {
    let mut tab = Tab::signed_in();
    tab.pass(280_000);
    let after = rules::MINT_TIMEOUT;
    assert!(tab.want(2).contains(&Action::SetTimer { after }));
    let actions = tab.tick(after);
    assert!(actions.contains(&Action::CancelMint { seq: 2 }));
    assert!(matches!(
        told(&actions)[..],
        [Notice::Degraded {
            problem: Problem::Timeout,
            ..
        }]
    ));
}
