//! The keys of refresh tokens: encrypted in the store as the signing keys are, and used for nothing else.

use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use sessionmint_oauth::refresh_key::{derivation_is_over, is_due, last_family};
use sessionmint_oauth::refresh_token::{RefreshKeys, TAG_BYTES};
use sessionmint_store::{
    AddKey, By, Change, RefreshKeyRow, ResealedRefreshKey, SigningKeyRow, Store,
};
use zeroize::Zeroizing;

use super::seal::Sealer;
use super::{KeyLocation, KeysError, SigningKeys};
use crate::random::{self, SystemRandom};

/// All versions that there are, as they are in memory.
#[derive(Default)]
pub struct RefreshRing {
    rows: Vec<RefreshKeyRow>,
    keys: Vec<Keys>,
}

struct Keys {
    version: u32,
    tag: hmac::Key,
    derive: Option<hmac::Key>,
}

/// What a key is for: what is encrypted as the one does not open as the other.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Tag,
    Derive,
}

impl Part {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Derive => "derive",
        }
    }
}

impl RefreshRing {
    /// The version for new tokens.
    pub fn newest(&self) -> u32 {
        self.keys.last().map_or(0, |keys| keys.version)
    }

    fn open(
        rows: Vec<RefreshKeyRow>,
        sealer: &Sealer,
        location: &KeyLocation,
    ) -> Result<Self, KeysError> {
        let keys = rows.iter().map(|row| {
            let opened = opened(row, sealer).ok_or_else(|| sealed(row, location))?;
            let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
            Ok(Keys {
                version: row.version,
                tag: key(&opened.tag),
                derive: opened.derive.as_deref().map(|bytes| key(bytes)),
            })
        });
        let keys = keys.collect::<Result<_, KeysError>>()?;
        Ok(Self { rows, keys })
    }

    fn get(&self, version: u32) -> Option<&Keys> {
        self.keys.iter().find(|keys| keys.version == version)
    }
}

impl RefreshKeys for RefreshRing {
    fn tag(&self, version: u32, message: &[u8]) -> Option<[u8; TAG_BYTES]> {
        let tag = hmac::sign(&self.get(version)?.tag, message);
        tag.as_ref().get(..TAG_BYTES)?.try_into().ok()
    }

    fn is_tag(&self, version: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> Option<bool> {
        let own = self.tag(version, message)?;
        Some(constant_time::verify_slices_are_equal(&own, tag).is_ok())
    }

    fn derive(&self, version: u32, message: &[u8]) -> Option<[u8; 32]> {
        let key = self.get(version)?.derive.as_ref()?;
        hmac::sign(key, message).as_ref().try_into().ok()
    }
}

impl SigningKeys {
    /// The keys of refresh tokens.
    pub fn for_refresh_tokens(&self) -> Arc<RefreshRing> {
        self.refresh_ring.load_full()
    }

    /// Reads the keys of refresh tokens again: another instance may have stored a version that this one does not know.
    ///
    /// # Errors
    /// [`KeysError`]; those in use stay then.
    pub async fn reload_refresh_keys(&self, store: &dyn Store) -> Result<(), KeysError> {
        let rows = store.refresh_keys().await?;
        if self.refresh_ring.load().rows != rows {
            let ring = RefreshRing::open(rows, &self.sealer.load(), &self.location)?;
            self.refresh_ring.store(Arc::new(ring));
        }
        Ok(())
    }

    /// Replaces the keys of refresh tokens; the new version. Tokens in circulation stay good.
    ///
    /// # Errors
    /// [`KeysError::Conflict`] when another instance was first, and whatever else is wrong. Nothing is changed then.
    pub async fn rotate_refresh_keys(
        &self,
        store: &dyn Store,
        by: &By,
    ) -> Result<String, KeysError> {
        let signing = store.keys().await?;
        self.reload_refresh_keys(store).await?;
        self.add_refresh_keys(store, &signing, by).await
    }

    /// Makes the first version when there is none.
    pub(super) async fn open_refresh_keys(
        &self,
        store: &dyn Store,
        signing: &[SigningKeyRow],
        by: &By,
    ) -> Result<(), KeysError> {
        self.reload_refresh_keys(store).await?;
        if self.refresh_ring.load().keys.is_empty() {
            match self.add_refresh_keys(store, signing, by).await {
                // Another instance was first, and this one takes over its keys.
                Ok(_) | Err(KeysError::Conflict) => {}
                Err(error) => return Err(error),
            }
            self.reload_refresh_keys(store).await?;
        }
        Ok(())
    }

