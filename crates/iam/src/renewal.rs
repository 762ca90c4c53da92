//! The renewal of a refresh token: load, decide, one compare-and-swap; when somebody else was first, the same again.
//!
//! What is decided is in `sessionmint_oauth::rotation`. Here is what that needs: keys, salt, and the store.

use aws_lc_rs::digest;
use sessionmint_oauth::lifetime::SessionTimes;
use sessionmint_oauth::refresh_token::{NoKey, NotOurs};
use sessionmint_oauth::rotation::{self, Cause, Decision, Family, Presented, Refusal};
use sessionmint_oauth::{GrantId, OAuthClient, RefreshToken, RefreshTokenHash, Timestamp};
use sessionmint_store::{AuditReason, By, Change, Grant, RotateGrant, StoreError, Successor};

use crate::App;
use crate::keys::KeysError;
use crate::random::{self, RandomError};

/// How often the row is read. Every time but the last somebody else has to have replaced the token in between, and after the
/// first time it is an old one.
const ATTEMPTS: usize = 4;

/// A use that is answered.
#[derive(Debug)]
pub struct Renewed {
    /// As it was read.
    pub grant: Grant,
    /// What takes the place of the presented token; `None` where that stays. It is not sent again then: an answer that is
    /// late must not put an old token over a newer one where the client keeps it.
    pub refresh_token: Option<RefreshToken>,
    /// How it went, for the metrics.
    pub how: &'static str,
}

/// Why a use is not answered. Only [`NotRenewed::Revoked`] has changed anything.
#[derive(Debug, thiserror::Error)]
pub enum NotRenewed {
    /// It never was a token of ours.
    #[error("{0}")]
    NotOurs(NotOurs),
    /// Its grant is gone, or the user may not sign in.
    #[error("there is no such grant")]
    Unknown,
    /// The rules say no.
    #[error(transparent)]
    Refused(Refusal),
    /// An old token was used: the grant is over from now on.
    #[error("an old refresh token was used ({}); the grant was ended", .0.as_str())]
    Revoked(Cause),
    /// The storage cannot answer, or changes faster than it can be followed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A key is not there any more that the answer has to be derived with.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// There is no salt.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl NotRenewed {
    /// The word for it in the metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotOurs(_) => "not_ours",
            Self::Unknown => "unknown",
            Self::Refused(refusal) => refusal.as_str(),
            Self::Revoked(Cause::Late) => "revoked_late",
            Self::Revoked(Cause::LostResponse) => "revoked_lost_response",
            Self::Revoked(Cause::Theft) => "revoked_theft",
            Self::Store(_) | Self::Keys(_) | Self::NoKey(_) | Self::Random(_) => "unavailable",
        }
    }
}

/// SHA-256 of a token: what is stored of it.
pub fn hash(token: &RefreshToken) -> RefreshTokenHash {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, token.as_str().as_bytes());
    hash.copy_from_slice(digest.as_ref());
    RefreshTokenHash(hash)
}

/// The first refresh token of a grant.
///
/// # Errors
/// [`NotRenewed::Random`], or [`NotRenewed::NoKey`] before the keys were read.
pub fn first(app: &App, grant: &GrantId) -> Result<RefreshToken, NotRenewed> {
    let keys = app.keys.for_refresh_tokens();
    let secret = random::bytes(&*app.random)?;
    Ok(RefreshToken::first(grant, secret, keys.newest(), &*keys)?)
}

/// Uses `token`, which `client` presented after it proved who it is. `may` says whether what the request asks for beside it is
/// within the grant; only then anything is stored. `now` is read before anything else.
///
/// # Errors
/// [`NotRenewed`], or what `may` says.
pub async fn renew<T, E: From<NotRenewed>>(
    app: &App,
    client: &OAuthClient,
    token: &str,
    now: Timestamp,
    by: &By,
    may: impl Fn(&Grant) -> Result<T, E>,
) -> Result<(Renewed, T), E> {
    let token = read(app, token).await?;
    let presented = Presented {
        client_id: client.client_id.clone(),
        generation: token.generation(),
        hash: hash(&token),
    };
    for _ in 0..ATTEMPTS {
        let grant = load(app, &token).await?;
        let family = family(app, &grant, now);
        let decision = rotation::decide(&family, &presented, client.refresh, now);
        let granted = match decision {
            Decision::Revoke(_) | Decision::Refuse(_) => None,
            _ => Some(may(&grant)?),
        };
        let done = carry_out(app, decision, &token, &grant, now, by).await?;
        if let (Some((refresh_token, how)), Some(granted)) = (done, granted) {
            let renewed = Renewed {
                grant,
                refresh_token,
                how,
            };
            return Ok((renewed, granted));
        }
    }
    let busy = StoreError::Unavailable("the grant changes faster than it can be read".to_owned());
    Err(NotRenewed::from(busy).into())
}

