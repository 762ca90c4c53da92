//! What is the same for roles and groups: they have a name and a version, and records name them.

use std::fmt;

use serde_json::json;
use sessionmint_access::{GroupName, Record, RoleName};
use sessionmint_store::{RecordsOf, RemoveNamed};

use super::{CliError, output};

/// A role or a group, by name.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    Role(&'a RoleName),
    Group(&'a GroupName),
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "role `{name}`"),
            Self::Group(name) => write!(f, "group `{name}`"),
        }
    }
}

impl Named<'_> {
    /// That there is none of that name.
    pub(super) fn missing(self) -> CliError {
        let kind = match self {
            Self::Role(_) => "role",
            Self::Group(_) => "group",
        };
        format!("there is no {self}; `sessionmint {kind} list` shows them").into()
    }

    /// What came of removing it.
    pub(super) fn removed(self, outcome: RemoveNamed, as_json: bool) -> Result<(), CliError> {
        let name = match self {
            Self::Role(name) => name.as_str(),
            Self::Group(name) => name.as_str(),
        };
        match outcome {
            RemoveNamed::Removed { records } => output::done(
                as_json,
                &json!({ "name": name, "records": records }),
                &format!("removed {self} and {}", output::counted(records, "record")),
            ),
            RemoveNamed::NotFound => Err(self.missing()),
            RemoveNamed::Conflict => Err(changed_meanwhile()),
            RemoveNamed::InUse { records, first } => Err(self.in_use(records, &first)),
        }
    }

    fn in_use(self, records: u32, first: &Record) -> CliError {
        let number = output::counted(records, "record");
        let which = match self {
            Self::Role(name) => format!("--role {name}"),
            Self::Group(name) => format!("--subject group:{name}"),
        };
        format!(
            "{self} is in use by {number}, among them {} ({} has role {} on {}); `sessionmint record list {which}` shows all. \
             To remove them as well: --with-records",
            first.id, first.grantee, first.role, first.pattern
        )
        .into()
    }
}

/// What `--with-records` means.
pub(super) fn records_of(with_records: bool) -> RecordsOf {
    if with_records {
        RecordsOf::Remove
    } else {
        RecordsOf::Keep
    }
}

/// That somebody else was first.
pub(super) fn changed_meanwhile() -> CliError {
    "somebody changed it in the meantime, and nothing was changed now; look again and repeat".into()
}
