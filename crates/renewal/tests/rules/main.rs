//! One test per rule of the machine, named after it, seen from one tab.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod asking;
mod background;
mod callers;
mod clocks;
mod sign_out;
mod standstill;
mod support;
mod telling;
mod trouble;
