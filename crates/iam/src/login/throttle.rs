//! Slows down guessing, without letting a guesser lock anybody out.
//!
//! Three limits, each a bucket of failures that empties evenly over the window:
//! - **account and network**: what one network may fail on one account. The limit that stops a guesser.
//! - **network**: what one network may fail on all accounts together. Stops one password tried on many names. An IPv6
//!   site, a /48 of 65,536 networks that hosters hand out to anybody, may fail [`SITE_FACTOR`] times that.
//! - **account**: what all networks together may fail on one account. Crossing it never refuses by itself, or anybody
//!   with enough addresses could lock the account; instead each network is left one attempt at a time. A network that
//!   has not failed lately always has that one, so the owner gets in with the right password.
//!
//! An attempt is charged *before* the password is checked, or a thousand attempts in parallel would all pass; what was
//! charged is given back for attempts that did not fail. State is in memory and bounded, and holds no names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use sessionmint_oauth::{Network, Timestamp};

use crate::config::ThrottleConfig;

/// Buckets kept at most, about 100 bytes each. Beyond it the emptiest are forgotten, so that flooding the map with new
/// names cannot wash out the bucket of an account under attack.
const MAX_BUCKETS: usize = 100_000;

/// Failures of an IPv6 /48 in failures of one of its networks. As many as a company or a campus with all its networks
/// needs, far fewer than it has networks.
const SITE_FACTOR: u32 = 10;

/// A name of any length in 16 bytes, not readable from a memory dump.
type Account = [u8; 16];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    AccountAndNetwork(Account, Network),
    Network(Network),
    Site(Network),
    Account(Account),
}

/// A bucket's size and how fast it empties.
#[derive(Clone, Copy)]
struct Limit {
    failures: i64,
    millis_each: i64,
}

impl Limit {
    fn new(failures: u32, window_secs: u64) -> Self {
        let failures = i64::from(failures.max(1));
        let window = i64::try_from(window_secs.saturating_mul(1000)).unwrap_or(i64::MAX);
        Self {
            failures,
            millis_each: (window / failures).max(1),
        }
    }

    /// How full the bucket is, in milliseconds until it is empty.
    fn fill(self, empty_at: i64, now: i64) -> i64 {
        let fill = empty_at.saturating_sub(now);
        // Fuller than full: the clock jumped back. By little, and the bucket is full; by much, and keeping it would
        // shut people out until the clock has caught up.
        if fill > self.full().saturating_mul(2) {
            0
        } else {
            fill.clamp(0, self.full())
        }
    }

    fn full(self) -> i64 {
        self.failures.saturating_mul(self.millis_each)
    }
}

/// The throttle of one service.
pub struct Throttle {
    account_and_network: Limit,
    network: Limit,
    site: Limit,
    account: Limit,
    max_buckets: usize,
    /// When each bucket will be empty, in milliseconds since the epoch. An absent bucket is empty.
    empty_at: Mutex<HashMap<Key, i64>>,
}

/// A charged attempt; tell the throttle how it ended.
#[must_use]
pub struct Attempt {
    account: Account,
    network: Network,
}

/// The attempt is refused; the next may be made in so many seconds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterSecs(pub u64);

impl Throttle {
    /// A throttle that has seen nothing.
    pub fn new(config: &ThrottleConfig) -> Self {
        Self::with_max_buckets(config, MAX_BUCKETS)
    }

    fn with_max_buckets(config: &ThrottleConfig, max_buckets: usize) -> Self {
        Self {
            account_and_network: Limit::new(
                config.failures_per_account_and_network,
                config.window_secs,
            ),
            network: Limit::new(config.failures_per_network, config.window_secs),
            site: Limit::new(
                config.failures_per_network.saturating_mul(SITE_FACTOR),
                config.window_secs,
            ),
            account: Limit::new(config.failures_per_account, config.window_secs),
            max_buckets,
            empty_at: Mutex::default(),
        }
    }

