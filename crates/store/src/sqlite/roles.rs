//! Roles, groups and records. Each command that changes one numbers the change (`access_state`) in its transaction.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use sessionmint_access::{
    Grantee, Group, GroupName, Policy, Record, RecordId, Role, RoleName, Subject,
};

use super::SqliteStore;
use super::audit::Trail;
use super::rows::{damaged, parsed};
use super::sessions::count;
use super::users::change;
use crate::{
    AddNamed, AddRecord, AuditKind, AuditReason, By, Change, ChangeGroup, Membership,
    NewAuditRecord, RecordFilter, RecordsOf, RemoveNamed, ReplaceRole, Roles, StoreError,
    StoredGroup, StoredRole,
};

const RECORD: &str = "SELECT id, grantee, role, pattern FROM access_records";
const ROLE: &str = "SELECT name, permissions, version FROM access_roles";
const GROUP: &str =
    "SELECT name, version, (SELECT count(*) FROM access_members m WHERE m.group_name = g.name)
    FROM access_groups g";

#[async_trait]
impl Roles for SqliteStore {
    async fn add_role(&self, role: Role, by: By) -> Result<AddNamed, StoreError> {
        self.change(by, move |conn, trail| {
            if role_version(conn, &role.name)?.is_some() {
                return Ok(AddNamed::NameTaken);
            }
            let version = next_version(conn)?;
            conn.prepare_cached(
                "INSERT INTO access_roles (name, permissions, version, created_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![role.name.as_str(), json(&role)?, version, trail.at().millis()])?;
            trail.record(&of_role(AuditKind::RoleAdded, &role))?;
            Ok(AddNamed::Added { version })
        })
        .await
    }

    async fn replace_role(
        &self,
        role: Role,
        version: i64,
        by: By,
    ) -> Result<ReplaceRole, StoreError> {
        self.change(by, move |conn, trail| {
            let Some(stored) = role_by_name(conn, &role.name)? else {
                return Ok(ReplaceRole::NotFound);
            };
            if stored.version != version {
                return Ok(ReplaceRole::Conflict);
            }
            if stored.role == role {
                return Ok(ReplaceRole::Replaced { version });
            }
            let version = next_version(conn)?;
            conn.prepare_cached(
                "UPDATE access_roles SET permissions = ?2, version = ?3 WHERE name = ?1",
            )?
            .execute(params![role.name.as_str(), json(&role)?, version])?;
            trail.record(&of_role(AuditKind::RoleChanged, &role))?;
            Ok(ReplaceRole::Replaced { version })
        })
        .await
    }

    async fn remove_role(
        &self,
        name: &RoleName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError> {
        let name = name.clone();
        self.change(by, move |conn, trail| {
            let removal = Removal {
                found: role_version(conn, &name)?,
                version,
                which: ("role", name.as_str()),
                records,
                reason: AuditReason::RoleRemoved,
            };
            removal.carry_out(conn, trail, || {
                conn.prepare_cached("DELETE FROM access_roles WHERE name = ?1")?
                    .execute([name.as_str()])?;
                trail.record(
                    &NewAuditRecord::new(AuditKind::RoleRemoved).detail("role", name.as_str()),
                )
            })
        })
        .await
    }

    async fn role(&self, name: &RoleName) -> Result<Option<StoredRole>, StoreError> {
        self.read(|conn| role_by_name(conn, name))
    }

    async fn roles(
        &self,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<StoredRole>, StoreError> {
        let after = after.map(RoleName::as_str);
        self.read(|conn| {
            conn.prepare_cached(&format!(
                "{ROLE} WHERE ?1 IS NULL OR name > ?1 ORDER BY name LIMIT ?2"
            ))?
            .query_map(params![after, limit], role_from_row)?
            .collect()
        })
    }

    async fn add_group(&self, name: GroupName, by: By) -> Result<AddNamed, StoreError> {
        self.change(by, move |conn, trail| {
            if group_version(conn, &name)?.is_some() {
                return Ok(AddNamed::NameTaken);
            }
            let version = next_version(conn)?;
            conn.prepare_cached(
                "INSERT INTO access_groups (name, version, created_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![name.as_str(), version, trail.at().millis()])?;
            trail.record(&of_group(AuditKind::GroupAdded, &name))?;
            Ok(AddNamed::Added { version })
        })
        .await
    }

    async fn change_group(
        &self,
        name: &GroupName,
        change: Membership,
        version: Option<i64>,
        by: By,
    ) -> Result<ChangeGroup, StoreError> {
        let name = name.clone();
        self.change(by, move |conn, trail| {
            let Some(found) = group_version(conn, &name)? else {
                return Ok(ChangeGroup::NotFound);
            };
            if version.is_some_and(|seen| seen != found) {
                return Ok(ChangeGroup::Conflict);
            }
            for subject in &change.add {
                if !is_there(conn, subject)? {
                    return Ok(ChangeGroup::NoSubject(subject.clone()));
                }
            }
            let changed = change_members(conn, &name, &change, trail)?;
            if changed == 0 {
                return Ok(ChangeGroup::Changed { version: found });
            }
            let version = next_version(conn)?;
            conn.prepare_cached("UPDATE access_groups SET version = ?2 WHERE name = ?1")?
                .execute(params![name.as_str(), version])?;
            Ok(ChangeGroup::Changed { version })
        })
        .await
    }

    async fn remove_group(
        &self,
        name: &GroupName,
        version: Option<i64>,
        records: RecordsOf,
        by: By,
    ) -> Result<RemoveNamed, StoreError> {
        let name = name.clone();
        self.change(by, move |conn, trail| {
            let grantee = Grantee::Group(name.clone()).to_string();
            let removal = Removal {
                found: group_version(conn, &name)?,
                version,
                which: ("grantee", &grantee),
                records,
                reason: AuditReason::GroupRemoved,
            };
            removal.carry_out(conn, trail, || {
                conn.prepare_cached("DELETE FROM access_groups WHERE name = ?1")?
                    .execute([name.as_str()])?;
                trail.record(&of_group(AuditKind::GroupRemoved, &name))
            })
        })
        .await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<StoredGroup>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{GROUP} WHERE name = ?1"))?
                .query_row([name.as_str()], group_from_row)
                .optional()
        })
    }

    async fn groups(
        &self,
        after: Option<&GroupName>,
        limit: u32,
    ) -> Result<Vec<StoredGroup>, StoreError> {
        let after = after.map(GroupName::as_str);
        self.read(|conn| {
            conn.prepare_cached(&format!(
                "{GROUP} WHERE ?1 IS NULL OR name > ?1 ORDER BY name LIMIT ?2"
            ))?
            .query_map(params![after, limit], group_from_row)?
            .collect()
        })
    }

    async fn members(
        &self,
        group: &GroupName,
        after: Option<&Subject>,
        limit: u32,
    ) -> Result<Vec<Subject>, StoreError> {
        let after = after.map_or("", Subject::as_str);
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT subject FROM access_members WHERE group_name = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
            )?
            .query_map(params![group.as_str(), after, limit], |row| parsed(row, 0))?
            .collect()
        })
    }

    async fn add_record(&self, record: Record, by: By) -> Result<AddRecord, StoreError> {
        self.change(by, move |conn, trail| {
            if role_version(conn, &record.role)?.is_none() {
                return Ok(AddRecord::NoRole);
            }
            let known = match &record.grantee {
                Grantee::Subject(subject) => is_there(conn, subject)?,
                Grantee::Group(name) => group_version(conn, name)?.is_some(),
            };
            if !known {
                return Ok(AddRecord::NoGrantee);
            }
            let (grantee, role, pattern) = (
                record.grantee.to_string(),
                record.role.as_str(),
                record.pattern.as_str(),
            );
            let same = conn
                .prepare_cached(
                    "SELECT id FROM access_records WHERE grantee = ?1 AND role = ?2 AND pattern = ?3",
                )?
                .query_row([grantee.as_str(), role, pattern], |row| parsed(row, 0))
                .optional()?;
            if let Some(id) = same {
                return Ok(AddRecord::Exists(id));
            }
            conn.prepare_cached(
                "INSERT INTO access_records (id, grantee, role, pattern, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![record.id.as_str(), grantee, role, pattern, trail.at().millis()])?;
            next_version(conn)?;
            trail.record(&of_record(AuditKind::RecordAdded, &record))?;
            Ok(AddRecord::Added)
        })
        .await
    }

    async fn remove_record(&self, id: &RecordId, by: By) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            let removed = remove_records(conn, "id", id.as_str(), AuditReason::Requested, trail)?;
            if removed > 0 {
                next_version(conn)?;
            }
            Ok(change(removed))
        })
        .await
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{RECORD} WHERE id = ?1"))?
                .query_row([id.as_str()], record_from_row)
                .optional()
        })
    }

    async fn records(
        &self,
        filter: &RecordFilter,
        after: Option<&RecordId>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let (mut sql, mut values) = (format!("{RECORD} WHERE id > ?"), Vec::new());
        values.push(Value::from(after.map_or("", RecordId::as_str).to_owned()));
        let mut only = |condition: &str, value: String| {
            sql.push_str(condition);
            values.push(value.into());
        };
        if let Some(grantee) = &filter.grantee {
            only(" AND grantee = ?", grantee.to_string());
        }
        if let Some(role) = &filter.role {
            only(" AND role = ?", role.to_string());
        }
        sql.push_str(" ORDER BY id LIMIT ?");
        values.push(limit.into());
        self.read(|conn| {
            conn.prepare_cached(&sql)?
                .query_map(params_from_iter(values), record_from_row)?
                .collect()
        })
    }

    async fn policy_version(&self) -> Result<i64, StoreError> {
        self.read_with(|reader| reader.policy_version(version))
    }

    async fn policy(&self) -> Result<(i64, Policy), StoreError> {
        self.read(|conn| {
            // All of one moment. It only reads; dropping it ends it.
            let moment = conn.unchecked_transaction()?;
            Ok((version(&moment)?, policy(&moment)?))
        })
    }
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT version FROM access_state")?
        .query_row([], |row| row.get(0))
}

