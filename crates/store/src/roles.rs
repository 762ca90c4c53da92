//! Roles, groups and records: what is stored, and the commands.

use async_trait::async_trait;
use sessionmint_access::{Grantee, GroupName, Policy, Record, RecordId, Role, RoleName, Subject};

use crate::{By, Change, StoreError};

/// A role as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRole {
    /// The role.
    pub role: Role,
    /// Another number after every change; none is used twice, not even when a name is used again.
    pub version: i64,
}

/// A group as stored, but for its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// Its name.
    pub name: GroupName,
    /// How many members it has.
    pub members: u32,
    /// As [`StoredRole::version`]; members who come and go change it.
    pub version: i64,
}

/// Who comes into a group, and who leaves it. Who is in it already, or not in it, stays so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Who comes.
    pub add: Vec<Subject>,
    /// Who leaves.
    pub remove: Vec<Subject>,
}

/// What happens to the records of a role or group that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsOf {
    /// With records it stays.
    Keep,
    /// They go with it.
    Remove,
}

/// Which records are wanted; what is empty does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Those that name this user, client or group themselves.
    pub grantee: Option<Grantee>,
    /// Those that give this role.
    pub role: Option<RoleName>,
}

/// Outcome of [`Roles::add_role`] and [`Roles::add_group`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddNamed {
    /// It is there now.
    Added {
        /// Its version.
        version: i64,
    },
    /// There is one of that name.
    NameTaken,
}

/// Outcome of [`Roles::replace_role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceRole {
    /// It is as asked now.
    Replaced {
        /// Its version; the same as before when nothing was to be changed.
        version: i64,
    },
    /// There is none of that name.
    NotFound,
    /// Somebody changed it in the meantime; nothing changed now.
    Conflict,
}

/// Outcome of [`Roles::change_group`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeGroup {
    /// Its members are as asked now.
    Changed {
        /// Its version; the same as before when nothing was to be changed.
        version: i64,
    },
    /// There is none of that name.
    NotFound,
    /// Somebody changed it in the meantime; nothing changed now.
    Conflict,
    /// There is no such user or client; nothing changed.
    NoSubject(Subject),
}

/// Outcome of [`Roles::remove_role`] and [`Roles::remove_group`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoveNamed {
    /// It is gone.
    Removed {
        /// How many records went with it.
        records: u32,
    },
    /// There is none of that name.
    NotFound,
    /// Somebody changed it in the meantime; nothing changed now.
    Conflict,
    /// Records name it; nothing changed.
    InUse {
        /// How many.
        records: u32,
        /// The first of them.
        first: Record,
    },
}

/// Outcome of [`Roles::add_record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddRecord {
    /// It is there now.
    Added,
    /// This one says the same.
    Exists(RecordId),
    /// There is no such role.
    NoRole,
    /// There is no such user, client or group.
    NoGrantee,
}

/// Who may do what. Records and memberships of a user or client go with them.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Adds a role unless its name is taken.
    async fn add_role(&self, role: Role, by: By) -> Result<AddNamed, StoreError>;
    /// Replaces the permissions of the role of the same name, only while its version is `version`.
    async fn replace_role(
        &self,
        role: Role,
        version: i64,
        by: By,
    ) -> Result<ReplaceRole, StoreError>;
    /// Removes a role; given a version, only while it has that.
    async fn remove_role(
        &self,
        name: &RoleName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError>;
    /// Finds by name.
    async fn role(&self, name: &RoleName) -> Result<Option<StoredRole>, StoreError>;
    /// Roles by name, `limit` of them after `after`.
    async fn roles(
        &self,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<StoredRole>, StoreError>;
    /// Adds a group without members unless its name is taken.
    async fn add_group(&self, name: GroupName, by: By) -> Result<AddNamed, StoreError>;
    /// Lets members come and go, all of them at once; given a version, only while the group has that.
    async fn change_group(
        &self,
        name: &GroupName,
        change: Membership,
        version: Option<i64>,
        by: By,
    ) -> Result<ChangeGroup, StoreError>;
    /// Removes a group; given a version, only while it has that.
    async fn remove_group(
        &self,
        name: &GroupName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError>;
    /// Finds by name.
    async fn group(&self, name: &GroupName) -> Result<Option<StoredGroup>, StoreError>;
    /// Groups by name, `limit` of them after `after`.
    async fn groups(
        &self,
        after: Option<&GroupName>,
        limit: u32,
    ) -> Result<Vec<StoredGroup>, StoreError>;
    /// The members of a group by id, `limit` of them after `after`.
    async fn members(
        &self,
        group: &GroupName,
        after: Option<&Subject>,
        limit: u32,
    ) -> Result<Vec<Subject>, StoreError>;
    /// Adds a record unless one says the same. A record is never changed, so it has no version.
    async fn add_record(&self, record: Record, by: By) -> Result<AddRecord, StoreError>;
    /// Removes a record.
    async fn remove_record(&self, id: &RecordId, by: By) -> Result<Change, StoreError>;
    /// Finds by id.
    async fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError>;
    /// Records by id, `limit` of them after `after`.
    async fn records(
        &self,
        filter: &RecordFilter,
        after: Option<&RecordId>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;
    /// The number of the last change of anything that [`Roles::policy`] reads, whoever made it. Cheap: asked at every check.
    async fn policy_version(&self) -> Result<i64, StoreError>;
    /// All of it, as of the moment that the number is of.
    async fn policy(&self) -> Result<(i64, Policy), StoreError>;
}
