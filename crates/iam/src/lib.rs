//! The IAM service as a library: sign-in, sessions, and short-lived access tokens minted from the session cookie.
//!
//! [`App`] holds everything that the endpoints share and is built by [`App::builder`]; [`http::router`] turns it into an
//! axum router. The binary `sessionmint` adds configuration files, the command line and the listener; tests build the
//! same [`App`] with a clock they move and a seeded random source (module `testing`, behind the feature of that name).
//!
//! What it is not: the decisions. Those are pure functions in `sessionmint_oauth`; a handler loads, asks, stores, signs.
//! Where to look: `http/<endpoint>.rs` is one endpoint each, `keys` signs, `login` proves who somebody is.

mod access;
pub mod admin;
pub mod app;
mod client_keys;
pub mod client_secret;
pub mod clock;
pub mod config;
pub mod http;
pub mod keys;
pub mod limits;
pub mod logging;
pub mod login;
pub mod metrics;
pub mod random;
mod refusals;
pub mod registration;
pub mod renewal;
pub mod serve;
pub mod shown;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
pub mod when;

pub use app::{App, AppBuilder, BuildError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::Config;
pub use random::{Random, RandomError, SystemRandom};