fn next_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("UPDATE access_state SET version = version + 1 RETURNING version")?
        .query_row([], |row| row.get(0))
}

fn policy(conn: &Connection) -> rusqlite::Result<Policy> {
    let roles = conn
        .prepare(ROLE)?
        .query_map([], |row| role_from_row(row).map(|stored| stored.role))?
        .collect::<rusqlite::Result<_>>()?;
    let records = conn
        .prepare(RECORD)?
        .query_map([], record_from_row)?
        .collect::<rusqlite::Result<_>>()?;
    let disabled = conn
        .prepare(
            "SELECT id FROM users WHERE disabled_at IS NOT NULL
                AND (id IN (SELECT subject FROM access_members) OR id IN (SELECT grantee FROM access_records))
             UNION ALL SELECT subject FROM oauth_clients WHERE disabled_at IS NOT NULL",
        )?
        .query_map([], |row| parsed(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut groups: Vec<Group> = Vec::new();
    let mut members =
        conn.prepare("SELECT group_name, subject FROM access_members ORDER BY group_name")?;
    let mut rows = members.query([])?;
    while let Some(row) = rows.next()? {
        let (name, subject) = (parsed(row, 0)?, parsed(row, 1)?);
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => {
                group.members.insert(subject);
            }
            None => groups.push(Group {
                name,
                members: [subject].into(),
            }),
        }
    }
    Ok(Policy {
        roles,
        groups,
        records,
        disabled,
    })
}

/// A role or group that is to go.
struct Removal<'a> {
    /// Its version, if it is there.
    found: Option<i64>,
    /// The version that the caller saw.
    version: Option<i64>,
    /// The column of its records, and what is in it.
    which: (&'static str, &'a str),
    records: RecordsOf,
    /// Why its records go.
    reason: AuditReason,
}