    /// Charges an attempt, or refuses it without charging anything.
    pub fn begin(
        &self,
        username: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, RetryAfterSecs> {
        let attempt = Attempt {
            account: account(username),
            network: Network::of(address),
        };
        let now = now.millis();
        let mut buckets = self.lock();
        let fill = |key: &Key, limit: Limit| {
            buckets
                .get(key)
                .map_or(0, |empty_at| limit.fill(*empty_at, now))
        };

        let [pair_key, network_key, account_key] = attempt.keys();
        let site_key = attempt.site();
        let pair = fill(&pair_key, self.account_and_network);
        let network = fill(&network_key, self.network);
        let site = site_key.map_or(0, |key| fill(&key, self.site));
        let account = fill(&account_key, self.account);

        let under_siege = room_in(self.account, account) > 0;
        let pair_limit = Limit {
            failures: if under_siege {
                1
            } else {
                self.account_and_network.failures
            },
            ..self.account_and_network
        };
        let wait = room_in(pair_limit, pair)
            .max(room_in(self.network, network))
            .max(room_in(self.site, site));
        if wait > 0 {
            return Err(RetryAfterSecs(
                u64::try_from(wait).unwrap_or(0).div_ceil(1000).max(1),
            ));
        }

        let charged = [
            (pair_key, pair, self.account_and_network),
            (network_key, network, self.network),
            (account_key, account, self.account),
        ];
        let of_site = site_key.map(|key| (key, site, self.site));
        for (key, fill, limit) in charged.into_iter().chain(of_site) {
            let fill = fill.saturating_add(limit.millis_each).min(limit.full());
            buckets.insert(key, now.saturating_add(fill));
        }
        if buckets.len() > self.max_buckets {
            prune(&mut buckets, now, self.max_buckets);
        }
        Ok(attempt)
    }

    /// The password was right: this network's failures on this account are forgotten, and the attempt is given back to
    /// the other buckets. Those keep the rest, or one account of their own would let guessers empty them at will.
    pub fn succeeded(&self, attempt: &Attempt) {
        let [pair, network, account] = attempt.keys();
        let mut buckets = self.lock();
        buckets.remove(&pair);
        give_back(&mut buckets, network, self.network);
        if let Some(site) = attempt.site() {
            give_back(&mut buckets, site, self.site);
        }
        give_back(&mut buckets, account, self.account);
    }

    /// The password was never checked: nothing was learnt by the caller, so nothing is charged.
    pub fn not_checked(&self, attempt: &Attempt) {
        let [pair, network, account] = attempt.keys();
        let mut buckets = self.lock();
        give_back(&mut buckets, pair, self.account_and_network);
        give_back(&mut buckets, network, self.network);
        if let Some(site) = attempt.site() {
            give_back(&mut buckets, site, self.site);
        }
        give_back(&mut buckets, account, self.account);
    }

    /// Buckets that are kept.
    pub fn entries(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, i64>> {
        self.empty_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    fn keys(&self) -> [Key; 3] {
        [
            Key::AccountAndNetwork(self.account, self.network),
            Key::Network(self.network),
            Key::Account(self.account),
        ]
    }

    fn site(&self) -> Option<Key> {
        self.network.site().map(Key::Site)
    }
}

fn account(username: &str) -> Account {
    let digest = digest::digest(&digest::SHA256, username.as_bytes());
    let mut account = Account::default();
    for (to, from) in account.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    account
}

/// Milliseconds until one more failure fits into a bucket filled to `fill`; zero or less when it fits now.
fn room_in(limit: Limit, fill: i64) -> i64 {
    fill.saturating_add(limit.millis_each)
        .saturating_sub(limit.full())
}

fn give_back(buckets: &mut HashMap<Key, i64>, key: Key, limit: Limit) {
    if let Some(empty_at) = buckets.get_mut(&key) {
        *empty_at = empty_at.saturating_sub(limit.millis_each);
    }
}

/// Drops empty buckets and, if that is not enough, the emptiest eighth, so that the cost is spread over many attempts.
fn prune(buckets: &mut HashMap<Key, i64>, now: i64, max: usize) {
    buckets.retain(|_, empty_at| *empty_at > now);
    if buckets.len() <= max {
        return;
    }
    let drop_count = buckets.len() - max + max / 8;
    let mut by_end: Vec<(i64, Key)> = buckets
        .iter()
        .map(|(key, empty_at)| (*empty_at, *key))
        .collect();
    by_end.sort_unstable_by_key(|(empty_at, _)| *empty_at);
    for (_, key) in by_end.iter().take(drop_count) {
        buckets.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn config() -> ThrottleConfig {
        ThrottleConfig {
            failures_per_account_and_network: 10,
            failures_per_network: 100,
            failures_per_account: 50,
            window_secs: 900,
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    /// How many of `tries` attempts pass when all fail.
    fn failures(throttle: &Throttle, name: &str, from: IpAddr, now: Timestamp, tries: u32) -> u32 {
        (0..tries)
            .map(|_| u32::from(throttle.begin(name, from, now).is_ok()))
            .sum()
    }

    fn network(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n))
    }

    #[test]
    fn a_network_gets_its_failures_and_then_waits_for_the_next() {
        let throttle = Throttle::new(&config());
        assert_eq!(failures(&throttle, "ann", A, at(0), 1000), 10);
        assert_eq!(
            throttle.begin("ann", A, at(0)).err(),
            Some(RetryAfterSecs(90))
        );
        assert_eq!(
            throttle.begin("ann", A, at(89)).err(),
            Some(RetryAfterSecs(1))
        );
        assert_eq!(
            failures(&throttle, "ann", A, at(90), 5),
            1,
            "one more for each 90 seconds"
        );
        assert_eq!(
            failures(&throttle, "ann", A, at(2000), 1000),
            10,
            "all again after the window"
        );
    }

    #[test]
    fn c147_an_outsider_in_one_network_does_not_stop_the_user_in_another() {
        let throttle = Throttle::new(&config());
        failures(&throttle, "ann", A, at(0), 1000);
        let attempt = throttle
            .begin("ann", B, at(0))
            .unwrap_or_else(|_| panic!("the user is locked out"));
        throttle.succeeded(&attempt);
    }

    #[test]
    fn c147_a_thousand_networks_slow_an_account_but_do_not_lock_it() {
        let throttle = Throttle::new(&config());
        let passed: u32 = (0..1000)
            .map(|n| failures(&throttle, "ann", network(n), at(0), 20))
            .sum();
        assert!(
            passed < 50 + 1000 + 10,
            "after 50 failures each network has one attempt, not ten: {passed}"
        );

        let owner = throttle
            .begin("ann", B, at(0))
            .unwrap_or_else(|_| panic!("the user is locked out"));
        throttle.succeeded(&owner);
        assert_eq!(
            failures(&throttle, "ann", B, at(1), 5),
            1,
            "and again, once, for a mistyped password"
        );
        for n in 0..1000 {
            failures(&throttle, "ann", network(n), at(91), 20);
        }
        assert_eq!(
            failures(&throttle, "ann", B, at(91), 5),
            1,
            "and once more, while the siege goes on"
        );
    }

    #[test]
    fn one_network_cannot_try_one_password_on_every_account() {
        let throttle = Throttle::new(&config());
        let passed: u32 = (0..500)
            .map(|n| failures(&throttle, &format!("user{n}"), A, at(0), 1))
            .sum();
        assert_eq!(passed, 100);
        assert!(throttle.begin("somebody", B, at(0)).is_ok());
    }

    #[test]
    fn all_addresses_of_an_ipv6_slash_64_are_one_network_and_mapped_ipv4_is_ipv4() {
        let throttle = Throttle::new(&config());
        let passed: u32 = (0..100u32)
            .map(|n| {
                failures(
                    &throttle,
                    "ann",
                    format!("2001:db8:1:2::{n:x}").parse().unwrap(),
                    at(0),
                    1,
                )
            })
            .sum();
        assert_eq!(passed, 10);
        assert!(
            throttle
                .begin("ann", "2001:db8:1:3::1".parse().unwrap(), at(0))
                .is_ok()
        );

        assert_eq!(
            failures(
                &throttle,
                "bob",
                "::ffff:192.0.2.1".parse().unwrap(),
                at(0),
                20
            ),
            10
        );
        assert!(throttle.begin("bob", A, at(0)).is_err());
    }

    #[test]
    fn c147_a_slash_48_full_of_networks_is_one_site_with_room_for_an_honest_one() {
        let throttle = Throttle::new(&config());
        let network = |n: u32| format!("2001:db8:1:{n:x}::1").parse().unwrap();
        let passed: u32 = (0..3000)
            .map(|n| failures(&throttle, &format!("user{n}"), network(n), at(0), 1))
            .sum();
        assert_eq!(passed, 10 * 100);
        let next_site = "2001:db8:2::1".parse().unwrap();
        assert!(throttle.begin("ann", next_site, at(0)).is_ok());

        let campus = Throttle::new(&config());
        for n in 0..3000 {
            let attempt = campus
                .begin(&format!("user{n}"), network(n % 9), at(0))
                .unwrap_or_else(|_| panic!("right passwords cost nothing"));
            campus.succeeded(&attempt);
        }
    }

    #[test]
    fn a_success_forgets_the_failures_of_that_account_and_network_only() {
        let throttle = Throttle::new(&config());
        failures(&throttle, "ann", A, at(0), 9);
        failures(&throttle, "bob", A, at(0), 10);
        let attempt = throttle
            .begin("ann", A, at(0))
            .unwrap_or_else(|_| panic!("the tenth attempt is allowed"));
        throttle.succeeded(&attempt);
        assert_eq!(failures(&throttle, "ann", A, at(0), 20), 10);
        assert!(throttle.begin("bob", A, at(0)).is_err());
    }

    #[test]
    fn own_successes_do_not_buy_guesses_on_others() {
        let throttle = Throttle::new(&config());
        let mut guesses = 0;
        for n in 0..500 {
            guesses += failures(&throttle, &format!("user{n}"), A, at(0), 1);
            if let Ok(attempt) = throttle.begin("mallory", A, at(0)) {
                throttle.succeeded(&attempt);
            }
        }
        assert_eq!(guesses, 100);
    }

    #[test]
    fn an_attempt_that_was_never_checked_costs_nothing() {
        let throttle = Throttle::new(&config());
        for _ in 0..1000 {
            let attempt = throttle
                .begin("ann", A, at(0))
                .unwrap_or_else(|_| panic!("charged for nothing"));
            throttle.not_checked(&attempt);
        }
    }

    #[test]
    fn parallel_attempts_are_charged_before_they_end() {
        let throttle = Throttle::new(&config());
        let begun = (0..100)
            .filter_map(|_| throttle.begin("ann", A, at(0)).ok())
            .count();
        assert_eq!(begun, 10);
    }

    #[test]
    fn a_clock_that_jumps_back_keeps_nobody_out_longer_than_the_window() {
        let throttle = Throttle::new(&config());
        failures(&throttle, "ann", A, at(0), 10);
        let waits = |now| throttle.begin("ann", A, now).err();
        assert!(
            waits(at(-1)).is_some(),
            "a small step back forgives nothing"
        );
        assert!(waits(at(-600)).is_some_and(|wait| wait.0 <= 900));
        assert_eq!(waits(at(-36_000)), None);
    }

    #[test]
    fn the_memory_is_bounded_and_the_account_under_attack_is_kept() {
        let throttle = Throttle::with_max_buckets(&config(), 1000);
        failures(&throttle, "ann", A, at(0), 10);
        for n in 0..5000 {
            failures(&throttle, &format!("noise{n}"), network(n), at(0), 1);
            assert!(throttle.lock().len() <= 1003);
        }
        assert!(
            throttle.begin("ann", A, at(0)).is_err(),
            "the flood washed out the bucket"
        );

        assert!(throttle.begin("somebody", B, at(5000)).is_ok());
        for n in 0..400 {
            failures(&throttle, "late", network(n), at(5000), 1);
        }
        assert!(throttle.lock().len() <= 1003);
    }
}