    /// Replaces a version that is old enough, and takes from older ones what is not needed any more.
    pub(super) async fn turn_refresh_keys(
        &self,
        store: &dyn Store,
        signing: &[SigningKeyRow],
        by: &By,
    ) -> Result<(), KeysError> {
        self.reload_refresh_keys(store).await?;
        let ring = self.refresh_ring.load_full();
        let rotate_after = self.policy.rotate_after_secs;
        let due = |newest: &RefreshKeyRow| is_due(newest.created_at, rotate_after, by.at);
        if ring.rows.last().is_none_or(due) {
            match self.add_refresh_keys(store, signing, by).await {
                Ok(key) => tracing::info!(key, "new keys of refresh tokens"),
                Err(KeysError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        for (row, next) in ring.rows.iter().zip(ring.rows.iter().skip(1)) {
            let (version, replaced_at) = (row.version, next.created_at);
            if row.derive_key.is_some() && derivation_is_over(replaced_at, by.at) {
                store.destroy_derive_key(version, by.clone()).await?;
                tracing::info!(version, "derivation key of refresh tokens destroyed");
            } else if row.derive_key.is_none()
                && store
                    .remove_refresh_key(version, last_family(replaced_at), by.clone())
                    .await?
                    == Change::Done
            {
                tracing::info!(version, "keys of refresh tokens removed; the last is over");
            }
        }
        self.reload_refresh_keys(store).await
    }

    async fn add_refresh_keys(
        &self,
        store: &dyn Store,
        signing: &[SigningKeyRow],
        by: &By,
    ) -> Result<String, KeysError> {
        let random = || random::bytes::<32>(&SystemRandom).map(Zeroizing::new);
        let plain = Opened {
            tag: random().map_err(|_| KeysError::Generate)?.to_vec().into(),
            derive: Some(random().map_err(|_| KeysError::Generate)?.to_vec().into()),
        };
        let row = RefreshKeyRow {
            version: self.refresh_ring.load().newest().saturating_add(1),
            tag_key: Vec::new(),
            derive_key: None,
            created_at: by.at,
        };
        let row = encrypted(&row, &plain, &self.sealer.load())?;
        let name = RefreshKeyRow::key_id(row.version);
        let newest = signing.last().cloned();
        match store.add_refresh_key(row, newest, by.clone()).await? {
            AddKey::Added => {
                self.reload_refresh_keys(store).await?;
                Ok(name)
            }
            AddKey::Conflict => Err(KeysError::Conflict),
        }
    }
}

/// The same keys, encrypted with another key.
pub(super) fn resealed(
    old: RefreshKeyRow,
    old_sealer: &Sealer,
    new_sealer: &Sealer,
    location: &KeyLocation,
) -> Result<ResealedRefreshKey, KeysError> {
    let plain = opened(&old, old_sealer).ok_or_else(|| sealed(&old, location))?;
    Ok(ResealedRefreshKey {
        new: encrypted(&old, &plain, new_sealer)?,
        old,
    })
}

struct Opened {
    tag: Zeroizing<Vec<u8>>,
    derive: Option<Zeroizing<Vec<u8>>>,
}

/// `None` where a key does not open.
fn opened(row: &RefreshKeyRow, sealer: &Sealer) -> Option<Opened> {
    Some(Opened {
        tag: sealer.open_refresh_key(row.version, Part::Tag, &row.tag_key)?,
        derive: match &row.derive_key {
            Some(sealed) => Some(sealer.open_refresh_key(row.version, Part::Derive, sealed)?),
            None => None,
        },
    })
}

fn encrypted(
    row: &RefreshKeyRow,
    plain: &Opened,
    sealer: &Sealer,
) -> Result<RefreshKeyRow, KeysError> {
    let derive = plain.derive.as_ref();
    Ok(RefreshKeyRow {
        version: row.version,
        created_at: row.created_at,
        tag_key: sealer.seal_refresh_key(row.version, Part::Tag, &plain.tag)?,
        derive_key: derive
            .map(|key| sealer.seal_refresh_key(row.version, Part::Derive, key))
            .transpose()?,
    })
}

fn sealed(row: &RefreshKeyRow, location: &KeyLocation) -> KeysError {
    KeysError::Sealed {
        kid: RefreshKeyRow::key_id(row.version),
        key: location.to_string(),
    }
}
