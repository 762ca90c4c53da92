//! Who may do what: roles, groups, records, and the check of a permission. Pure: no clock, no I/O, no storage.
//!
//! A [`Role`] is a set of permissions. A [`Group`] is a set of users and clients. A [`Record`] gives a user, a client or a
//! group one role on the resources that a pattern names. [`Index::authorize`] answers whether a subject has a permission on
//! a resource: never unless a record says so, and always with the reason.
//!
//! ```
//! use sessionmint_access::{Grantee, Index, Policy, Record, RecordId, Role, Subject};
//! use sessionmint_oauth::UserId;
//!
//! let ada = Subject::User(UserId::from_random([7; 16]));
//! let policy = Policy {
//!     roles: vec![Role { name: "reader".parse()?, permissions: ["credentials:read".parse()?].into() }],
//!     records: vec![Record {
//!         id: RecordId::from_random([1; 16]),
//!         grantee: Grantee::Subject(ada.clone()),
//!         role: "reader".parse()?,
//!         pattern: "/user-credentials/*/users/7".parse()?,
//!     }],
//!     ..Policy::default()
//! };
//! let index = Index::new(policy);
//! let resource = "/user-credentials/refresh-tokens/users/7".parse()?;
//! assert!(index.authorize(&ada, &resource, &"credentials:read".parse()?).allowed());
//! assert!(!index.authorize(&ada, &resource, &"credentials:write".parse()?).allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decision;
mod index;
mod name;
mod policy;
mod resource;
mod subject;
mod text;

pub use decision::{Decision, Match, Why};
pub use index::Index;
pub use name::{GroupName, Permission, RoleName};
pub use policy::{Group, Policy, Record, Role};
pub use resource::{MAX_BYTES, MAX_SEGMENTS, MAX_WILDCARDS, ResourcePath, ResourcePattern};
pub use sessionmint_oauth::RecordId;
pub use subject::{Grantee, Subject};
pub use text::InvalidText;
