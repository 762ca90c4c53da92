//! A change of the encryption key: all private keys are encrypted anew, in one transaction.
//!
//! So at every moment, also after a crash, exactly one of the two encryption keys opens all of them. Services that run
//! meanwhile go on signing with the keys that they hold; they look for the new encryption key where they found the old one
//! and store no key under the old one, since the store refuses a key that follows another form of the newest.

use std::path::Path;

use sessionmint_store::{By, Change, ResealedKey, SigningKeyRow, Store};

use super::encryption::{EncryptionKey, EncryptionKeyError};
use super::location::KeyLocation;
use super::refresh;
use super::seal::{SEAL_VERSION, Sealer};
use super::{KeysError, SigningKey};

/// How a change of the encryption key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reseal {
    /// So many signing keys are encrypted with the new key now.
    Done(usize),
    /// All of them were already: an earlier change got that far.
    DoneBefore(usize),
}

/// How often the change starts again when keys are stored or removed meanwhile, which happens at most every few seconds.
const ATTEMPTS: usize = 5;

/// Encrypts all stored signing keys with the key in the file `new`, which only its owner may read.
///
/// # Errors
/// [`KeysError`]; nothing has changed then.
pub async fn reseal(
    location: &KeyLocation,
    new: &Path,
    store: &dyn Store,
    by: &By,
) -> Result<Reseal, KeysError> {
    let key = EncryptionKey::read(new).map_err(|error| match error {
        EncryptionKeyError::Missing { path } => KeysError::NoNewKey { path },
        other => other.into(),
    })?;
    let new_sealer = Sealer::new(&key)?;
    for _ in 0..ATTEMPTS {
        let rows = store.keys().await?;
        let current = location.read();
        let same = current.as_ref().is_ok_and(|current| *current == key);
        if !rows.is_empty() && rows.iter().all(|row| new_sealer.opens(row)) {
            if same {
                return Err(KeysError::SameKey {
                    path: new.to_owned(),
                });
            }
            return Ok(Reseal::DoneBefore(rows.len()));
        }
        let old_sealer = Sealer::new(&current?)?;
        let resealed = rows
            .iter()
            .map(|row| resealed(row, &old_sealer, &new_sealer, location));
        let resealed: Vec<_> = resealed.collect::<Result<_, _>>()?;
        let refresh_keys = store.refresh_keys().await?.into_iter();
        let refresh_keys = refresh_keys
            .map(|row| refresh::resealed(row, &old_sealer, &new_sealer, location))
            .collect::<Result<_, _>>()?;
        if store
            .reseal_keys(resealed, refresh_keys, by.clone())
            .await?
            == Change::Done
        {
            return Ok(Reseal::Done(rows.len()));
        }
    }
    Err(KeysError::Conflict)
}

fn resealed(
    row: &SigningKeyRow,
    old: &Sealer,
    new: &Sealer,
    location: &KeyLocation,
) -> Result<ResealedKey, KeysError> {
    let opened = old
        .open_row(row)
        .ok_or_else(|| KeysError::sealed(row, location))?;
    SigningKey::parse(&row.kid, &row.alg, &opened)?;
    Ok(ResealedKey {
        kid: row.kid.clone(),
        old: row.pkcs8.clone(),
        new: new.seal(&row.kid, &row.alg, &opened)?,
        seal_version: SEAL_VERSION,
    })
}
