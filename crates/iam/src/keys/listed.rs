//! The keys as operators see them.

use sessionmint_oauth::{KeyPolicy, Timestamp};
use sessionmint_store::SigningKeyRow;

use super::times;

/// A key with its place on the timetable.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub alg: String,
    /// `pending`, `active`, `retiring` or `gone`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Until when, where another follows.
    pub signs_until: Option<Timestamp>,
    /// When it is published no more.
    pub gone_at: Option<Timestamp>,
}

/// All keys, in the order in which they were stored.
pub fn listed(rows: &[SigningKeyRow], policy: &KeyPolicy, now: Timestamp) -> Vec<Listed> {
    let times = times(rows);
    let states = policy.states(&times, now);
    let keys = rows.iter().zip(states).enumerate();
    keys.map(|(index, (row, state))| {
        let (signs_until, gone_at) = policy.end_of(&times, index).unzip();
        Listed {
            kid: row.kid.clone(),
            alg: row.alg.clone(),
            state: state.name(),
            created_at: row.created_at,
            signs_from: row.activates_at.max(row.created_at),
            signs_until,
            gone_at,
        }
    })
    .collect()
}
