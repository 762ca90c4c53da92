//! Keeps `tests/SECURITY.md` true: every requirement there names tests that exist, and every test that is named after a
//! requirement (`c005_cookie_lookup_is_byte_exact`) stands in its row.
//!
//! The table is also how a reader gets from a requirement to its tests, so it is written for people and read strictly.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};

use super::{Counts, names};
use crate::sh;

const TABLE: &str = "tests/SECURITY.md";
/// Requirements are numbered from 1 to this without gaps.
const LAST: u16 = 168;
/// Opens the part of a proof that names the feature which a requirement, or the rest of it, is about.
const APPLIES: &str = "applies with: ";

/// One requirement.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: u16,
    requirement: String,
    tests: BTreeSet<String>,
    applies: Option<String>,
}

/// The check of `cargo xtask test`.
pub(super) fn check() -> Result<Counts> {
    let rows = parse(&std::fs::read_to_string(sh::root().join(TABLE))?)?;
    let problems = problems(&rows, &names::in_tree()?);
    if !problems.is_empty() {
        bail!(
            "{TABLE}: {} problems; `cargo xtask security --fill` writes the names of tests into their rows\n{}",
            problems.len(),
            problems.join("\n")
        );
    }
    Ok(Counts::success())
}

/// `cargo xtask security`: runs the check alone, after writing the names of the tests into their rows if asked to.
pub(crate) fn run(fill: bool) -> Result<()> {
    if fill {
        let path = sh::root().join(TABLE);
        let filled = filled(&std::fs::read_to_string(&path)?, &names::in_tree()?)?;
        std::fs::write(&path, filled)?;
    }
    check()?;
    sh::step("every requirement has its proof");
    Ok(())
}

/// What is wrong with the table, one line each.
fn problems(rows: &[Row], in_tree: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for id in 1..=LAST {
        match rows.iter().filter(|row| row.id == id).count() {
            0 => problems.push(format!("row {id} is missing")),
            1 => {}
            n => problems.push(format!("row {id} is there {n} times")),
        }
    }
    for row in rows {
        let id = row.id;
        if !(1..=LAST).contains(&id) {
            problems.push(format!("row {id} is beyond 1 to {LAST}"));
        }
        if row.tests.is_empty() && row.applies.is_none() {
            problems.push(format!("row {id} has neither a test nor `{APPLIES}…`"));
        }
        for test in row.tests.difference(in_tree) {
            problems.push(format!("row {id} names `{test}`, which does not exist"));
        }
    }
    for test in in_tree {
        for id in numbers(test) {
            if !rows
                .iter()
                .any(|row| row.id == id && row.tests.contains(test))
            {
                problems.push(format!("row {id} does not name `{test}`"));
            }
        }
    }
    problems
}