impl Removal<'_> {
    fn carry_out(
        self,
        conn: &Connection,
        trail: &Trail<'_>,
        remove: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<RemoveNamed> {
        let Some(found) = self.found else {
            return Ok(RemoveNamed::NotFound);
        };
        if self.version.is_some_and(|seen| seen != found) {
            return Ok(RemoveNamed::Conflict);
        }
        let (column, value) = self.which;
        if self.records == RecordsOf::Keep {
            let of_it = format!("{RECORD} WHERE {column} = ?1 ORDER BY id LIMIT 1");
            let first = conn
                .prepare_cached(&of_it)?
                .query_row([value], record_from_row)
                .optional()?;
            if let Some(first) = first {
                let number = format!("SELECT count(*) FROM access_records WHERE {column} = ?1");
                let records = conn
                    .prepare_cached(&number)?
                    .query_row([value], |row| row.get(0))?;
                return Ok(RemoveNamed::InUse { records, first });
            }
        }
        let records = count(remove_records(conn, column, value, self.reason, trail)?);
        remove()?;
        next_version(conn)?;
        Ok(RemoveNamed::Removed { records })
    }
}

fn remove_records(
    conn: &Connection,
    column: &'static str,
    value: &str,
    reason: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let removed = conn
        .prepare_cached(&format!(
            "DELETE FROM access_records WHERE {column} = ?1 RETURNING id, grantee, role, pattern"
        ))?
        .query_map([value], record_from_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for record in &removed {
        trail.record(&of_record(AuditKind::RecordRemoved, record).because(reason))?;
    }
    Ok(removed.len())
}

/// Says how many came and went.
fn change_members(
    conn: &Connection,
    name: &GroupName,
    change: &Membership,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let each = |sql, kind, subjects: &[Subject]| -> rusqlite::Result<usize> {
        let mut statement = conn.prepare_cached(sql)?;
        let mut changed = 0;
        for subject in subjects {
            if statement.execute([name.as_str(), subject.as_str()])? == 1 {
                trail.record(&about(of_group(kind, name), subject))?;
                changed += 1;
            }
        }
        Ok(changed)
    };
    let came = each(
        "INSERT INTO access_members (group_name, subject) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        AuditKind::GroupMemberAdded,
        &change.add,
    )?;
    let left = each(
        "DELETE FROM access_members WHERE group_name = ?1 AND subject = ?2",
        AuditKind::GroupMemberRemoved,
        &change.remove,
    )?;
    Ok(came + left)
}

/// Whether there is such a user or client.
fn is_there(conn: &Connection, subject: &Subject) -> rusqlite::Result<bool> {
    let sql = match subject {
        Subject::User(_) => "SELECT 1 FROM users WHERE id = ?1",
        Subject::Client(_) => "SELECT 1 FROM oauth_clients WHERE subject = ?1",
    };
    conn.prepare_cached(sql)?.exists([subject.as_str()])
}

fn role_version(conn: &Connection, name: &RoleName) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT version FROM access_roles WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()
}

