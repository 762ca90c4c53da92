//! Users that come from another system: the file, and signing in with their hashes. Those here were not made by the code
//! that checks them, but by Python's hashlib and by libxcrypt.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use argon2::password_hash::CustomizedPasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use ops_support::{fails, ok, run, secret};
use serde_json::{Value, json};
use sessionmint_iam::SystemRandom;
use sessionmint_iam::config::HashingConfig;
use sessionmint_iam::login::{
    AuthenticateError, Authenticated, Authenticator as _, Credentials, PasswordAuthenticator,
};
use sessionmint_oauth::Timestamp;
use sessionmint_store::{SqliteStore, Users as _};

const PASSWORD: &str = "seven small hedgehogs";
const PBKDF2_SHA256: &str =
    "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$EO6WIcepe/mNSQfxCs7gEuE31SlJZukj9paYW2d6/UY";
/// As Python's passlib writes it.
const PBKDF2_SHA512: &str = "$pbkdf2-sha512$1000$.//.NTY3ODlhYmNkZWYw$.rWz5xM7HtIxA4IwmusD846Kq2LYgRlMLjm55m8ISGDpMH1bZeM2hoDP4FQOzMQs502SBfS.S9f/ipX8sjfd9w";
const SCRYPT: &str =
    "$scrypt$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$k2xmZKg1F+P1qN5/LPQbN7rxfBI9CBjhNLLRBWAvSHc";
const BCRYPT: [&str; 3] = [
    "$2a$05$abcdefghijklmnopqrstuu6jiY0qS./Lbc0OPXtDPBG/lTSs9PwT2",
    "$2b$05$abcdefghijklmnopqrstuu6jiY0qS./Lbc0OPXtDPBG/lTSs9PwT2",
    "$2y$05$abcdefghijklmnopqrstuu6jiY0qS./Lbc0OPXtDPBG/lTSs9PwT2",
];
/// 72 times `x`: what bcrypt sees of a longer password.
const BCRYPT_LONG: &str = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";

/// The parameters in use, made cheap.
fn hashing() -> HashingConfig {
    HashingConfig {
        argon2_memory_kib: 64,
        argon2_iterations: 2,
        ..HashingConfig::default()
    }
}

fn argon2(algorithm: Algorithm) -> String {
    let params = Params::new(64, 2, 1, Some(32)).unwrap();
    Argon2::default()
        .hash_password_customized(
            PASSWORD.as_bytes(),
            b"0123456789abcdef",
            Some(algorithm.as_str()),
            Some(Version::V0x13.into()),
            params,
        )
        .unwrap()
        .to_string()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "issuer = \"https://api.example.com/iam\"\ndatabase = \"sqlite:iam.db\"\n";
    std::fs::write(folder.path().join("iam.toml"), config).unwrap();
    folder
}

fn import<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["user", "import", "-", "--config", "iam.toml"]
        .iter()
        .chain(more)
        .copied()
        .collect()
}

fn line(name: &str, hash: &str) -> String {
    format!("{}\n", json!({ "username": name, "password_hash": hash }))
}

fn users(folder: &Path) -> Vec<Value> {
    let args = ["user", "list", "--json", "--config", "iam.toml"];
    serde_json::from_str(&ok(folder, &args, "")).unwrap()
}

async fn sign_in(
    authenticator: &PasswordAuthenticator,
    username: &str,
    password: &str,
) -> Result<Authenticated, AuthenticateError> {
    let password = secret(password);
    let attempt = Credentials {
        username,
        password: &password,
        network: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let now = Timestamp::from_secs(1_800_000_000);
    authenticator.authenticate(attempt, now).await
}

#[tokio::test]
async fn c144_imported_hashes_of_every_kind_sign_in_and_become_argon2id() {
    let folder = folder();
    let folder = folder.path();
    let (argon2i, argon2d) = (argon2(Algorithm::Argon2i), argon2(Algorithm::Argon2d));
    let all = [
        ("argon2i", argon2i.as_str()),
        ("argon2d", &argon2d),
        ("bcrypt-a", BCRYPT[0]),
        ("bcrypt-b", BCRYPT[1]),
        ("bcrypt-y", BCRYPT[2]),
        ("scrypt", SCRYPT),
        ("pbkdf2-sha256", PBKDF2_SHA256),
        ("pbkdf2-sha512", PBKDF2_SHA512),
    ];
    let file: String = all.iter().map(|(name, hash)| line(name, hash)).collect();
    let said = run(folder, &import(&[]), &file);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "added 8 users, skipped 0\n"),
        "{}",
        said.err
    );
    assert!(
        said.err
            .contains("1 argon2d, 1 argon2i, 3 bcrypt, 1 pbkdf2-sha256, 1 pbkdf2-sha512, 1 scrypt"),
        "{}",
        said.err
    );

    let store = Arc::new(SqliteStore::open(folder.join("iam.db")).unwrap());
    let authenticator =
        PasswordAuthenticator::new(store.clone(), &hashing(), Arc::new(SystemRandom)).unwrap();
    let hash = async |name: &str| {
        let user = store.user_by_name(name).await.unwrap().unwrap();
        user.password_hash.unwrap()
    };
    for (name, imported) in all {
        for wrong in ["seven small hedgehog", "", "seven small hedgehogs "] {
            assert_eq!(
                sign_in(&authenticator, name, wrong).await,
                Err(AuthenticateError::Rejected),
                "{name}"
            );
        }
        assert_eq!(
            hash(name).await,
            imported,
            "a wrong password changes nothing"
        );
        let signed_in = sign_in(&authenticator, name, PASSWORD).await.unwrap();
        let renewed = hash(name).await;
        assert!(
            renewed.starts_with("$argon2id$v=19$m=64,t=2,p=1$"),
            "{name}: {renewed}"
        );
        assert_eq!(signed_in.password_hash, Some(renewed.clone()));
        sign_in(&authenticator, name, PASSWORD).await.unwrap();
        assert_eq!(hash(name).await, renewed, "{name} is renewed once");
    }
}