/// The table with each row's proof brought up to date: tests of its number are those of the tree, other tests and the
/// feature that it applies with stay.
fn filled(text: &str, in_tree: &BTreeSet<String>) -> Result<String> {
    let mut out = String::new();
    for line in text.lines() {
        if let Some(mut row) = parse_line(line)? {
            row.tests.retain(|test| !numbers(test).contains(&row.id));
            let own = in_tree
                .iter()
                .filter(|test| numbers(test).contains(&row.id));
            row.tests.extend(own.cloned());
            let mut proof: Vec<String> = Vec::new();
            if !row.tests.is_empty() {
                let names: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
                proof.push(names.join(", "));
            }
            proof.extend(row.applies.map(|feature| format!("{APPLIES}{feature}")));
            let line = format!(
                "| {} | {} | {} |",
                row.id,
                row.requirement,
                proof.join("; ")
            );
            out.push_str(&line);
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    Ok(out)
}

fn parse(text: &str) -> Result<Vec<Row>> {
    let rows = text.lines().map(parse_line);
    rows.filter_map(Result::transpose).collect()
}

/// A line of a table, unless it is a head, a rule, or no line of a table at all.
fn parse_line(line: &str) -> Result<Option<Row>> {
    let Some(cells) = line.strip_prefix('|').map(|line| line.trim_end()) else {
        return Ok(None);
    };
    let cells: Vec<&str> = cells
        .trim_end_matches('|')
        .split('|')
        .map(str::trim)
        .collect();
    let [id, requirement, proof] = cells[..] else {
        bail!("not three columns: {line}");
    };
    if id == "id" || id.starts_with("--") {
        return Ok(None);
    }
    let id = id
        .parse()
        .with_context(|| format!("does not begin with a number: {line}"))?;
    if requirement.is_empty() {
        bail!("row {id} says nothing");
    }
    let (names, applies) = match proof.split_once(APPLIES) {
        Some((names, feature)) => (names, Some(feature.to_owned())),
        None => (proof, None),
    };
    let mut tests = BTreeSet::new();
    for (at, piece) in names.split('`').enumerate() {
        if at % 2 == 1 {
            tests.insert(piece.to_owned());
        } else if !piece.chars().all(|c| ",; ".contains(c)) {
            bail!(
                "row {id}: a proof is the names of tests in backticks or `{APPLIES}…`, not `{piece}`"
            );
        }
    }
    Ok(Some(Row {
        id,
        requirement: requirement.to_owned(),
        tests,
        applies,
    }))
}

/// The requirements that a test is named after: 5 and 6 for `c005_c006_…`.
pub(super) fn numbers(test: &str) -> Vec<u16> {
    let number = |part: &str| {
        let digits = part.strip_prefix('c')?;
        let three = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        three.then(|| digits.parse().ok())?
    };
    let mut parts: Vec<&str> = test.split('_').collect();
    // Without a word behind it, it is a number and no name.
    parts.pop();
    parts.into_iter().map_while(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rows_are_read_and_the_rest_is_passed_over() {
        let text = "# Title\n\n| id | requirement | proof |\n|---|---|---|\n\
                    | 5 | byte-exact `name` | `c005_a`, `c005_b` |\n\
                    | 6 | later | applies with: the vault |\n\
                    | 7 | partly | `c007_a`; applies with: the vault |\n\
                    | 8 | open |  |\n";
        let rows = parse(text).unwrap();
        let read: Vec<_> = rows
            .iter()
            .map(|row| (row.id, row.tests.len(), row.applies.as_deref()))
            .collect();
        let vault = Some("the vault");
        assert_eq!(
            read,
            [(5, 2, None), (6, 0, vault), (7, 1, vault), (8, 0, None)]
        );
        assert_eq!(rows[0].requirement, "byte-exact `name`");
        assert_eq!(rows[0].tests, set(&["c005_a", "c005_b"]));
    }

    #[test]
    fn what_is_not_a_row_is_refused() {
        for line in [
            "| 5 | no proof column |",
            "| 5 | a | b | `c005_a` |",
            "| five | a | `c005_a` |",
            "| 5 |  | `c005_a` |",
            "| 5 | a | believe me |",
            "| 5 | a | c005_a |",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_table_is_compared_with_the_tree() {
        let full: String = (1..=LAST)
            .map(|id| format!("| {id} | r | applies with: x |\n"))
            .collect();
        let none = BTreeSet::new();
        assert_eq!(problems(&parse(&full).unwrap(), &none), [""; 0]);

        let broken = full
            .replace("| 5 | r | applies with: x |\n", "")
            .replace("| 6 | r | applies with: x |\n", "| 6 | r |  |\n")
            .replace("| 7 | r | applies", "| 7 | r | `c007_gone`; applies")
            + "| 8 | r | applies with: x |\n| 169 | r | applies with: x |\n";
        assert_eq!(
            problems(&parse(&broken).unwrap(), &set(&["c008_new", "other"])),
            [
                "row 5 is missing",
                "row 8 is there 2 times",
                "row 6 has neither a test nor `applies with: …`",
                "row 7 names `c007_gone`, which does not exist",
                "row 169 is beyond 1 to 168",
                "row 8 does not name `c008_new`",
            ]
        );
    }

    #[test]
    fn filling_follows_the_tree_and_keeps_what_a_person_wrote() {
        let text = "intro\n| 5 | r | `c005_gone`, `another_test` |\n| 6 | r | applies with: x |\n| 7 | r |  |\n";
        let filled = filled(text, &set(&["c005_b", "c005_a", "c006_a", "another_test"])).unwrap();
        assert_eq!(
            filled,
            "intro\n| 5 | r | `another_test`, `c005_a`, `c005_b` |\n\
             | 6 | r | `c006_a`; applies with: x |\n| 7 | r |  |\n"
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(numbers("c005_a"), [5]);
        assert_eq!(numbers("c005_c006_a_c007_b"), [5, 6]);
        for other in ["c5_a", "c0005_a", "c005", "x005_a", "c+05_a", "cafe_a"] {
            assert_eq!(numbers(other), [0; 0], "{other}");
        }
    }
}
