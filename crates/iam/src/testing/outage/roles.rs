//! Roles, groups and records behind the switch.

use async_trait::async_trait;
use sessionmint_access::{GroupName, Policy, Record, RecordId, Role, RoleName, Subject};
use sessionmint_store::{
    AddNamed, AddRecord, By, Change, ChangeGroup, Membership, RecordFilter, RecordsOf, RemoveNamed,
    ReplaceRole, Roles, Store, StoreError, StoredGroup, StoredRole,
};

use super::StoreWithOutages;

#[async_trait]
impl<S: Store> Roles for StoreWithOutages<S> {
    async fn add_role(&self, role: Role, by: By) -> Result<AddNamed, StoreError> {
        self.inner()?.add_role(role, by).await
    }

    async fn replace_role(
        &self,
        role: Role,
        version: i64,
        by: By,
    ) -> Result<ReplaceRole, StoreError> {
        self.inner()?.replace_role(role, version, by).await
    }

    async fn remove_role(
        &self,
        name: &RoleName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError> {
        self.inner()?.remove_role(name, version, records, by).await
    }

    async fn role(&self, name: &RoleName) -> Result<Option<StoredRole>, StoreError> {
        self.inner()?.role(name).await
    }

    async fn roles(
        &self,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<StoredRole>, StoreError> {
        self.inner()?.roles(after, limit).await
    }

    async fn add_group(&self, name: GroupName, by: By) -> Result<AddNamed, StoreError> {
        self.inner()?.add_group(name, by).await
    }

    async fn change_group(
        &self,
        name: &GroupName,
        change: Membership,
        version: Option<i64>,
        by: By,
    ) -> Result<ChangeGroup, StoreError> {
        self.inner()?.change_group(name, change, version, by).await
    }

    async fn remove_group(
        &self,
        name: &GroupName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError> {
        self.inner()?.remove_group(name, version, records, by).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<StoredGroup>, StoreError> {
        self.inner()?.group(name).await
    }

    async fn groups(
        &self,
        after: Option<&GroupName>,
        limit: u32,
    ) -> Result<Vec<StoredGroup>, StoreError> {
        self.inner()?.groups(after, limit).await
    }

    async fn members(
        &self,
        group: &GroupName,
        after: Option<&Subject>,
        limit: u32,
    ) -> Result<Vec<Subject>, StoreError> {
        self.inner()?.members(group, after, limit).await
    }

    async fn add_record(&self, record: Record, by: By) -> Result<AddRecord, StoreError> {
        self.inner()?.add_record(record, by).await
    }

    async fn remove_record(&self, id: &RecordId, by: By) -> Result<Change, StoreError> {
        self.inner()?.remove_record(id, by).await
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        self.inner()?.record(id).await
    }

    async fn records(
        &self,
        filter: &RecordFilter,
        after: Option<&RecordId>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        self.inner()?.records(filter, after, limit).await
    }

    async fn policy_version(&self) -> Result<i64, StoreError> {
        self.inner()?.policy_version().await
    }

    async fn policy(&self) -> Result<(i64, Policy), StoreError> {
        self.inner()?.policy().await
    }
}
