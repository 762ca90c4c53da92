//! Many tabs under seeded schedules: frozen, killed and slow ones, messages late, lost, doubled and overtaken.

use proptest::prelude::*;
use sessionmint_renewal::{Event, Outcome, rules};

use crate::schedules;
use crate::world::{HEALTHY, Health, World};

#[derive(Clone, Debug)]
enum Step {
    Want(usize, u32),
    Pass(u64),
    Deliver(usize),
    Lose(usize),
    Double(usize),
    Serve(usize, bool),
    Freeze(usize),
    Resume(usize),
    Kill(usize),
    Input(usize),
    Reject(usize, u32),
    LogOut(usize),
    LogIn(usize),
}

fn step(tabs: usize) -> impl Strategy<Value = Step> {
    let (tab, any) = (0..tabs, any::<usize>());
    prop_oneof![
        6 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Want(tab, key)),
        6 => prop_oneof![0_u64..20, 0_u64..2_000, 0_u64..200_000].prop_map(Step::Pass),
        20 => any.prop_map(Step::Deliver),
        1 => any.prop_map(Step::Lose),
        1 => any.prop_map(Step::Double),
        10 => (any, prop::bool::weighted(0.8)).prop_map(|(n, well)| Step::Serve(n, well)),
        1 => tab.clone().prop_map(Step::Freeze),
        2 => tab.clone().prop_map(Step::Resume),
        1 => (1..tabs).prop_map(Step::Kill),
        1 => tab.clone().prop_map(Step::Input),
        1 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Reject(tab, key)),
        1 => tab.clone().prop_map(Step::LogOut),
        1 => tab.prop_map(Step::LogIn),
    ]
}

fn run(world: &mut World, step: &Step) {
    let nth = |n: usize, len: usize| n.checked_rem(len);
    match *step {
        Step::Want(tab, key) => {
            world.want(tab, key);
        }
        Step::Pass(millis) => world.pass(millis, false),
        Step::Deliver(n) => {
            let n = if world.health.lossy {
                nth(n, world.mail.len())
            } else {
                Some(0)
            };
            world.deliver(n.unwrap_or(0));
        }
        Step::Lose(n) if world.health.lossy => {
            if let Some(n) = nth(n, world.mail.len()) {
                world.mail.remove(n);
            }
        }
        Step::Double(n) if world.health.lossy => {
            if let Some(n) = nth(n, world.mail.len()) {
                let copy = world.mail[n];
                world.mail.push_back(copy);
            }
        }
        Step::Lose(_) | Step::Double(_) => {}
        Step::Serve(n, well) => {
            let n = nth(n, world.mints.len()).unwrap_or(0);
            world.serve(n, (!well).then_some(Outcome::Unreachable));
        }
        Step::Freeze(tab) => world.freeze(tab),
        Step::Resume(tab) => world.resume(tab),
        Step::Kill(tab) => world.kill(tab),
        Step::Input(tab) => world.on(tab, Event::Input),
        Step::Reject(tab, key) => {
            if let Some(token) = world.tabs[tab]
                .held
                .get(&key)
                .copied()
                .filter(|_| world.runs(tab))
            {
                world.last_caller += 1;
                let waiter = world.last_caller;
                world.tabs[tab].callers.insert(waiter, world.now.mono);
                world.on(
                    tab,
                    Event::Rejected {
                        waiter,
                        key,
                        seq: token.seq,
                    },
                );
            }
        }
        Step::LogOut(tab) => world.log_out(tab),
        Step::LogIn(tab) => world.log_in(tab),
    }
}

/// Ends a schedule: whoever still waits is answered in time, and tabs that hear each other hold one session's tokens.
fn settle(world: &mut World) {
    for tab in 0..world.tabs.len() {
        world.resume(tab);
    }
    world.pass(rules::WAIT + 1, true);
    for tab in world.tabs.iter().filter(|tab| tab.alive) {
        assert!(tab.callers.is_empty(), "somebody waits for ever");
    }
    if !world.health.lossy {
        for tab in world.tabs.iter().filter(|tab| tab.alive) {
            for token in tab.held.values() {
                assert_eq!(
                    Some(token.session),
                    world.session,
                    "a token outlived its session"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(schedules(1_500))]

    /// Frozen, killed, slow tabs, messages late, lost, doubled and overtaken, with locks and without.
    #[test]
    fn c136_c140_c142_the_promises_hold_between_tabs_under_every_schedule(
        locks in any::<bool>(),
        lossy in any::<bool>(),
        steps in prop::collection::vec(step(4), 1..150),
    ) {
        let mut world = World::new(4, Health { locks, channel: true, lossy });
        for step in &steps {
            run(&mut world, step);
        }
        settle(&mut world);
    }

    /// Everybody is well and messages take no time: never two mints of one key at once, in any tab.
    #[test]
    fn c136_healthy_tabs_never_mint_twice_at_once(
        steps in prop::collection::vec((0_usize..6, 0_u32..2, 0_u64..400_000), 1..60),
    ) {
        let mut world = World::new(6, HEALTHY);
        for (tab, key, millis) in steps {
            let caller = world.want(tab, key);
            world.pass(millis, true);
            prop_assert!(millis < 100 || world.served(&[(tab, caller)]) == 1);
        }
        prop_assert!(world.most <= 1, "{} mints of one key at once", world.most);
    }
}
