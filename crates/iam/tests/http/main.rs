//! The service as its callers see it: build it, send a request, look at the answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test should stop where it finds something else than it expects"
)]

mod access;
mod account;
mod admin;
mod audit;
mod client_credentials;
mod clock;
mod code_flow;
mod cookie;
mod discovery;
mod guards;
mod headers;
mod jwt;
mod keys;
mod lifecycle;
mod login;
mod logs;
mod openapi;
mod operators;
mod outage;
mod password;
mod private_key_jwt;
mod refresh;
mod rotation;
mod secrets;
mod skew;
mod support;
mod token;
mod tokens;
