//! Where the IAM keeps users, sessions, clients and signing keys.
//!
//! Each method of the traits is **one atomic command** that ends in an outcome; there is no `begin … save`. Time and
//! identifiers come in as parameters, and SQL lives only in this crate. [`StoreError`] means that the engine could not
//! answer: callers turn it into 503, never into "no such session".
//!
//! # Writing an engine
//! Implement the four traits, then run `contract` (feature `contract`) against it; an engine is right when that suite passes.

mod records;
mod traits;

pub use records::{NewSession, NewUser, Session, SigningKeyRow, User};
pub use traits::{
    AddClient, AddKey, AddUser, Change, Clients, EndSessions, Keys, ReplaceClient, Sessions, StartSession, Store,
    StoreError, Users,
};