/// bcrypt never saw the rest; the hash that replaces it does.
#[tokio::test]
async fn a_long_password_with_bcrypt_is_compared_whole_from_the_first_sign_in_on() {
    let folder = folder();
    let folder = folder.path();
    ok(folder, &import(&[]), &line("ann", BCRYPT_LONG));
    let store = Arc::new(SqliteStore::open(folder.join("iam.db")).unwrap());
    let authenticator =
        PasswordAuthenticator::new(store, &hashing(), Arc::new(SystemRandom)).unwrap();
    let long = "x".repeat(80);
    assert!(sign_in(&authenticator, "ann", &long).await.is_ok());
    assert!(
        sign_in(&authenticator, "ann", &"x".repeat(72))
            .await
            .is_err()
    );
    assert!(sign_in(&authenticator, "ann", &long).await.is_ok());
}

#[test]
fn scopes_and_disabled_come_along_and_blank_lines_do_not_count() {
    let folder = folder();
    let folder = folder.path();
    let file = format!(
        "\r\n{}\r\n\n{}",
        json!({ "username": "ann", "password_hash": SCRYPT, "scopes": "notes:read account" }),
        json!({ "disabled": true, "password_hash": SCRYPT, "username": "Zoë" }),
    );
    std::fs::write(folder.join("users.jsonl"), file).unwrap();
    let args = ["user", "import", "users.jsonl", "--config", "iam.toml"];
    assert_eq!(ok(folder, &args, ""), "added 2 users, skipped 0\n");
    let users = users(folder);
    assert_eq!(users[0]["username"], "Zoë");
    assert_eq!(users[0]["scopes"], Value::Null);
    assert!(users[0]["disabled_at"].is_string());
    assert_eq!(users[1]["scopes"], "account notes:read");
    assert_eq!(users[1]["disabled_at"], Value::Null);
    assert!(
        fails(
            folder,
            &["user", "import", "nothing.jsonl", "--config", "iam.toml"],
            ""
        )
        .contains("cannot open nothing.jsonl")
    );
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_imported() {
    let folder = folder();
    let folder = folder.path();
    let wrong = [
        ("{", "not a JSON object"),
        ("[\"eve\",\"$2b$\"]", "not a JSON object"),
        (r#"{"username":"eve"}"#, "missing field `password_hash`"),
        (
            r#"{"username":"eve","password_hash":"$x$","is_admin":true}"#,
            "unknown field `is_admin`",
        ),
        (
            r#"{"username":" eve","password_hash":"$x$"}"#,
            "no space at its ends",
        ),
        (
            r#"{"username":"eve","password_hash":"correct horse"}"#,
            "of no known kind",
        ),
        (
            r#"{"username":"eve","password_hash":"$1$abc$def"}"#,
            "of no known kind",
        ),
        (
            r#"{"username":"eve","password_hash":"$2b$05$short"}"#,
            "the bcrypt hash cannot be read",
        ),
        (
            r#"{"username":"eve","password_hash":"$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg"}"#,
            "the argon2 hash cannot be read",
        ),
        (
            r#"{"username":"eve","password_hash":"$pbkdf2-sha256$0$MDEyMzQ1$EO6WIcepe/mNSQfxCs7gEuE31SlJZukj9paYW2d6/UY"}"#,
            "the pbkdf2-sha256 hash cannot be read",
        ),
        (
            r#"{"username":"eve","password_hash":"$pbkdf2-sha256$1000$MDEyMzQ1$EO6W"}"#,
            "the pbkdf2-sha256 hash cannot be read",
        ),
    ];
    for (text, why) in wrong {
        let file = format!("{}\n{text}\n", line("ann", SCRYPT));
        let said = fails(folder, &import(&[]), &file);
        assert!(said.contains("nothing was imported"), "{said}");
        assert!(said.contains("line 3: "), "{text}: {said}");
        assert!(said.contains(why), "{text}: {said}");
        assert!(
            !said.contains("correct horse") && !said.contains("EO6W"),
            "a hash is repeated: {said}"
        );
    }
    let scopes = json!({ "username": "eve", "password_hash": SCRYPT, "scopes": "a\"b" });
    assert!(fails(folder, &import(&[]), &scopes.to_string()).contains("line 1: scopes: "));
    let long = "x".repeat(20_000);
    assert!(fails(folder, &import(&[]), &long).contains("line 1: it has more than"));
    let twice = line("ann", SCRYPT) + &line("bob", SCRYPT) + &line("ann", BCRYPT[0]);
    assert!(
        fails(folder, &import(&["--skip-existing"]), &twice)
            .contains("line 3: line 1 has the name `ann` too")
    );
    let many = "{\n".repeat(30);
    let said = fails(folder, &import(&[]), &many);
    assert!(said.contains("line 20: ") && said.contains("and 10 more"));
    assert!(!folder.join("iam.db").exists());
}

#[test]
fn a_hash_that_would_take_gigabytes_or_minutes_is_refused() {
    let folder = folder();
    let folder = folder.path();
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg$EO6WIcepe/mNSQfxCs7gEuE31SlJZukj9paYW2d6/UY";
    for (hash, why) in [
        (
            format!("$argon2id$v=19$m=4194304,t=1,p=1${salt}"),
            "too much",
        ),
        (
            format!("$argon2id$v=19$m=19456,t=4294967295,p=1${salt}"),
            "too much",
        ),
        (format!("$argon2i$v=19$m=262144,t=5,p=1${salt}"), "too much"),
        (format!("$scrypt$ln=30,r=8,p=1${salt}"), "too much"),
        (format!("$scrypt$ln=17,r=8,p=100${salt}"), "too much"),
        (format!("$scrypt$ln=1,r=4000000,p=1${salt}"), "too much"),
        (format!("$scrypt$ln=63,r=8,p=1${salt}"), "cannot be read"),
        (BCRYPT[1].replace("$05$", "$16$"), "too much"),
        (BCRYPT[1].replace("$05$", "$99$"), "cannot be read"),
        (format!("$pbkdf2-sha256$i=5000001${salt}"), "too much"),
        (format!("$pbkdf2-sha256$4294967295${salt}"), "too much"),
        (
            format!("$pbkdf2-sha512$i=99999999999${salt}"),
            "cannot be read",
        ),
    ] {
        let said = fails(folder, &import(&[]), &line("eve", &hash));
        assert!(
            said.contains("line 1: ") && said.contains(why),
            "{hash}: {said}"
        );
    }
    for hash in [
        format!("$argon2id$v=19$m=65536,t=3,p=4${salt}"),
        format!("$scrypt$ln=17,r=8,p=1${salt}"),
        BCRYPT[1].replace("$05$", "$14$"),
        format!("$pbkdf2-sha256$1200000${salt}"),
    ] {
        ok(folder, &import(&["--dry-run"]), &line("ann", &hash));
    }
}

#[test]
fn an_import_is_repeatable_and_can_be_tried_first() {
    let folder = folder();
    let folder = folder.path();
    let file = line("ann", SCRYPT) + &line("bob", BCRYPT[0]);
    assert_eq!(
        ok(folder, &import(&["--dry-run"]), &file),
        "would add 2 users, skipped 0\n"
    );
    assert!(!folder.join("iam.db").exists());
    ok(folder, &import(&[]), &line("ann", PBKDF2_SHA256));
    let ann = users(folder)[0].clone();

    for more in [&[][..], &["--dry-run"]] {
        let said = fails(folder, &import(more), &file);
        assert!(said.contains("nothing was imported"), "{said}");
        assert!(
            said.contains("line 1: there is a user `ann` already") && !said.contains("line 2"),
            "{said}"
        );
    }
    assert_eq!(users(folder).len(), 1);
    assert_eq!(
        ok(folder, &import(&["--dry-run", "--skip-existing"]), &file),
        "would add 1 user, skipped 1\n"
    );
    assert_eq!(users(folder).len(), 1);
    assert_eq!(
        ok(folder, &import(&["--skip-existing"]), &file),
        "added 1 user, skipped 1\n"
    );
    assert_eq!(
        ok(folder, &import(&["--skip-existing"]), &file),
        "added 0 users, skipped 2\n"
    );
    let after = users(folder);
    assert_eq!((after.len(), &after[0]), (2, &ann), "left alone");
}

#[test]
fn a_file_of_thousands_is_added_in_groups() {
    let folder = folder();
    let folder = folder.path();
    let file: String = (0..1234)
        .map(|number| line(&format!("user{number}"), SCRYPT))
        .collect();
    assert_eq!(
        ok(folder, &import(&[]), &file),
        "added 1234 users, skipped 0\n"
    );
    assert_eq!(users(folder).len(), 1234);
}