/// A version that this instance does not know may be one that another has just stored.
async fn read(app: &App, token: &str) -> Result<RefreshToken, NotRenewed> {
    let keys = app.keys.for_refresh_tokens();
    match RefreshToken::read(token, &*keys) {
        Err(NotOurs::UnknownKey { version }) if version > keys.newest() => {
            app.keys.reload_refresh_keys(&*app.store).await?;
            RefreshToken::read(token, &*app.keys.for_refresh_tokens())
        }
        read => read,
    }
    .map_err(NotRenewed::NotOurs)
}

async fn load(app: &App, token: &RefreshToken) -> Result<Grant, NotRenewed> {
    let grant = app.store.grant(token.family()).await?;
    grant.ok_or(NotRenewed::Unknown)
}

fn family(app: &App, grant: &Grant, now: Timestamp) -> Family {
    let lives = |times: SessionTimes| times.remaining_secs(app.session_policy(), now).is_some();
    Family {
        client_id: grant.client_id.clone(),
        generation: grant.generation,
        current: grant.current,
        previous: grant.previous,
        rotated_at: grant.rotated_at,
        absolute_end: grant.absolute_end,
        idle_end: grant.idle_end,
        revoked: grant.revoked.is_some(),
        session_over: grant.session_id.is_some() && !grant.session.is_some_and(lives),
    }
}

/// The answer and how it came about; `None` when the row is another by now.
async fn carry_out(
    app: &App,
    decision: Decision,
    token: &RefreshToken,
    grant: &Grant,
    now: Timestamp,
    by: &By,
) -> Result<Option<(Option<RefreshToken>, &'static str)>, NotRenewed> {
    match decision {
        Decision::Same { idle_end: None } => Ok(Some((None, "same"))),
        Decision::Same {
            idle_end: Some(idle_end),
        } => match app.store.touch_grant(&grant.id, idle_end).await? {
            Change::Done => Ok(Some((None, "same"))),
            Change::NotFound => Ok(None),
        },
        Decision::Debounce => Ok(Some((None, "debounced"))),
        Decision::Replay => {
            let keys = app.keys.for_refresh_tokens();
            let again = match token.successor(&grant.salt, grant.key_version, &*keys) {
                Err(NoKey { version }) if version > keys.newest() => {
                    app.keys.reload_refresh_keys(&*app.store).await?;
                    let keys = app.keys.for_refresh_tokens();
                    token.successor(&grant.salt, grant.key_version, &*keys)?
                }
                again => again?,
            };
            Ok(Some((Some(again), "replayed")))
        }
        Decision::Rotate { idle_end } => {
            let keys = app.keys.for_refresh_tokens();
            let salt = random::bytes(&*app.random)?;
            let next = token.successor(&salt, keys.newest(), &*keys)?;
            let successor = Successor {
                follows: grant.generation,
                hash: hash(&next),
                salt,
                key_version: keys.newest(),
                rotated_at: now,
                idle_end,
            };
            match app.store.rotate_grant(&grant.id, successor).await? {
                RotateGrant::Rotated => Ok(Some((Some(next), "rotated"))),
                RotateGrant::Conflict | RotateGrant::Gone => Ok(None),
            }
        }
        Decision::Revoke(cause) => {
            let reason = match cause {
                Cause::Late => AuditReason::Late,
                Cause::LostResponse => AuditReason::LostResponse,
                Cause::Theft => AuditReason::Theft,
            };
            app.store
                .revoke_grant(&grant.id, reason, by.clone())
                .await?;
            Err(NotRenewed::Revoked(cause))
        }
        Decision::Refuse(refusal) => Err(NotRenewed::Refused(refusal)),
    }
}