fn group_version(conn: &Connection, name: &GroupName) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT version FROM access_groups WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()
}

fn role_by_name(conn: &Connection, name: &RoleName) -> rusqlite::Result<Option<StoredRole>> {
    conn.prepare_cached(&format!("{ROLE} WHERE name = ?1"))?
        .query_row([name.as_str()], role_from_row)
        .optional()
}

fn of_role(kind: AuditKind, role: &Role) -> NewAuditRecord {
    let permissions: Vec<&str> = role.permissions.iter().map(|p| p.as_str()).collect();
    NewAuditRecord::new(kind)
        .detail("role", role.name.as_str())
        .detail("permissions", permissions)
}

fn of_group(kind: AuditKind, name: &GroupName) -> NewAuditRecord {
    NewAuditRecord::new(kind).detail("group", name.as_str())
}

fn of_record(kind: AuditKind, record: &Record) -> NewAuditRecord {
    let new = NewAuditRecord::new(kind)
        .detail("record", record.id.as_str())
        .detail("role", record.role.as_str())
        .detail("resource", record.pattern.as_str());
    match &record.grantee {
        Grantee::Subject(subject) => about(new, subject),
        Grantee::Group(name) => new.detail("group", name.as_str()),
    }
}

/// About this user or client.
fn about(record: NewAuditRecord, subject: &Subject) -> NewAuditRecord {
    let record = record.detail("subject", subject.as_str());
    match subject {
        Subject::User(id) => record.user(id),
        Subject::Client(_) => record,
    }
}

fn json(role: &Role) -> rusqlite::Result<String> {
    serde_json::to_string(&role.permissions)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn role_from_row(row: &Row<'_>) -> rusqlite::Result<StoredRole> {
    let permissions = row.get_ref(1)?.as_str()?;
    Ok(StoredRole {
        role: Role {
            name: parsed(row, 0)?,
            permissions: serde_json::from_str(permissions).map_err(|error| damaged(1, error))?,
        },
        version: row.get(2)?,
    })
}

fn group_from_row(row: &Row<'_>) -> rusqlite::Result<StoredGroup> {
    Ok(StoredGroup {
        name: parsed(row, 0)?,
        version: row.get(1)?,
        members: row.get(2)?,
    })
}

fn record_from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: parsed(row, 0)?,
        grantee: parsed(row, 1)?,
        role: parsed(row, 2)?,
        pattern: parsed(row, 3)?,
    })
}
