//! Where the service gets its random bytes: session ids, public ids, token ids, salts.

/// The source of randomness failed. Nothing may be issued then: requests end in 503, a start is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

/// A source of random bytes.
pub trait Random: Send + Sync {
    /// Fills `out` wholly with unpredictable bytes, or fails.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError>;
}

/// `N` bytes from `random`.
pub fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomError> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}

/// The generator of aws-lc, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for randomness"
    )]
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        aws_lc_rs::rand::fill(out).map_err(|_| RandomError)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn c008_session_ids_never_repeat_and_share_no_prefix() {
        let mut whole = HashSet::new();
        let mut first_bytes = HashSet::new();
        for _ in 0..1_000_000 {
            let id: [u8; 32] = bytes(&SystemRandom).unwrap();
            first_bytes.insert(id[0]);
            assert!(
                whole.insert(<[u8; 16]>::try_from(&id[..16]).unwrap()),
                "a repeated id"
            );
        }
        assert_eq!(first_bytes.len(), 256);
    }
}
