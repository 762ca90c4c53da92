//! The secrets that pass through a service in a test, and the search for them in what it keeps: nothing that it was sent or
//! has handed out may be in its database or its log, whole or in part, in whatever form.
//!
//! ```
//! use sessionmint_iam::testing::Secrets;
//!
//! let secrets = Secrets::default();
//! secrets.sent("/iam/oauth/token", [], b"grant_type=refresh_token&client_secret=sms_0123456789");
//! assert!(secrets.found_in(b"the client has the secret c21zXzAxMjM0NTY3ODk=").contains("client secret"));
//! ```

mod forms;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Fields of forms and of JSON, and the kind of secret in them.
const FIELDS: [(&str, &str); 15] = [
    ("password", "password"),
    ("current_password", "password"),
    ("new_password", "password"),
    ("client_secret", "client secret"),
    ("secret", "client secret"),
    ("client_assertion", "client assertion"),
    ("code", "authorization code"),
    ("code_verifier", "code verifier"),
    ("refresh_token", "refresh token"),
    ("access_token", "access token"),
    ("id_token", "ID token"),
    ("id_token_hint", "ID token"),
    ("token", "token"),
    ("subject_token", "token"),
    ("actor_token", "token"),
];

/// What an address may have that no other place calls so.
const HANDLE: (&str, &str) = ("id", "interaction handle");

/// Our cookies begin so.
const COOKIE_PREFIX: &str = "__Host-Http-";

/// The secrets of one service.
#[derive(Debug, Default)]
pub struct Secrets(Mutex<BTreeMap<String, &'static str>>);

impl Secrets {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, &'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, of a kind that has no secret in its name.
    pub fn add(&self, kind: &'static str, secret: &str) {
        self.known().entry(secret.to_owned()).or_insert(kind);
    }

    /// Those of a request.
    pub fn sent<'a>(
        &self,
        address: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
    ) {
        self.of_address(address);
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value);
            match name.to_ascii_lowercase().as_str() {
                "cookie" => value.split(';').for_each(|pair| self.of_cookie(pair)),
                "authorization" => self.of_authorization(&value),
                _ => {}
            }
        }
        self.of_body(body);
    }

    /// Those of an answer.
    pub fn received<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
    ) {
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value);
            match name.to_ascii_lowercase().as_str() {
                "set-cookie" => self.of_cookie(value.split(';').next().unwrap_or_default()),
                "location" => self.of_address(&value),
                _ => {}
            }
        }
        self.of_body(body);
    }

    fn of_address(&self, address: &str) {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        if let Some((_, handle)) = path.split_once("/interactions/") {
            self.add(HANDLE.1, handle);
        }
        let query = query.split('#').next().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == HANDLE.0 {
                self.add(HANDLE.1, &value);
            }
            self.of_field(&name, &value);
        }
    }

    fn of_cookie(&self, pair: &str) {
        if let Some((name, value)) = pair.split_once('=')
            && name.trim().starts_with(COOKIE_PREFIX)
        {
            self.add("cookie", value.trim());
        }
    }

    fn of_authorization(&self, value: &str) {
        match value.split_once(' ') {
            Some(("Basic", pair)) => {
                let pair = STANDARD.decode(pair).unwrap_or_default();
                let pair = String::from_utf8_lossy(&pair);
                if let Some((_, secret)) = pair.split_once(':') {
                    // It may be encoded as in a form.
                    let field = format!("client_secret={secret}");
                    self.of_body(field.as_bytes());
                    self.add("client secret", secret);
                }
            }
            Some(("Bearer", token)) => self.add("access token", token),
            _ => {}
        }
    }

    fn of_body(&self, body: &[u8]) {
        if let Ok(json) = serde_json::from_slice(body) {
            return self.of_json(&json);
        }
        for (name, value) in form_urlencoded::parse(body) {
            self.of_field(&name, &value);
        }
    }

    fn of_json(&self, json: &Value) {
        match json {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(address) if name == "location" => self.of_address(address),
                        // Of a problem, which one it is.
                        Some(_) if name == "code" => {}
                        Some(text) => self.of_field(name, text),
                        None => self.of_json(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.of_json(value)),
            _ => {}
        }
    }

    fn of_field(&self, name: &str, value: &str) {
        if let Some((_, kind)) = FIELDS.iter().find(|(field, _)| *field == name) {
            self.add(kind, value);
        }
    }

    /// The kinds of secrets that are in these bytes.
    pub fn found_in(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        self.search([("", bytes.to_vec())])
            .into_iter()
            .map(|(kind, _)| kind)
            .collect()
    }

    /// The kinds of secrets that are in the files of a folder whose names contain `of`, or in the log; and where.
    pub fn found(&self, folder: &Path, of: &str, log: Vec<u8>) -> BTreeSet<(&'static str, String)> {
        let mut places = vec![("the log".to_owned(), log)];
        read(folder, of, &mut places);
        self.search(places)
    }

    fn search<P: Ord + Clone>(
        &self,
        places: impl IntoIterator<Item = (P, Vec<u8>)>,
    ) -> BTreeSet<(&'static str, P)> {
        let mut forms: BTreeMap<Vec<u8>, &'static str> = BTreeMap::new();
        for (secret, kind) in self.known().iter() {
            for form in forms::of(secret) {
                forms.entry(form).or_insert(kind);
            }
        }
        let (forms, kinds): (Vec<_>, Vec<_>) = forms.into_iter().unzip();
        let searched = AhoCorasick::new(&forms).unwrap();
        let mut found = BTreeSet::new();
        for (place, bytes) in places {
            for hit in searched.find_overlapping_iter(&bytes) {
                let kind = kinds.get(hit.pattern().as_usize()).unwrap();
                found.insert((*kind, place.clone()));
            }
        }
        found
    }
}

/// All files below a folder whose names contain `of`. One that goes away meanwhile is none.
fn read(folder: &Path, of: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy().into_owned();
        if path.is_dir() {
            read(&path, of, files);
        } else if name.contains(of)
            && let Ok(bytes) = std::fs::read(&path)
        {
            files.push((name, bytes));
        }
    }
}
