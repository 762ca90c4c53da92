//! The policy in the form that answers fast: one tree of path segments for all patterns.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::decision::{Decision, Match, Why};
use crate::{
    Grantee, GroupName, Permission, Policy, Record, ResourcePath, ResourcePattern, RoleName,
    Subject,
};

/// A policy that is ready to be asked. It does not change; a new policy is a new index.
///
/// A check walks the tree along the path's segments, so it costs as much as patterns overlap on that path (the limits of
/// [`ResourcePattern`] bound that) and does not depend on the number of records.
#[derive(Debug, Default)]
pub struct Index {
    /// Its first node is the root.
    nodes: Vec<Node>,
    /// The numbers of the segments that patterns have, so that a check reads each of its own once.
    segments: HashMap<Box<str>, u32>,
    records: Vec<Entry>,
    roles: Vec<RoleEntry>,
    permissions: HashMap<Permission, u32>,
    /// Whom records name, in their order.
    grantees: Vec<Grantee>,
    /// The place in `grantees` of a subject that a record names.
    own: HashMap<Subject, u32>,
    /// The places in `grantees` of a member's groups, ascending.
    groups_of: HashMap<Subject, Vec<u32>>,
    disabled: HashSet<Subject>,
}

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<u32, usize>,
    /// Behind `*`.
    any: Option<usize>,
    /// Patterns that end here.
    here: Granted,
    /// Patterns that end in `**` here.
    rest: Granted,
}

/// The places of records by the places of grantees.
type Granted = HashMap<u32, Vec<u32>>;

#[derive(Debug)]
struct Entry {
    id: sessionmint_oauth::RecordId,
    role: usize,
    pattern: ResourcePattern,
}

#[derive(Debug)]
struct RoleEntry {
    name: RoleName,
    /// Ascending.
    permissions: Vec<u32>,
}

/// One question.
struct Question {
    /// The numbers of the path's segments; `None` where no pattern has it.
    segments: Vec<Option<u32>>,
    /// The permission's number; `None` when no role has it.
    permission: Option<u32>,
    /// The subject itself and its groups, ascending.
    grantees: Vec<u32>,
    /// What matched and lacks the permission.
    lacking: Vec<Match>,
}

impl Index {
    /// Takes a policy in.
    pub fn new(policy: Policy) -> Self {
        let Policy {
            roles,
            groups,
            mut records,
            disabled,
        } = policy;
        let mut index = Self {
            nodes: vec![Node::default()],
            disabled,
            ..Self::default()
        };
        let mut role_places = HashMap::new();
        for role in roles {
            let mut permissions: Vec<u32> = role
                .permissions
                .into_iter()
                .map(|permission| {
                    let next = number(index.permissions.len());
                    *index.permissions.entry(permission).or_insert(next)
                })
                .collect();
            permissions.sort_unstable();
            role_places.insert(role.name.clone(), index.roles.len());
            index.roles.push(RoleEntry {
                name: role.name,
                permissions,
            });
        }
        let named: BTreeSet<Grantee> = records
            .iter()
            .map(|record| record.grantee.clone())
            .collect();
        let places: HashMap<&Grantee, u32> = named.iter().zip(0..).collect();
        for group in groups {
            if let Some(&place) = places.get(&Grantee::Group(group.name)) {
                for member in group.members {
                    index.groups_of.entry(member).or_default().push(place);
                }
            }
        }
        for places in index.groups_of.values_mut() {
            places.sort_unstable();
        }
        // Of several records with one pattern, the first role by name explains.
        records.sort_by(|a, b| (&a.role, &a.id).cmp(&(&b.role, &b.id)));
        for Record {
            id,
            grantee,
            role,
            pattern,
        } in records
        {
            let (Some(&role), Some(&place)) = (role_places.get(&role), places.get(&grantee)) else {
                continue;
            };
            let record = number(index.records.len());
            index
                .granted(&pattern)
                .entry(place)
                .or_default()
                .push(record);
            index.records.push(Entry { id, role, pattern });
        }
        for (grantee, &place) in &places {
            if let Grantee::Subject(subject) = grantee {
                index.own.insert(subject.clone(), place);
            }
        }
        index.grantees = named.into_iter().collect();
        index
    }

