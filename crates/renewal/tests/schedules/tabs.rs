//! Many tabs under seeded schedules: frozen, killed and slow ones, messages late, lost, doubled and overtaken.

use proptest::prelude::*;
use sessionmint_renewal::{Event, Outcome, rules};

use crate::schedules;
use crate::world::{HEALTHY, Health, World};

const HOUR: i64 = 3_600_000;

#[derive(Clone, Debug)]
enum Step {
    Want(usize, u32),
    Pass(u64),
    /// The device sleeps: only the time of day goes on.
    Sleep(u64),
    /// Somebody sets the time of day.
    SetClock(i64),
    Deliver(usize),
    Lose(usize),
    Double(usize),
    /// The n-th mint arrives, or its answer does, which may be another than a token.
    Serve(usize, Option<Outcome>),
    Freeze(usize),
    /// It stands still without having been told.
    Stall(usize),
    Resume(usize),
    Kill(usize),
    Input(usize),
    Online(usize),
    Abandon(usize),
    Reject(usize, u32),
    LogOut(usize),
    LogIn(usize),
}

fn trouble() -> impl Strategy<Value = Outcome> {
    let refused = |(status, retry_after)| Outcome::Refused {
        status,
        login_required: false,
        retry_after,
    };
    prop_oneof![
        2 => Just(Outcome::Unreachable),
        1 => Just(Outcome::OriginRefused),
        3 => (prop::sample::select(vec![400, 429, 500, 503]), prop::option::of(0_u64..20_000)).prop_map(refused),
    ]
}

fn step(tabs: usize) -> impl Strategy<Value = Step> {
    let (tab, any) = (0..tabs, any::<usize>());
    prop_oneof![
        6 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Want(tab, key)),
        6 => prop_oneof![0_u64..20, 0_u64..2_000, 0_u64..200_000].prop_map(Step::Pass),
        1 => (0_u64..10_000_000).prop_map(Step::Sleep),
        1 => prop::sample::select(vec![-HOUR, HOUR, -1_000, 1_000]).prop_map(Step::SetClock),
        20 => any.prop_map(Step::Deliver),
        1 => any.prop_map(Step::Lose),
        1 => any.prop_map(Step::Double),
        10 => (any, prop::option::weighted(0.2, trouble())).prop_map(|(n, trouble)| Step::Serve(n, trouble)),
        1 => tab.clone().prop_map(Step::Freeze),
        1 => tab.clone().prop_map(Step::Stall),
        2 => tab.clone().prop_map(Step::Resume),
        1 => (1..tabs).prop_map(Step::Kill),
        1 => tab.clone().prop_map(Step::Input),
        1 => tab.clone().prop_map(Step::Online),
        1 => tab.clone().prop_map(Step::Abandon),
        1 => (tab.clone(), 0_u32..2).prop_map(|(tab, key)| Step::Reject(tab, key)),
        1 => tab.clone().prop_map(Step::LogOut),
        1 => tab.prop_map(Step::LogIn),
    ]
}

fn run(world: &mut World, step: &Step) {
    let nth = |n: usize, len: usize| n.checked_rem(len).unwrap_or(0);
    let lossy = world.health.lossy;
    match *step {
        Step::Want(tab, key) => {
            world.want(tab, key);
        }
        Step::Pass(millis) => world.pass(millis, false),
        Step::Sleep(millis) => world.sleep(millis),
        Step::SetClock(by) => world.now.wall = world.now.wall.saturating_add_signed(by),
        Step::Deliver(n) => {
            world.deliver(if lossy { nth(n, world.mail.len()) } else { 0 });
        }
        Step::Lose(n) if lossy => {
            world.mail.remove(nth(n, world.mail.len()));
        }
        Step::Double(n) if lossy => {
            let copy = world.mail.get(nth(n, world.mail.len())).copied();
            world.mail.extend(copy);
        }
        Step::Lose(_) | Step::Double(_) => {}
        Step::Serve(n, trouble) => world.serve(nth(n, world.mints.len()), trouble),
        Step::Freeze(tab) => world.freeze(tab),
        Step::Stall(tab) => world.tabs[tab].stalled = true,
        Step::Resume(tab) => world.resume(tab),
        Step::Kill(tab) => world.kill(tab),
        Step::Input(tab) => world.on(tab, Event::Input),
        Step::Online(tab) => world.on(tab, Event::Online),
        Step::Abandon(tab) => world.abandon(tab),
        Step::Reject(tab, key) => world.reject(tab, key),
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
        for token in tab.held.values().filter(|_| !world.health.lossy) {
            let session = Some(token.session);
            assert_eq!(session, world.session, "a token outlived its session");
        }
    }
}

proptest! {
    #![proptest_config(schedules(1_500))]

    /// Tabs that are frozen, held up and killed, clocks that jump, messages late, lost, doubled and overtaken, with locks and
    /// without.
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

    /// Everybody is well, messages take no time and mints up to a second: never two of one key at once, in any tab.
    #[test]
    fn c136_healthy_tabs_never_mint_twice_at_once(
        latency in 0_u64..1_000,
        steps in prop::collection::vec((0_usize..6, 0_u32..2, prop_oneof![0_u64..2_000, 0_u64..400_000]), 1..60),
    ) {
        let mut world = World::new(6, HEALTHY);
        world.latency = latency;
        for (tab, key, millis) in steps {
            let caller = world.want(tab, key);
            world.pass(millis, true);
            prop_assert!(millis < latency + 100 || world.served(&[(tab, caller)]) == 1);
        }
        prop_assert!(world.most <= 1, "{} mints of one key at once", world.most);
    }
}
