//! The forms in which a secret, or enough of it, may lie somewhere.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sessionmint_oauth::refresh_token;

/// What is shorter than that may be anywhere.
const SHORTEST: usize = 9;

/// A part that nobody hits by chance. Of a long secret each such part is searched for.
const PIECE: usize = 16;

/// What to search for, if it is a secret at all.
pub(super) fn of(text: &str) -> BTreeSet<Vec<u8>> {
    let secret = secret_part(text);
    let mut forms = BTreeSet::new();
    if secret.len() < SHORTEST {
        return forms;
    }
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = serde_json::Value::from(secret).to_string();
    let quoted = quoted.trim_matches('"');
    for written in [secret, quoted, &form, &form.replace('+', "%20")] {
        forms.extend(pieces(written.as_bytes()));
    }
    forms.extend(encodings(secret.as_bytes()));
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(secret)
        && bytes.len() >= PIECE
    {
        forms.extend(pieces(&bytes));
        forms.extend(encodings(&bytes));
    }
    forms.retain(|form| !is_plain(form));
    forms
}

/// Whether it is of a few characters that repeat, as what is made up for a test may be and a database is full of.
fn is_plain(form: &[u8]) -> bool {
    form.iter().collect::<BTreeSet<_>>().len() < 5
}

/// Without what is not secret: of a signed token the signature is, and of a refresh token not which one it is.
fn secret_part(text: &str) -> &str {
    let mut parts = text.rsplitn(3, '.');
    if let (true, Some(signature), Some(_), Some(_)) = (
        text.starts_with("eyJ"),
        parts.next(),
        parts.next(),
        parts.next(),
    ) {
        return signature;
    }
    match text.strip_prefix(refresh_token::PREFIX) {
        Some(encoded) => encoded.get(32..).unwrap_or(encoded),
        None => text,
    }
}

fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.len() < 2 * PIECE {
        return vec![bytes.to_vec()];
    }
    bytes.chunks_exact(PIECE).map(<[u8]>::to_vec).collect()
}

/// The beginning of it in hex, as numbers, and as base64 wherever in the encoded text it begins.
fn encodings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let start = bytes.get(..PIECE).unwrap_or(bytes);
    let hex: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = format!("{start:?}");
    let mut encodings = vec![
        hex.to_ascii_uppercase().into_bytes(),
        hex.into_bytes(),
        numbers.trim_matches(['[', ']']).as_bytes().to_vec(),
    ];
    for skipped in 0..3 {
        let rest = bytes.get(skipped..).unwrap_or_default();
        let whole = rest.len().min(PIECE) / 3 * 3;
        let groups = rest.get(..whole).unwrap_or_default();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            encodings.push(engine.encode(groups).into_bytes());
        }
    }
    encodings.retain(|form| form.len() >= SHORTEST);
    encodings
}
