//! The forms of password hash that are understood: argon2, which is what this service makes, and those that come with
//! users from elsewhere (`sessionmint user import`).
//!
//! An imported hash is checked as it is, and replaced by an argon2id one at the next successful sign-in. Until then
//! checking it takes as long as its own parameters ask for. These can be anything, so [`Stored::importable`] refuses what
//! would let one line of a file stop the service's sign-ins: a hash of gigabytes or of minutes.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bcrypt::HashParts;
use scrypt::Scrypt;

use std::num::NonZeroU32;

/// Most memory that checking an imported hash may take, in KiB: 256 MiB, twice what is recommended for scrypt.
const MAX_MEMORY_KIB: u64 = 256 * 1024;

/// Most memory times passes, in KiB: one to two seconds.
const MAX_KIB_FILLED: u64 = 1024 * 1024;

/// The largest bcrypt cost: two to three seconds.
const MAX_BCRYPT_COST: u32 = 15;

/// Most rounds of PBKDF2: one to three seconds.
const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;

/// Bytes of a PBKDF2 salt and of its hash. A shorter hash would soon be met by chance.
const PBKDF2_SALT: std::ops::RangeInclusive<usize> = 4..=64;
const PBKDF2_HASH: std::ops::RangeInclusive<usize> = 16..=64;

/// A hash that can be compared with a password.
pub enum Stored {
    /// `$argon2id$`, `$argon2i$`, `$argon2d$` (RFC 9106).
    Argon2 {
        /// As read.
        hash: PasswordHash,
        /// What it costs.
        params: Params,
    },
    /// `$scrypt$` (RFC 7914).
    Scrypt {
        /// As read.
        hash: PasswordHash,
        /// What it costs.
        params: scrypt::Params,
    },
    /// `$2a$`, `$2b$`, `$2y$`. Only the first 72 bytes of a password count.
    Bcrypt {
        /// As read.
        hash: String,
        /// The logarithm of the rounds.
        cost: u32,
    },
    /// `$pbkdf2-sha256$`, `$pbkdf2-sha512$` (RFC 8018).
    Pbkdf2(Pbkdf2),
}