    /// Whether `subject` has `permission` on `resource`: only if a record says so.
    ///
    /// Where several records do, the one that explains is always the same: the most specific pattern (from the left, a
    /// literal segment before `*` before `**`), then the subject's own record before those of its groups by name.
    pub fn authorize(
        &self,
        subject: &Subject,
        resource: &ResourcePath,
        permission: &Permission,
    ) -> Decision {
        if self.disabled.contains(subject) {
            return Decision { why: Why::Disabled };
        }
        let groups = self.groups_of.get(subject).map_or(&[][..], Vec::as_slice);
        let own = self.own.get(subject);
        // Subjects come before groups in the order of grantees.
        let grantees: Vec<u32> = own.into_iter().chain(groups).copied().collect();
        if grantees.is_empty() {
            return Decision {
                why: Why::NoRecords,
            };
        }
        let mut question = Question {
            segments: resource
                .segments()
                .map(|segment| self.segments.get(segment).copied())
                .collect(),
            permission: self.permissions.get(permission).copied(),
            grantees,
            lacking: Vec::new(),
        };
        let why = match self.walk(0, 0, &mut question) {
            Some(granted) => Why::Granted(granted),
            None if question.lacking.is_empty() => Why::OtherResources,
            None => Why::PermissionMissing(question.lacking),
        };
        Decision { why }
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// Where records of this pattern are kept.
    fn granted(&mut self, pattern: &ResourcePattern) -> &mut Granted {
        let mut at = 0;
        let mut rest = false;
        for segment in pattern.segments() {
            if segment == "**" {
                rest = true;
                break;
            }
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            at = if segment == "*" {
                *node.any.get_or_insert(next)
            } else {
                let unused = number(self.segments.len());
                let literal = *self.segments.entry(segment.into()).or_insert(unused);
                *node.literals.entry(literal).or_insert(next)
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        #[expect(clippy::indexing_slicing, reason = "`at` is 0, or was pushed")]
        let node = &mut self.nodes[at];
        if rest { &mut node.rest } else { &mut node.here }
    }

    /// What grants it at this node, `depth` segments down, or below it.
    fn walk(&self, node: usize, depth: usize, question: &mut Question) -> Option<Match> {
        let node = self.nodes.get(node)?;
        let below = match question.segments.get(depth) {
            None => self.among(&node.here, question),
            Some(&segment) => {
                let literal = segment.and_then(|segment| node.literals.get(&segment));
                let found = literal.and_then(|&next| self.walk(next, depth + 1, question));
                found.or_else(|| self.walk(node.any?, depth + 1, question))
            }
        };
        below.or_else(|| self.among(&node.rest, question))
    }

    /// What grants it among records of one pattern.
    fn among(&self, granted: &Granted, question: &mut Question) -> Option<Match> {
        if granted.is_empty() {
            return None;
        }
        let mut named: Vec<u32> = if granted.len() < question.grantees.len() {
            let asks = |place: &&u32| question.grantees.binary_search(place).is_ok();
            granted.keys().filter(asks).copied().collect()
        } else {
            let there = |place: &&u32| granted.contains_key(place);
            question.grantees.iter().filter(there).copied().collect()
        };
        named.sort_unstable();
        for place in named {
            for &record in granted.get(&place)? {
                let (entry, role) = self.entry(record)?;
                let has = |permission| role.permissions.binary_search(&permission).is_ok();
                if question.permission.is_some_and(has) {
                    return Some(self.matched(entry, role, place));
                }
                if question.lacking.len() < Why::SHOWN {
                    let lacking = self.matched(entry, role, place);
                    question.lacking.push(lacking);
                }
            }
        }
        None
    }

    fn entry(&self, record: u32) -> Option<(&Entry, &RoleEntry)> {
        let entry = self.records.get(usize::try_from(record).ok()?)?;
        Some((entry, self.roles.get(entry.role)?))
    }

    fn matched(&self, entry: &Entry, role: &RoleEntry, grantee: u32) -> Match {
        Match {
            id: entry.id.clone(),
            role: role.name.clone(),
            group: self.group(grantee).cloned(),
            pattern: entry.pattern.clone(),
        }
    }

    fn group(&self, grantee: u32) -> Option<&GroupName> {
        match self.grantees.get(usize::try_from(grantee).ok()?)? {
            Grantee::Group(name) => Some(name),
            Grantee::Subject(_) => None,
        }
    }
}

/// Places are counted in 32 bits: memory ends long before.
fn number(places: usize) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX)
}
