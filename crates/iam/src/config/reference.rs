//! The reference of all settings in Markdown: names, variables and ranges from the code, explanations from the example file.

use std::fmt::Write as _;

use super::keys::{ENV_ENCRYPTION_KEY, KEYS, Key, Kind};

/// The example file: every setting with its explanation.
pub const EXAMPLE: &str = include_str!("../../sessionmint.example.toml");

/// The reference, a table for each section of the file.
pub fn reference() -> String {
    let mut text = format!(
        "# Settings of `sessionmint`\n\n\
         Printed by `sessionmint config reference`. Settings stand in a TOML file (`--config FILE`); each is also a \
         variable, which wins over the file. Unknown names are refused. `sessionmint config example` prints a file to \
         begin with, `sessionmint config check` what is in effect.\n\n\
         Two variables are no settings: `SESSIONMINT_CONFIG` names the file, as `--config` does, and \
         `{ENV_ENCRYPTION_KEY}` holds a secret, which is not for a file that many can read.\n"
    );
    let mut section = None;
    for key in KEYS {
        let its_section = key.name.split_once('.').map(|(section, _)| section);
        if section != Some(its_section) {
            let heading = its_section.map_or_else(
                || "Before the first section".to_owned(),
                |section| format!("`[{section}]`"),
            );
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n## {heading}\n\n| setting | variable | accepts | meaning |\n|---|---|---|---|\n"
            );
            section = Some(its_section);
        }
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} |",
            key.last_name(),
            key.env(),
            accepts(&key.kind),
            explanation(key).unwrap_or_default().replace('|', "\\|"),
        );
    }
    text
}

/// What the example file says of a setting, on one line.
pub fn explanation(key: &Key) -> Option<String> {
    let section = key.name.split_once('.').map(|(section, _)| section);
    let mut current = None;
    for paragraph in EXAMPLE.split("\n\n") {
        let lines = paragraph.lines();
        if let Some(name) = paragraph.strip_prefix('[') {
            current = name.split(']').next();
            continue;
        }
        let (setting, comment): (Vec<_>, Vec<_>) = lines.partition(|line| sets(line, key));
        if current == section && !setting.is_empty() {
            return Some(unwrapped(&comment));
        }
    }
    None
}

/// Whether a line of the example, perhaps switched off, gives the setting a value.
fn sets(line: &str, key: &Key) -> bool {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let rest = line.strip_prefix(key.last_name());
    rest.is_some_and(|rest| rest.starts_with(" = "))
}

fn unwrapped(comment: &[&str]) -> String {
    let lines = comment
        .iter()
        .map(|line| line.trim_start_matches('#').trim());
    lines.collect::<Vec<_>>().join(" ")
}

fn accepts(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::List => "list of texts; in the variable with commas between".to_owned(),
        Kind::Integer(range) => format!("{} to {}", range.start(), range.end()),
    }
}
