//! Answers, with their reason.

use std::fmt;

use serde::Serialize;
use sessionmint_oauth::RecordId;

use crate::{GroupName, ResourcePattern, RoleName};

/// Whether it is allowed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The reason; it decides.
    pub why: Why,
}

/// Why it is allowed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Allowed: this record gives a role that has the permission.
    Granted(Match),
    /// Denied: the user or client is disabled.
    Disabled,
    /// Denied: no record names the subject or a group that it is in.
    NoRecords,
    /// Denied: there are records for the subject, and none is about this resource.
    OtherResources,
    /// Denied: there are records for the subject on this resource, and none of their roles has the permission. The first
    /// [`Why::SHOWN`] of them.
    PermissionMissing(Vec<Match>),
}

/// A record that is about the subject and the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Which record.
    pub id: RecordId,
    /// The role that it gives.
    pub role: RoleName,
    /// The group through which it reaches the subject, where it does not name the subject itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The resources that it is about.
    #[serde(rename = "resource")]
    pub pattern: ResourcePattern,
}

impl Decision {
    /// Whether it is allowed.
    pub fn allowed(&self) -> bool {
        matches!(self.why, Why::Granted(_))
    }
}

impl Why {
    /// How many records a denial names at most.
    pub const SHOWN: usize = 5;

    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Disabled => "disabled",
            Self::NoRecords => "no_records",
            Self::OtherResources => "other_resources",
            Self::PermissionMissing(_) => "permission_missing",
        }
    }

    /// The records that it is about.
    pub fn records(&self) -> &[Match] {
        match self {
            Self::Granted(record) => std::slice::from_ref(record),
            Self::PermissionMissing(records) => records,
            Self::Disabled | Self::NoRecords | Self::OtherResources => &[],
        }
    }
}

/// For people, as part of a sentence about the subject.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(record) => write!(f, "{record}"),
            Self::Disabled => f.write_str("the subject is disabled"),
            Self::NoRecords => f.write_str("no record names the subject or a group that it is in"),
            Self::OtherResources => {
                f.write_str("the records of the subject and its groups are about other resources")
            }
            Self::PermissionMissing(records) => {
                f.write_str("the roles that the subject has here lack the permission: ")?;
                for (place, record) in records.iter().enumerate() {
                    let separator = if place == 0 { "" } else { "; " };
                    write!(f, "{separator}{record}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            role,
            group,
            pattern,
        } = self;
        write!(f, "role {role} on {pattern}")?;
        if let Some(group) = group {
            write!(f, " through group {group}")?;
        }
        write!(f, " (record {id})")
    }
}
