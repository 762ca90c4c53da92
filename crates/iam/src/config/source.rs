//! Collects raw settings from the file, the environment and the command line, each with the place where it was found.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::keys::{ENV_OTHERS, ENV_PREFIX, KEYS, Key, Kind, SECTIONS, did_you_mean};

/// A value as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    List(Vec<String>),
    Integer(u64),
}

/// Found values by the name of the setting. Later sources replace earlier ones.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) found: BTreeMap<&'static str, (Raw, String)>,
    pub(super) problems: Vec<Problem>,
}

impl Sources {
    /// Notes a problem.
    pub(super) fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem {
            place: place.into(),
            message: message.into(),
        });
    }

    /// Reads a TOML document. `name` is what its lines are cited by.
    pub(super) fn file(&mut self, name: &str, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let place = |span: Option<Range<usize>>| {
            format!("{name}:{}", line(text, span.map_or(0, |span| span.start)))
        };
        if !errors.is_empty() {
            for error in errors {
                self.problem(place(error.span()), error.message());
            }
            return;
        }
        for (key, value) in document.get_ref() {
            match value.get_ref() {
                DeValue::Table(section) if SECTIONS.contains(&key.get_ref().as_ref()) => {
                    for (inner, value) in section {
                        let dotted = format!("{}.{}", key.get_ref(), inner.get_ref());
                        self.entry(&dotted, value.get_ref(), &place(Some(inner.span())));
                    }
                }
                value => self.entry(key.get_ref(), value, &place(Some(key.span()))),
            }
        }
    }

    fn entry(&mut self, name: &str, value: &DeValue<'_>, place: &str) {
        let Some(key) = Key::find(name) else {
            return self.problem(place, unknown_key(name, matches!(value, DeValue::Table(_))));
        };
        match raw(key, value) {
            Some(raw) => {
                self.found.insert(key.name, (raw, place.to_owned()));
            }
            None => self.problem(
                place,
                format!("`{name}` must be {}, not {}", wanted(key), type_name(value)),
            ),
        }
    }

    /// Reads the variables that begin with `SESSIONMINT_`.
    pub(super) fn environment(&mut self, variables: &[(String, String)]) {
        for (variable, value) in variables
            .iter()
            .filter(|(variable, _)| variable.starts_with(ENV_PREFIX))
        {
            if ENV_OTHERS.contains(&variable.as_str()) {
                continue;
            }
            let Some(key) = KEYS.iter().find(|key| key.env() == *variable) else {
                let names: Vec<_> = KEYS.iter().map(Key::env).collect();
                self.problem(
                    variable,
                    match did_you_mean(variable, names.iter().map(String::as_str)) {
                        Some(name) => format!("there is no such setting, did you mean `{name}`?"),
                        None => {
                            "there is no such setting; `sessionmint config reference` lists them"
                                .to_owned()
                        }
                    },
                );
                continue;
            };
            let raw = match &key.kind {
                Kind::Text => Some(Raw::Text(value.clone())),
                Kind::List => Some(Raw::List(
                    value
                        .split(',')
                        .map(str::trim)
                        .filter(|item| !item.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )),
                Kind::Integer(_) => value.parse().ok().map(Raw::Integer),
            };
            match raw {
                Some(raw) => {
                    self.found.insert(key.name, (raw, variable.clone()));
                }
                None => self.problem(variable, format!("must be {}, not `{value}`", wanted(key))),
            }
        }
    }

    /// A value from the command line.
    pub(super) fn flag(&mut self, name: &'static str, flag: &str, value: String) {
        self.found.insert(name, (Raw::Text(value), flag.to_owned()));
    }
}

fn raw(key: &Key, value: &DeValue<'_>) -> Option<Raw> {
    match (&key.kind, value) {
        (Kind::Text, DeValue::String(text)) => Some(Raw::Text(text.to_string())),
        (Kind::Integer(_), DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(Raw::Integer)
        }
        (Kind::List, DeValue::Array(items)) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Raw::List),
        _ => None,
    }
}

/// What a setting accepts, in words.
pub(super) fn wanted(key: &Key) -> String {
    match &key.kind {
        Kind::Text => "a string".to_owned(),
        Kind::List => "a list of strings".to_owned(),
        Kind::Integer(range) => format!("a whole number from {} to {}", range.start(), range.end()),
    }
}

fn type_name(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Array(_) => "this list".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::String(_) => "a string".to_owned(),
        DeValue::Float(number) => format!("`{number}`"),
        DeValue::Datetime(_) => "a date".to_owned(),
    }
}

fn unknown_key(name: &str, is_section: bool) -> String {
    let (section, last) = name
        .rsplit_once('.')
        .map_or((None, name), |(section, last)| (Some(section), last));
    let message = match section {
        _ if is_section => format!("unknown section `[{name}]`"),
        Some(section) => format!("unknown key `{last}` in `[{section}]`"),
        None => format!("unknown key `{name}`"),
    };
    let names = || KEYS.iter().map(|key| key.name);
    let hint = if is_section {
        did_you_mean(name, SECTIONS).map(|section| format!("`[{section}]`"))
    } else {
        // The same word in another section is more likely meant than a similar one here.
        let elsewhere = names().find(|key| key.rsplit('.').next() == Some(last));
        elsewhere
            .or_else(|| did_you_mean(name, names()))
            .map(|key| match key.rsplit_once('.') {
                Some((its_section, last)) if Some(its_section) == section => format!("`{last}`"),
                Some((its_section, last)) => format!("`{last}` in `[{its_section}]`"),
                None if section.is_some() => format!("`{key}` before the first section"),
                None => format!("`{key}`"),
            })
    };
    match hint {
        Some(hint) => format!("{message}, did you mean {hint}?"),
        None => message,
    }
}

/// The line, from 1, of a byte offset.
fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
