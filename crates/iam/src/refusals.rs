//! What is refused and changes nothing, on its way to the audit trail: counted in memory, written together.
//!
//! To be refused costs an attacker nothing, so it may cost the service little: no write of its own, bounded memory, and a
//! bounded number of records. Attempts alike within one round are one record with their number; where an attacker makes
//! them all different, they lose detail and never their number. Each of them is in the log as well, which is where to look
//! when the service was killed before a round was written.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sessionmint_access::{Permission, ResourcePath, Subject};
use sessionmint_oauth::{ClientId, Network, SessionId, Timestamp, UserId};
use sessionmint_store::{
    Actor, AuditKind, AuditReason, By, NewAuditRecord, Refusal, Store, StoreError,
};

use crate::login::MAX_USERNAME_BYTES;

/// How long a round is.
pub(crate) const ROUND: Duration = Duration::from_secs(10);

/// Records of refusals that are kept, some 200 bytes each; beyond it the oldest are removed.
pub(crate) const MAX_RECORDS: u32 = 200_000;

/// Different attempts of one round. One more of each kind and reason stands for all others.
const MAX_DIFFERENT: usize = 100;

/// Different attempts of one network, so that one alone cannot use up the room of the others.
const MAX_DIFFERENT_OF_NETWORK: usize = 8;

/// The same of an IPv6 /48, which is what one subscriber often holds.
const MAX_DIFFERENT_OF_SITE: usize = 32;

/// Longest origin that is kept, in characters.
const MAX_ORIGIN_CHARS: usize = 100;

/// What was refused to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum About {
    /// Nobody in particular.
    Nothing,
    /// Who typed this name. It is looked up before it is written, and not written: now and then it is a password.
    Username(String),
    /// This user, who was not there.
    User(UserId),
    /// A user who is signed in.
    Session(UserId, SessionId),
    /// A page of this origin.
    Origin(String),
    /// A permission.
    Permission(Box<Denied>),
    /// The user on whose behalf the client acts: no refusal, but counted like one, for there may be as many.
    OnBehalfOf(UserId),
}

/// A permission that was asked for and denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Denied {
    /// Who asked, for themselves or about somebody.
    pub(crate) caller: ClientId,
    pub(crate) subject: Subject,
    pub(crate) resource: ResourcePath,
    pub(crate) permission: Permission,
    /// See [`sessionmint_access::Why::code`].
    pub(crate) why: &'static str,
}

/// One refusal.
pub(crate) struct Refused {
    pub(crate) kind: AuditKind,
    pub(crate) reason: Option<AuditReason>,
    pub(crate) about: About,
    pub(crate) at: Timestamp,
    pub(crate) network: IpAddr,
    /// The client that the request came through.
    pub(crate) client_id: Option<ClientId>,
}

/// Attempts that are alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Alike {
    kind: AuditKind,
    reason: Option<AuditReason>,
    network: Option<Network>,
    client_id: Option<ClientId>,
    about: About,
}

/// How many there were, and the first of them.
#[derive(Clone, Copy)]
struct Tally {
    attempts: u32,
    at: Timestamp,
    address: Option<IpAddr>,
}