/// See [`Stored::Pbkdf2`].
pub struct Pbkdf2 {
    algorithm: pbkdf2::Algorithm,
    name: &'static str,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Why a hash is not taken. Repeats nothing of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashRefusal {
    /// Of another kind than those that are understood.
    #[error(
        "the hash is of no known kind; there are $argon2id$, $argon2i$, $argon2d$, $2a$, $2b$, $2y$, $scrypt$, $pbkdf2-sha256$ and $pbkdf2-sha512$"
    )]
    Unknown,
    /// Of a known kind, but something in it is missing or wrong.
    #[error("the {0} hash cannot be read")]
    Malformed(&'static str),
    /// Checking it would take too much memory or time.
    #[error("the {0} hash has parameters that would take too much memory or time to check")]
    TooCostly(&'static str),
}

impl Stored {
    /// Reads a hash.
    ///
    /// # Errors
    /// [`HashRefusal::Unknown`] and [`HashRefusal::Malformed`].
    pub fn parse(text: &str) -> Result<Self, HashRefusal> {
        let kind = text
            .strip_prefix('$')
            .and_then(|rest| rest.split('$').next());
        match kind.unwrap_or_default() {
            "argon2id" | "argon2i" | "argon2d" => {
                argon2(text).ok_or(HashRefusal::Malformed("argon2"))
            }
            "scrypt" => scrypt(text).ok_or(HashRefusal::Malformed("scrypt")),
            "2a" | "2b" | "2y" => bcrypt(text).ok_or(HashRefusal::Malformed("bcrypt")),
            "pbkdf2-sha256" => pbkdf2(text, pbkdf2::PBKDF2_HMAC_SHA256, "pbkdf2-sha256")
                .ok_or(HashRefusal::Malformed("pbkdf2-sha256")),
            "pbkdf2-sha512" => pbkdf2(text, pbkdf2::PBKDF2_HMAC_SHA512, "pbkdf2-sha512")
                .ok_or(HashRefusal::Malformed("pbkdf2-sha512")),
            _ => Err(HashRefusal::Unknown),
        }
    }

    /// Reads a hash that comes from elsewhere.
    ///
    /// # Errors
    /// [`HashRefusal`].
    pub fn importable(text: &str) -> Result<Self, HashRefusal> {
        let stored = Self::parse(text)?;
        let affordable = match &stored {
            Self::Argon2 { .. } | Self::Scrypt { .. } => {
                stored.memory_kib() <= MAX_MEMORY_KIB && stored.kib_filled() <= MAX_KIB_FILLED
            }
            Self::Bcrypt { cost, .. } => *cost <= MAX_BCRYPT_COST,
            Self::Pbkdf2(pbkdf2) => pbkdf2.rounds.get() <= MAX_PBKDF2_ROUNDS,
        };
        if affordable {
            Ok(stored)
        } else {
            Err(HashRefusal::TooCostly(stored.kind()))
        }
    }

    /// The kind's name, as in its prefix.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Argon2 { hash, .. } => match Algorithm::try_from(hash.algorithm.as_str()) {
                Ok(algorithm) => algorithm.as_str(),
                Err(_) => "argon2",
            },
            Self::Scrypt { .. } => "scrypt",
            Self::Bcrypt { .. } => "bcrypt",
            Self::Pbkdf2(pbkdf2) => pbkdf2.name,
        }
    }

    /// Whether it is the hash of `password`.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, Error> {
        let verified = match self {
            Self::Argon2 { hash, .. } => Argon2::default().verify_password(password, hash),
            Self::Scrypt { hash, .. } => Scrypt::new().verify_password(password, hash),
            Self::Bcrypt { hash, .. } => {
                return bcrypt::verify(password, hash).map_err(|_| Error::Crypto);
            }
            Self::Pbkdf2(Pbkdf2 {
                algorithm,
                rounds,
                salt,
                hash,
                ..
            }) => return Ok(pbkdf2::verify(*algorithm, *rounds, salt, password, hash).is_ok()),
        };
        match verified {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Memory filled while checking it, in KiB: passes times memory.
    pub(super) fn kib_filled(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => {
                u64::from(params.m_cost()).saturating_mul(u64::from(params.t_cost()))
            }
            Self::Scrypt { params, .. } => self.memory_kib().saturating_mul(u64::from(params.p())),
            Self::Bcrypt { .. } | Self::Pbkdf2(_) => 0,
        }
    }

    fn memory_kib(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => u64::from(params.m_cost()),
            Self::Scrypt { params, .. } => {
                params.n().saturating_mul(u64::from(params.r()) * 128) / 1024
            }
            Self::Bcrypt { .. } | Self::Pbkdf2(_) => 0,
        }
    }
}

fn argon2(text: &str) -> Option<Stored> {
    let hash = PasswordHash::new(text).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let known = hash
        .version
        .is_none_or(|version| Version::try_from(version).is_ok());
    (known && hash.salt.is_some() && hash.hash.is_some()).then_some(Stored::Argon2 { hash, params })
}

fn scrypt(text: &str) -> Option<Stored> {
    let hash = PasswordHash::new(text).ok()?;
    let params = scrypt::Params::try_from(&hash).ok()?;
    (hash.salt.is_some() && hash.hash.is_some()).then_some(Stored::Scrypt { hash, params })
}

fn bcrypt(text: &str) -> Option<Stored> {
    let cost = text.parse::<HashParts>().ok()?.get_cost();
    (4..=31).contains(&cost).then(|| Stored::Bcrypt {
        hash: text.to_owned(),
        cost,
    })
}

/// `i=ROUNDS[,l=LENGTH]` as in PHC strings, or the rounds alone and `.` for `+`, which Python's passlib writes.
fn pbkdf2(text: &str, algorithm: pbkdf2::Algorithm, name: &'static str) -> Option<Stored> {
    let mut fields = text.split('$').skip(2);
    let (params, salt, hash) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let bytes = |field: &str| STANDARD_NO_PAD.decode(field.replace('.', "+")).ok();
    let (salt, hash) = (bytes(salt)?, bytes(hash)?);
    let rounds = match params.strip_prefix("i=") {
        None => params,
        Some(params) => match params.split_once(",l=") {
            None => params,
            Some((rounds, len)) => (len.parse() == Ok(hash.len())).then_some(rounds)?,
        },
    };
    let sized = PBKDF2_SALT.contains(&salt.len()) && PBKDF2_HASH.contains(&hash.len());
    let rounds = rounds.parse().ok().filter(|_| sized)?;
    Some(Stored::Pbkdf2(Pbkdf2 {
        algorithm,
        name,
        rounds,
        salt,
        hash,
    }))
}
