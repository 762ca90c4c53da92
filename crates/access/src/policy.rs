//! What is decided by.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use sessionmint_oauth::RecordId;

use crate::{Grantee, GroupName, Permission, ResourcePattern, RoleName, Subject};

/// A set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// What records call it.
    pub name: RoleName,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
}

/// A set of users and clients. Groups have no groups in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What records call it.
    pub name: GroupName,
    /// Who is in it.
    pub members: BTreeSet<Subject>,
}

/// Gives somebody a role on resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What decisions name it by.
    pub id: RecordId,
    /// Whom.
    #[serde(rename = "subject")]
    pub grantee: Grantee,
    /// Which role.
    pub role: RoleName,
    /// On what.
    #[serde(rename = "resource")]
    pub pattern: ResourcePattern,
}

/// All of it, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Every role.
    pub roles: Vec<Role>,
    /// Every group.
    pub groups: Vec<Group>,
    /// Every record. One whose role is missing gives nothing.
    pub records: Vec<Record>,
    /// Who may do nothing, whatever the records say.
    pub disabled: HashSet<Subject>,
}