/// The attempts of one round.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<Alike, Tally>>);

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&self, refused: Refused) {
        let alike = Alike {
            kind: refused.kind,
            reason: refused.reason,
            network: Some(Network::of(refused.network)),
            client_id: refused.client_id,
            about: bounded(refused.about),
        };
        let tally = Tally {
            attempts: 1,
            at: refused.at,
            address: Some(refused.network),
        };
        add(&mut self.lock(), alike, tally);
    }

    /// Writes the round to the audit trail in one transaction, and begins the next one. What could not be written is in the
    /// next one too.
    pub(crate) async fn write(&self, store: &dyn Store) -> Result<(), StoreError> {
        let round = std::mem::take(&mut *self.lock());
        if round.is_empty() {
            return Ok(());
        }
        let written = match records(&round, store).await {
            Ok(records) => store.record_refusals(records).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            let mut next = self.lock();
            for (alike, tally) in round {
                add(&mut next, alike, tally);
            }
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Alike, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bounded(about: About) -> About {
    match about {
        // No user has such a name.
        About::Username(name) if name.len() > MAX_USERNAME_BYTES => About::Nothing,
        About::Origin(origin) => About::Origin(origin.chars().take(MAX_ORIGIN_CHARS).collect()),
        other => other,
    }
}

fn add(round: &mut HashMap<Alike, Tally>, mut alike: Alike, mut tally: Tally) {
    if !round.contains_key(&alike) {
        let of_network = round.keys().filter(|other| other.network == alike.network);
        if of_network.count() >= MAX_DIFFERENT_OF_NETWORK {
            alike.about = About::Nothing;
        }
        if let Some(site) = alike.network.and_then(Network::site)
            && !round.contains_key(&alike)
        {
            let in_site = |other: &&Alike| other.network.and_then(Network::site) == Some(site);
            if round.keys().filter(in_site).count() >= MAX_DIFFERENT_OF_SITE {
                alike.about = About::Nothing;
                alike.network = Some(site);
            }
        }
        if !round.contains_key(&alike) && round.len() >= MAX_DIFFERENT {
            alike = Alike {
                network: None,
                client_id: None,
                about: About::Nothing,
                ..alike
            };
            tally.address = None;
        }
    }
    merge(round, alike, tally);
}

fn merge(into: &mut HashMap<Alike, Tally>, alike: Alike, tally: Tally) {
    let known = into.entry(alike).or_insert(Tally {
        attempts: 0,
        ..tally
    });
    known.attempts = known.attempts.saturating_add(tally.attempts);
    known.at = known.at.min(tally.at);
}

/// What is written of a round. Names that nobody has are alike now.
async fn records(
    round: &HashMap<Alike, Tally>,
    store: &dyn Store,
) -> Result<Vec<Refusal>, StoreError> {
    let mut merged = HashMap::new();
    for (alike, tally) in round {
        let mut alike = alike.clone();
        if let About::Username(name) = &alike.about {
            let user = store.user_by_name(name).await?;
            alike.about = user.map_or(About::Nothing, |user| About::User(user.id));
        }
        merge(&mut merged, alike, *tally);
    }
    let mut records: Vec<_> = merged
        .into_iter()
        .map(|(alike, tally)| refusal(alike, tally))
        .collect();
    records.sort_by_key(|refusal| (refusal.by.at, refusal.record.kind, refusal.record.reason));
    Ok(records)
}

fn refusal(alike: Alike, tally: Tally) -> Refusal {
    let mut record = NewAuditRecord {
        reason: alike.reason,
        attempts: Some(tally.attempts),
        ..NewAuditRecord::new(alike.kind)
    };
    let mut actor = Actor::Nobody;
    match alike.about {
        About::Nothing | About::Username(_) => {}
        About::User(user) => record.user_id = Some(user),
        About::Session(user, session) => {
            actor = Actor::User(user.clone());
            record.user_id = Some(user);
            record.session_id = Some(session);
        }
        About::Origin(origin) => record = record.detail("origin", origin),
        About::OnBehalfOf(user) => {
            if let Some(client) = &alike.client_id {
                actor = Actor::Client(client.clone());
            }
            record.user_id = Some(user);
        }
        About::Permission(denied) => {
            actor = Actor::Client(denied.caller);
            if let Subject::User(user) = &denied.subject {
                record.user_id = Some(user.clone());
            }
            record = record
                .detail("subject", denied.subject.as_str())
                .detail("resource", denied.resource.as_str())
                .detail("permission", denied.permission.as_str())
                .detail("why", denied.why);
        }
    }
    let by = By {
        at: tally.at,
        actor: Some(actor),
        client_id: alike.client_id,
        network: tally.address,
    };
    Refusal { by, record }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use sessionmint_store::{
        Audit as _, AuditFilter, AuditRecord, NewUser, SqliteStore, Users as _,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn network(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    fn sign_in(name: &str, network: IpAddr) -> Refused {
        Refused {
            kind: AuditKind::SignInFailed,
            reason: Some(AuditReason::Rejected),
            about: About::Username(name.to_owned()),
            at: NOW,
            network,
            client_id: Some("web".parse().unwrap()),
        }
    }

    async fn store() -> (tempfile::TempDir, SqliteStore, UserId) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("iam.db")).unwrap();
        let id = UserId::from_random([1; 16]);
        let ada = NewUser {
            id: id.clone(),
            username: "ada".to_owned(),
            password_hash: None,
            scopes: None,
            disabled_at: None,
            created_at: NOW,
        };
        store.add_user(ada, By::service(NOW)).await.unwrap();
        (folder, store, id)
    }

    async fn written(store: &SqliteStore) -> Vec<AuditRecord> {
        let filter = AuditFilter {
            kinds: vec![AuditKind::SignInFailed, AuditKind::OriginRefused],
            ..AuditFilter::default()
        };
        store.audit(&filter, None, u32::MAX).await.unwrap()
    }

    fn attempts(records: &[AuditRecord]) -> u32 {
        records.iter().filter_map(|record| record.attempts).sum()
    }

    #[tokio::test]
    async fn c151_attempts_alike_are_one_record_with_their_number() {
        let (_folder, store, ada) = store().await;
        let refusals = Refusals::default();
        let later = |refused: Refused| Refused {
            at: NOW.plus_secs(5),
            ..refused
        };
        for n in 0..3 {
            refusals.count(later(sign_in("ada", network(1))));
            refusals.count(sign_in(&format!("no such user {n}"), network(1)));
            refusals.count(sign_in("ada", format!("2001:db8::{n}").parse().unwrap()));
        }
        refusals.count(sign_in("ada", network(1)));
        let before = store.write_transactions();
        refusals.write(&store).await.unwrap();
        refusals.write(&store).await.unwrap();
        assert_eq!(store.write_transactions(), before + 1);

        let mut found: Vec<_> = written(&store)
            .await
            .into_iter()
            .map(|r| (r.network.unwrap(), r.user_id, r.attempts.unwrap(), r.at))
            .collect();
        found.sort();
        let ada = Some(ada);
        assert_eq!(
            found,
            [
                (network(1), None, 3, NOW),
                (network(1), ada.clone(), 4, NOW),
                ("2001:db8::".parse().unwrap(), ada, 3, NOW),
            ]
        );
    }

    #[tokio::test]
    async fn c151_a_flood_from_one_network_hides_nothing_of_others() {
        let (_folder, store, ada) = store().await;
        let refusals = Refusals::default();
        for n in 0..10_000 {
            refusals.count(sign_in(&format!("name {n}"), network(1)));
            refusals.count(Refused {
                kind: AuditKind::OriginRefused,
                reason: Some(AuditReason::NotRegistered),
                about: About::Origin(format!("https://{n}.example")),
                client_id: None,
                ..sign_in("", network(1))
            });
        }
        refusals.count(sign_in("ada", network(2)));
        assert!(refusals.lock().len() < 20);
        refusals.write(&store).await.unwrap();
        let records = written(&store).await;
        assert_eq!(attempts(&records), 20_001);
        let hers: Vec<_> = records
            .iter()
            .filter(|record| record.user_id == Some(ada.clone()))
            .collect();
        assert_eq!(hers.len(), 1);
        assert_eq!(
            hers.first().and_then(|record| record.network),
            Some(network(2))
        );
    }

    #[tokio::test]
    async fn c151_a_flood_from_all_networks_of_one_subscriber_hides_nothing_of_others() {
        let (_folder, store, ada) = store().await;
        let refusals = Refusals::default();
        for n in 0..10_000 {
            let address = format!("2001:db8:1:{n:x}::1");
            refusals.count(sign_in("ada", address.parse().unwrap()));
        }
        for n in 0..40 {
            refusals.count(sign_in("ada", network(n)));
        }
        refusals.write(&store).await.unwrap();
        let records = written(&store).await;
        assert_eq!(attempts(&records), 10_040);
        let others = |record: &&AuditRecord| {
            record.user_id == Some(ada.clone()) && record.network.is_some_and(|ip| ip.is_ipv4())
        };
        assert_eq!(records.iter().filter(others).count(), 40);
    }

    #[tokio::test]
    async fn c151_a_flood_from_many_networks_is_bounded_and_counted() {
        let (_folder, store, _) = store().await;
        let refusals = Refusals::default();
        for n in 0..10_000 {
            refusals.count(sign_in(&format!("name {n}"), network(n)));
            assert!(refusals.lock().len() <= MAX_DIFFERENT + 1);
        }
        refusals.write(&store).await.unwrap();
        let records = written(&store).await;
        assert_eq!(
            (records.len(), attempts(&records)),
            (MAX_DIFFERENT + 1, 10_000)
        );
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_in_the_next_round() {
        let (_folder, store, _) = store().await;
        let store = crate::testing::StoreWithOutages::new(store);
        let refusals = Refusals::default();
        refusals.count(sign_in("ada", network(1)));
        store.set_down(true);
        for _ in 0..2 {
            assert!(refusals.write(&store).await.is_err());
        }
        refusals.count(sign_in("ada", network(1)));
        store.set_down(false);
        refusals.write(&store).await.unwrap();
        let records = store.audit(&AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!(attempts(&records), 2);
    }

    #[test]
    fn what_is_remembered_of_an_attempt_is_short() {
        let refusals = Refusals::default();
        refusals.count(sign_in(&"x".repeat(MAX_USERNAME_BYTES + 1), network(1)));
        refusals.count(Refused {
            about: About::Origin("ä".repeat(5000)),
            ..sign_in("", network(1))
        });
        for alike in refusals.lock().keys() {
            assert!(match &alike.about {
                About::Nothing => true,
                About::Origin(origin) => origin.chars().count() == MAX_ORIGIN_CHARS,
                _ => false,
            });
        }
    }
}
