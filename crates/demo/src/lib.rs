//! What surrounds the IAM service in the demo, each in one folder or file that can be read by itself:
//!
//! - [`notes`]: a sample service behind `sessionmint-verify`. The one to copy from.
//! - [`gateway`]: the API host. `/iam` goes to the IAM service with the session cookie, the rest to the sample service
//!   without it.
//! - [`ui`]: the static server of the app, with the headers that a page holding tokens should have.
//! - [`ttl`]: the demo's short-token switch, which runs the real CLI.
//!
//! It is not a production gateway: it shows what a gateway in front of an IAM service on the same host must do, and the
//! browser tests run through it.

pub mod gateway;
pub mod notes;
mod problem;
pub mod run;
pub mod ttl;
pub mod ui;
