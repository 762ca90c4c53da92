//! The life of a family of refresh tokens under schedules that nobody thought of: what holds whatever happens, and that honest
//! clients never lose.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test should stop where it finds something else than it expects"
)]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use proptest::prelude::*;
use proptest::sample::Index;
use sessionmint_oauth::refresh_token::{RefreshKeys, TAG_BYTES};
use sessionmint_oauth::rotation::{
    Cause, Decision, Family, Presented, Refusal, decide, expires_at,
};
use sessionmint_oauth::{
    ClientId, GrantId, RefreshPolicy, RefreshToken, RefreshTokenHash, Rotation, Timestamp,
};

const WINDOW: u64 = 10;
const IDLE: u64 = 3000;
const ABSOLUTE: u64 = 100_000;
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// One key, and nothing of cryptography: the tests try no guesses.
struct Keys;

fn mac(purpose: &str, message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (lane, bytes) in (0_u8..).zip(out.chunks_mut(8)) {
        let mut hasher = DefaultHasher::new();
        (purpose, lane, message).hash(&mut hasher);
        bytes.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    out
}

impl RefreshKeys for Keys {
    fn tag(&self, version: u32, message: &[u8]) -> Option<[u8; TAG_BYTES]> {
        (version == 1).then(|| mac("tag", message)[..TAG_BYTES].try_into().unwrap())
    }

    fn is_tag(&self, version: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> Option<bool> {
        self.tag(version, message).map(|own| own == *tag)
    }

    fn derive(&self, version: u32, message: &[u8]) -> Option<[u8; 32]> {
        (version == 1).then(|| mac("derive", message))
    }
}

fn hash(token: &RefreshToken) -> RefreshTokenHash {
    RefreshTokenHash(mac("hash", token.as_str().as_bytes()))
}

fn client() -> ClientId {
    "server".parse().unwrap()
}

/// The token service: a row, and what it does with a request.
struct Service {
    row: Family,
    salt: [u8; 32],
    policy: RefreshPolicy,
    now: Timestamp,
    salts: u8,
    /// Every token that was ever handed out, and whatever else happened to it.
    issued: Vec<RefreshToken>,
    absolute_end: Timestamp,
}

/// A request that has read the row and has not written yet.
struct UnderWay {
    token: RefreshToken,
    arrived: Timestamp,
    generation: u32,
    decision: Decision,
    salt: [u8; 32],
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// A replaced or the same token, by name; `None` where the client keeps its own.
    Token(Option<RefreshToken>),
    Refused(Refusal),
    Revoked(Cause),
}

impl Service {
    fn new(rotation: Rotation) -> Self {
        let policy = RefreshPolicy {
            rotation,
            window_secs: WINDOW,
            idle_secs: IDLE,
            absolute_secs: ABSOLUTE,
        };
        let family = GrantId::from_random([7; 16]);
        let first = RefreshToken::first(&family, [9; 32], 1, &Keys).unwrap();
        let absolute_end = START.plus_secs(ABSOLUTE);
        Self {
            row: Family {
                client_id: client(),
                generation: 0,
                current: Some(hash(&first)),
                previous: None,
                rotated_at: START,
                absolute_end,
                idle_end: START.plus_secs(IDLE),
                revoked: false,
                session_over: false,
            },
            salt: [0; 32],
            policy,
            now: START,
            salts: 0,
            issued: vec![first],
            absolute_end,
        }
    }

    fn first(&self) -> RefreshToken {
        self.issued[0].clone()
    }

    fn decide(&self, token: &RefreshToken, now: Timestamp) -> Decision {
        let presented = Presented {
            client_id: client(),
            generation: token.generation(),
            hash: hash(token),
        };
        decide(&self.row, &presented, self.policy, now)
    }

    /// Reads and decides.
    fn begin(&self, token: &RefreshToken) -> UnderWay {
        UnderWay {
            token: token.clone(),
            arrived: self.now,
            generation: self.row.generation,
            decision: self.decide(token, self.now),
            salt: self.salt,
        }
    }

    /// Writes, and reads again where somebody else was first.
    fn finish(&mut self, mut request: UnderWay) -> Answer {
        loop {
            match request.decision {
                Decision::Same { idle_end } => {
                    if let Some(to) = idle_end {
                        if self.row.revoked {
                            return Answer::Refused(Refusal::Revoked);
                        }
                        self.row.idle_end = self.row.idle_end.max(to);
                    }
                    return Answer::Token(None);
                }
                Decision::Debounce => return Answer::Token(None),
                Decision::Replay => {
                    let again = request.token.successor(&request.salt, 1, &Keys).unwrap();
                    return Answer::Token(Some(again));
                }
                Decision::Rotate { idle_end } => {
                    if self.row.generation == request.generation && !self.row.revoked {
                        self.salts = self.salts.wrapping_add(1);
                        self.salt = [self.salts; 32];
                        let next = request.token.successor(&self.salt, 1, &Keys).unwrap();
                        self.row.previous = self.row.current.replace(hash(&next));
                        self.row.generation += 1;
                        self.row.rotated_at = request.arrived;
                        self.row.idle_end = idle_end;
                        self.issued.push(next.clone());
                        return Answer::Token(Some(next));
                    }
                }
                Decision::Revoke(cause) => {
                    self.row.revoked = true;
                    return Answer::Revoked(cause);
                }
                Decision::Refuse(refusal) => return Answer::Refused(refusal),
            }
            let arrived = request.arrived;
            request = self.begin(&request.token);
            request.decision = self.decide(&request.token, arrived);
            request.arrived = arrived;
        }
    }

    fn usable(&self, at: Timestamp) -> Vec<&RefreshToken> {
        let good = |token: &&RefreshToken| {
            !matches!(
                self.decide(token, at),
                Decision::Revoke(_) | Decision::Refuse(_)
            )
        };
        self.issued.iter().filter(good).collect()
    }

    /// What holds at every moment.
    fn check(&self) {
        assert_eq!(self.row.absolute_end, self.absolute_end);
        assert!(self.row.idle_end <= self.absolute_end);
        assert!(expires_at(300, self.row.absolute_end, self.now) <= self.absolute_end.secs());
        let usable = self.usable(self.now);
        assert!(usable.len() <= 2, "{usable:?}");
        for token in &usable {
            // Whoever may go on ends up at one and the same token.
            if hash(token) != self.row.current.unwrap() {
                let child = token.successor(&self.salt, 1, &Keys).unwrap();
                assert_eq!(Some(hash(&child)), self.row.current);
            }
        }
        let outside = self.now.max(self.row.rotated_at.plus_secs(WINDOW));
        let leaves = self.usable(outside);
        assert!(leaves.len() <= 1, "{leaves:?} outside of the window");
        if self.row.revoked {
            assert!(usable.is_empty() && leaves.is_empty());
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Somebody, honest or not, uses any token that ever was: the request has read.
    Begin(Index),
    /// One of the requests under way writes.
    Finish(Index),
    /// One of them dies before it writes.
    Crash(Index),
    /// Some milliseconds pass, also backwards.
    Pass(i64),
    /// The user signs out.
    SignOut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Begin),
        6 => any::<Index>().prop_map(Step::Finish),
        1 => any::<Index>().prop_map(Step::Crash),
        3 => (0_i64..12_000).prop_map(Step::Pass),
        1 => (0_i64..4_000_000).prop_map(Step::Pass),
        1 => (-3000_i64..0).prop_map(Step::Pass),
        1 => Just(Step::SignOut),
    ]
}

fn rotation() -> impl Strategy<Value = Rotation> {
    prop_oneof![
        4 => Just(Rotation::Rotate),
        1 => Just(Rotation::RotateNearExpiry),
        1 => Just(Rotation::None),
    ]
}

/// What an honest caller meets. Times are milliseconds.
#[derive(Clone, Debug)]
struct Call {
    /// When it reads the token from where all callers keep it.
    at: i64,
    /// How long until the service reads, until it writes, and until the answer is kept.
    takes: [i64; 3],
    /// Whether the first answer is lost, and it asks again.
    lost: bool,
}

fn call() -> impl Strategy<Value = Call> {
    // With a second try it is over within five seconds: half the window.
    (
        0_i64..12_000,
        [0_i64..800, 0_i64..800, 0_i64..800],
        any::<bool>(),
    )
        .prop_map(|(at, takes, lost)| Call { at, takes, lost })
}

proptest! {
    #[test]
    fn c100_there_are_never_two_leaves_whatever_the_schedule(
        rotation in rotation(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut service = Service::new(rotation);
        let mut under_way: Vec<UnderWay> = Vec::new();
        for step in steps {
            match step {
                Step::Begin(which) => {
                    let token = which.get(&service.issued).clone();
                    under_way.push(service.begin(&token));
                }
                Step::Finish(which) if !under_way.is_empty() => {
                    let request = under_way.swap_remove(which.index(under_way.len()));
                    let over = service.row.revoked;
                    let answer = service.finish(request);
                    if let Answer::Token(Some(token)) = answer {
                        prop_assert!(over || service.issued.contains(&token), "a fork");
                    }
                }
                Step::Crash(which) if !under_way.is_empty() => {
                    drop(under_way.swap_remove(which.index(under_way.len())));
                }
                Step::Finish(_) | Step::Crash(_) => {}
                Step::Pass(millis) => {
                    let now = service.now.millis().saturating_add(millis);
                    service.now = Timestamp::from_millis(now.max(START.millis()));
                }
                Step::SignOut => service.row.revoked = true,
            }
            service.check();
        }
    }

    #[test]
    fn c098_honest_callers_never_lose_whatever_the_order_of_answers(
        rotation in rotation(),
        bursts in proptest::collection::vec(
            (0_i64..2_900_000, proptest::collection::vec(call(), 1..24)),
            1..12,
        ),
    ) {
        let mut service = Service::new(rotation);
        let mut jar = service.first();
        let mut begins = START.millis();
        for (pause, calls) in bursts {
            begins += pause;
            prop_assume!(begins < START.plus_secs(ABSOLUTE - 600).millis());
            let generation = service.row.generation;
            begins = burst(&mut service, &mut jar, begins, &calls);
            service.check();
            prop_assert!(!service.row.revoked);
            // Twelve seconds and the time of a call: as long as a window and a little.
            prop_assert!(service.row.generation <= generation + 2);
        }
    }
}

/// Lets the calls happen, and says when the last is over. Panics when one of them is refused.
fn burst(service: &mut Service, jar: &mut RefreshToken, begins: i64, calls: &[Call]) -> i64 {
    enum What {
        Look,
        Read(RefreshToken),
        Write(UnderWay),
        Keep(Option<RefreshToken>),
    }
    // (when, order of arrival, whose, whether it is the second try, what)
    let mut events: Vec<(i64, usize, usize, bool, What)> = calls
        .iter()
        .enumerate()
        .map(|(whose, call)| (begins + call.at, whose, whose, false, What::Look))
        .collect();
    let mut order = events.len();
    let mut now = begins;
    while let Some(next) = (0..events.len()).min_by_key(|&at| (events[at].0, events[at].1)) {
        let (at, _, whose, again, what) = events.swap_remove(next);
        now = at;
        service.now = Timestamp::from_millis(now);
        let [to_read, to_write, to_keep] = calls[whose].takes;
        let (after, then) = match what {
            What::Look => (to_read, What::Read(jar.clone())),
            What::Read(token) => (to_write, What::Write(service.begin(&token))),
            What::Write(request) => {
                let token = request.token.clone();
                let Answer::Token(answer) = service.finish(request) else {
                    panic!("an honest caller was refused after {} ms", now - begins);
                };
                if calls[whose].lost && !again {
                    events.push((now + to_keep, order, whose, true, What::Read(token)));
                    order += 1;
                    continue;
                }
                (to_keep, What::Keep(answer))
            }
            What::Keep(answer) => {
                if let Some(token) = answer {
                    *jar = token;
                }
                continue;
            }
        };
        events.push((now + after, order, whose, again, then));
        order += 1;
    }
    now
}

#[test]
fn of_64_callers_at_once_each_gets_the_same_successor() {
    let mut service = Service::new(Rotation::Rotate);
    let mut token = service.first();
    for burst in 1..=100 {
        service.now = service.now.plus_secs(WINDOW + burst % 7);
        let requests: Vec<_> = (0..64).map(|_| service.begin(&token)).collect();
        let mut answers: Vec<_> = requests
            .into_iter()
            .map(|request| service.finish(request))
            .collect();
        answers.dedup();
        let [Answer::Token(Some(next))] = &answers[..] else {
            panic!("{answers:?}");
        };
        token = next.clone();
        assert_eq!(u64::from(service.row.generation), burst);
        assert!(!service.row.revoked);
    }
}
