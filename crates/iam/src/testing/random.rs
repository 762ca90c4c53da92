//! Random bytes that repeat from run to run, and that can run dry.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};

use crate::random::{Random, RandomError};

/// The stream SHA-256(seed, 0), SHA-256(seed, 1), …
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    block: AtomicU64,
    dry: AtomicBool,
}

impl SeededRandom {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            block: AtomicU64::new(0),
            dry: AtomicBool::new(false),
        }
    }

    /// A stream of this test's own: what is a secret in one is no name in another that logs at the same time.
    pub fn of_this_test() -> Self {
        thread_local! {
            static BEFORE: Cell<u64> = const { Cell::new(0) };
        }
        let before = BEFORE.replace(BEFORE.get() + 1);
        let mut hasher = DefaultHasher::new();
        (std::thread::current().name(), before).hash(&mut hasher);
        Self::new(hasher.finish())
    }

    /// Whether to fail from now on.
    pub fn set_dry(&self, dry: bool) {
        self.dry.store(dry, Ordering::SeqCst);
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        if self.dry.load(Ordering::SeqCst) {
            return Err(RandomError);
        }
        for chunk in out.chunks_mut(32) {
            let mut block = Context::new(&SHA256);
            block.update(&self.seed.to_be_bytes());
            block.update(&self.block.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            let digest = block.finish();
            for (to, from) in chunk.iter_mut().zip(digest.as_ref()) {
                *to = *from;
            }
        }
        Ok(())
    }
}
