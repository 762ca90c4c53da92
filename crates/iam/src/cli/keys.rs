//! `sessionmint keys …`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sessionmint_iam::keys::{KeysError, Rotation, SigningKeys, times};
use sessionmint_iam::{Clock as _, SystemClock};
use sessionmint_oauth::{KeyPolicy, Timestamp};
use sessionmint_store::{Keys as _, SigningKeyRow};

use super::store::{Missing, block_on, open};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the signing keys with their states; the private parts are never shown
    List(List),
    /// Replace the signing key; a running service takes the new one over within seconds
    #[command(after_help = "\
Example:
  sessionmint keys rotate --config sessionmint.toml

The new key is published at once and signs when no verifier can hold a key set without it any more; the old one stays
published until its last token is over. No valid token is refused. --emergency is for a key that somebody else may have:
the old keys are gone from the key set at once, tokens in circulation are refused (apps mint new ones without a new
sign-in), and a verifier may go on trusting the old keys for as long as it keeps its key set.")]
    Rotate(Rotate),
}

#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Rotate {
    /// The old keys are compromised: withdraw them now, though valid tokens are refused
    #[arg(long)]
    emergency: bool,
}

impl Keys {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(common),
            Self::Rotate(rotate) => rotate.run(common),
        }
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (settings, store) = open(common, Missing::Refuse)?;
        let keys = block_on(async { Ok(store.keys().await?) })?;
        let keys = listed(&keys, &settings.keys.policy(), SystemClock.now());
        if self.json {
            let keys: Vec<_> = keys.iter().map(Listed::json).collect();
            return output::json(&keys.into());
        }
        let rows: Vec<_> = keys.iter().map(Listed::row).collect();
        output::table(
            [
                "KID",
                "ALG",
                "STATE",
                "CREATED",
                "SIGNS FROM",
                "SIGNS UNTIL",
                "GONE AT",
            ],
            &rows,
        )
    }
}

impl Rotate {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (settings, store) = open(common, Missing::Refuse)?;
        let policy = settings.keys.policy();
        let rotation = if self.emergency {
            Rotation::Emergency
        } else {
            Rotation::Planned
        };
        let now = SystemClock.now();
        let kid = block_on(async {
            let keys = SigningKeys::open(&settings.keys, settings.database()?, &store, now).await?;
            keys.rotate(&store, now, rotation).await.map_err(|error| match error {
                KeysError::TooSoon(why) => CliError::from(format!(
                    "too soon: {why}; it can be rotated from {}. If somebody else may have the key: --emergency",
                    output::time(why.earliest)
                )),
                error => error.into(),
            })
        })?;
        output::line(&kid)?;
        if self.emergency {
            output::note(&format!(
                "all other keys are withdrawn; running services follow within {} s. Tokens in circulation are refused; apps mint \
                 new ones without a new sign-in. A verifier may trust the old keys for up to {} s more, until it fetches the \
                 key set again, and longer where it cannot: restart those that must not.",
                policy.notice_secs, policy.max_age_secs
            ));
        } else {
            output::note(&format!(
                "it signs from {}; the key before it stays published for its tokens until {}",
                output::time(now.plus_secs(policy.lead_secs())),
                output::time(
                    now.plus_secs(policy.lead_secs().saturating_add(policy.retain_secs()))
                ),
            ));
        }
        Ok(())
    }
}

/// A key with its place on the timetable.
struct Listed {
    kid: String,
    alg: String,
    state: &'static str,
    created_at: Timestamp,
    signs_from: Timestamp,
    signs_until: Option<Timestamp>,
    gone_at: Option<Timestamp>,
}

fn listed(rows: &[SigningKeyRow], policy: &KeyPolicy, now: Timestamp) -> Vec<Listed> {
    let times = times(rows);
    let states = policy.states(&times, now);
    let keys = rows.iter().zip(states).enumerate();
    keys.map(|(index, (row, state))| {
        let (signs_until, gone_at) = policy.end_of(&times, index).unzip();
        Listed {
            kid: row.kid.clone(),
            alg: row.alg.clone(),
            state: state.name(),
            created_at: row.created_at,
            signs_from: row.activates_at.max(row.created_at),
            signs_until,
            gone_at,
        }
    })
    .collect()
}

impl Listed {
    fn json(&self) -> Value {
        json!({
            "kid": self.kid,
            "alg": self.alg,
            "state": self.state,
            "created_at": output::time(self.created_at),
            "signs_from": output::time(self.signs_from),
            "signs_until": self.signs_until.map(output::time),
            "gone_at": self.gone_at.map(output::time),
        })
    }

    fn row(&self) -> [String; 7] {
        let or_dash = |time: Option<Timestamp>| time.map_or("-".to_owned(), output::time);
        [
            self.kid.clone(),
            self.alg.clone(),
            self.state.to_owned(),
            output::time(self.created_at),
            output::time(self.signs_from),
            or_dash(self.signs_until),
            or_dash(self.gone_at),
        ]
    }
}
