//! `sessionmint keys …`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_iam::config::defaults::KEYS_RELOAD_SECS;
use sessionmint_iam::keys::{
    KeyLocation, KeysError, Listed, Reseal, Rotation, SigningKeys, listed, reseal,
};
use sessionmint_iam::shown;
use sessionmint_iam::{Clock as _, SystemClock};
use sessionmint_oauth::Timestamp;
use sessionmint_store::Keys as _;

use super::by::by;
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
    /// Encrypt the stored signing keys with another encryption key, while the service runs
    #[command(after_help = "\
Example, as the user of the service:
  (umask 077; openssl rand -base64 32 > new.key)
  sessionmint keys change-encryption-key --new-key-file new.key --config sessionmint.toml

All stored keys change in one transaction, so at any moment either the old or the new encryption key opens all of them.
The command then prints how to put the new one in the place of the old one. Running services go on signing until then and
after; a service that starts in between refuses to. When it was interrupted, run it again: it says whether the change was
made, and makes it otherwise.

Keep the old key for as long as you keep backups of before: they hold the signing keys encrypted with it. Somebody who has
the old key and an old copy of the database has the signing keys in it: withdraw those with `sessionmint keys rotate
--emergency`.")]
    ChangeEncryptionKey(ChangeEncryptionKey),
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
    /// Replace the keys of refresh tokens instead; those in circulation stay good
    #[arg(long, conflicts_with = "emergency")]
    refresh: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct ChangeEncryptionKey {
    /// The file with the new key: 32 random bytes in base64 or hex, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
}

impl Keys {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(common),
            Self::Rotate(rotate) => rotate.run(common),
            Self::ChangeEncryptionKey(change) => change.run(common),
        }
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (settings, store) = open(common, Missing::Refuse)?;
        let keys = block_on(async { Ok(store.keys().await?) })?;
        let keys = listed(&keys, &settings.keys.policy(), SystemClock.now());
        if self.json {
            let keys: Vec<_> = keys.iter().map(shown::key).collect();
            return output::json(&keys.into());
        }
        let rows: Vec<_> = keys.iter().map(row).collect();
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
        if self.refresh {
            let by = by();
            let name = block_on(async {
                let keys = SigningKeys::open(&settings.keys, settings.database()?, &store, &by);
                Ok(keys.await?.rotate_refresh_keys(&store, &by).await?)
            })?;
            output::done(self.json, &json!({ "kid": name }), &name)?;
            output::note(&format!(
                "running services take it over within {KEYS_RELOAD_SECS} s; what derived tokens until now is destroyed minutes \
                 later"
            ));
            return Ok(());
        }
        let policy = settings.keys.policy();
        let rotation = if self.emergency {
            Rotation::Emergency
        } else {
            Rotation::Planned
        };
        let by = by();
        let now = by.at;
        let kid = block_on(async {
            let keys = SigningKeys::open(&settings.keys, settings.database()?, &store, &by).await?;
            keys.rotate(&store, &by, rotation).await.map_err(|error| match error {
                KeysError::TooSoon(why) => CliError::from(format!(
                    "too soon: {why}; it can be rotated from {}. If somebody else may have the key: --emergency",
                    output::time(why.earliest)
                )),
                error => error.into(),
            })
        })?;
        output::done(self.json, &json!({ "kid": kid }), &kid)?;
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

impl ChangeEncryptionKey {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (settings, store) = open(common, Missing::Refuse)?;
        let location = KeyLocation::new(&settings.keys, settings.database()?);
        let new = self.new_key_file;
        let done = block_on(async { Ok(reseal(&location, &new, &store, &by()).await?) })?;
        let (keys, how) = match done {
            Reseal::Done(keys) => (keys, "encrypted with"),
            Reseal::DoneBefore(keys) => (keys, "encrypted before with"),
        };
        output::line(&format!(
            "{how} the key in {}: {}",
            new.display(),
            output::counted(keys, "signing key")
        ))?;
        if !store.empty_log()? {
            output::note(
                "the database is busy: until the service is restarted its -wal file may still hold the keys as they were \
                 encrypted before",
            );
        }
        output::note(&next_step(&location, &new));
        Ok(())
    }
}

/// What is left to do after a change of the encryption key.
fn next_step(location: &KeyLocation, new: &Path) -> String {
    let Some(current) = location.file() else {
        return format!(
            "now set SESSIONMINT_KEYS_ENCRYPTION_KEY to the key in {} and restart each service; until then they sign with \
             the signing keys that they hold and take over no others. Backups of before need the old key: keep it",
            new.display()
        );
    };
    let (current, new) = (current.display(), new.display());
    let until = output::time(SystemClock.now()).replace(':', "");
    format!(
        "now put it in the place of the old one, which backups of before need:\n  \
         cp -p {current} {current}.until-{until} && mv {new} {current}\n\
         running services take it over within {KEYS_RELOAD_SECS} s; until then they sign with the signing keys that they \
         hold and take over no others"
    )
}

fn row(key: &Listed) -> [String; 7] {
    let or_dash = |time: Option<Timestamp>| time.map_or("-".to_owned(), output::time);
    [
        key.kid.clone(),
        key.alg.clone(),
        key.state.to_owned(),
        output::time(key.created_at),
        output::time(key.signs_from),
        or_dash(key.signs_until),
        or_dash(key.gone_at),
    ]
}
