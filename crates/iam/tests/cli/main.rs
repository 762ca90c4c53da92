//! The command line, through the real binary: what it does, what it prints, and how it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod client;
mod consent;
#[cfg(unix)]
mod encryption_key;
mod general;
mod grant;
mod json;
mod keys;
#[path = "../ops_support/mod.rs"]
mod ops_support;
mod role;
mod support;
mod user;
