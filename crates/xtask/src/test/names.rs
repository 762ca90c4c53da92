//! What the tests of the product are called, in Rust and in JavaScript.
//!
//! They are found by reading the sources, so nothing has to be built. A function named like a requirement that nobody runs
//! is dead code, which the compiler reports.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::security::numbers;
use crate::sh;

const FOLDERS: [&str; 3] = ["crates", "tests", "www"];
/// Not ours, or made from what is elsewhere. The developer commands hold no test of the product.
const SKIPPED: [&str; 5] = ["node_modules", "target", "pkg", "dist", "xtask"];

/// Names of all tests of the product.
pub(super) fn in_tree() -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for folder in FOLDERS {
        read(&sh::root().join(folder), &mut tests)?;
    }
    Ok(tests)
}

fn read(folder: &Path, tests: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&&*name) {
                read(&path, tests)?;
            }
        } else if name.ends_with(".rs") {
            // The cases of a contract suite become tests through a macro.
            let contract = folder.ends_with("contract");
            tests.extend(rust_tests(&std::fs::read_to_string(&path)?, contract));
        } else if name.ends_with(".test.mjs") || name.ends_with(".test.ts") {
            tests.extend(node_tests(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// Functions with a test attribute, those named after a requirement, and with `all` every function.
fn rust_tests(source: &str, all: bool) -> Vec<String> {
    let mut tests = Vec::new();
    let mut attribute = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            attribute |= line.contains("test]") || line.contains("test(");
        } else if let Some(name) = function(line) {
            if all || attribute || !numbers(&name).is_empty() {
                tests.push(name);
            }
            attribute = false;
        }
    }
    tests
}

/// The name of the function that a line of Rust begins to define.
fn function(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["async", "pub", "pub(super)", "pub(crate)"];
    if !before
        .split_whitespace()
        .all(|word| qualifiers.contains(&word))
    {
        return None;
    }
    let name: String = after
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Titles of `test("…", …)`, with `*` for each `${…}`; of a title that begins with `c005_…` the first word.
fn node_tests(source: &str) -> Vec<String> {
    let titles = source.split("test(").skip(1).filter_map(|call| {
        let call = call.trim_start();
        let quote = call.chars().next().filter(|c| "\"'`".contains(*c))?;
        let mut rest = call.strip_prefix(quote)?;
        let mut title = String::new();
        // A parameter may hold quotes of its own.
        loop {
            let end = rest.find(quote)?;
            match rest
                .split_once("${")
                .filter(|(before, _)| quote == '`' && before.len() < end)
            {
                Some((before, parameter)) => {
                    title.push_str(before);
                    title.push('*');
                    rest = parameter.split_once('}')?.1;
                }
                None => {
                    title.push_str(rest.split_once(quote)?.0);
                    return Some(title);
                }
            }
        }
    });
    let short = |title: String| {
        let word = title.split([' ', ':', ',']).next().unwrap_or_default();
        if numbers(word).is_empty() {
            title
        } else {
            word.to_owned()
        }
    };
    titles.map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_in_rust() {
        let source = "fn helper() {}\n#[test]\nfn plain() {}\n#[tokio::test(\n  start_paused = true\n)]\nasync fn slow() {}\n\
                      #[cfg(test)]\nfn fixture() {}\npub(super) async fn c021_case(on: &On) {}\n// fn c022_comment()\n\
                      #[test]\nfn $case() {}\nlet x = fn_of(c023_no);\n";
        assert_eq!(rust_tests(source, false), ["plain", "slow", "c021_case"]);
        assert!(rust_tests(source, true).contains(&"helper".to_owned()));
    }

    #[test]
    fn tests_are_found_in_javascript() {
        let source = "test(\"c005_a\", () => {});\n  test(`c006_${x.replaceAll(\"`\", \"_\")}_b`, async () => {});\n\
                      test('c007_c: in words', f);\ntest(\n  \"a sentence, with ${no} parameter\",\n f);\ntest(name, f);";
        let found = [
            "c005_a",
            "c006_*_b",
            "c007_c",
            "a sentence, with ${no} parameter",
        ];
        assert_eq!(node_tests(source), found);
    }
}
