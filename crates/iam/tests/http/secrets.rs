//! The search for secrets at the end of each test: it finds every kind of them, in the database and in the log, in any form.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sessionmint_iam::testing::{Secrets, TestService};

/// 256 bits as they are written, unlike any that a test draws.
const SECRET: &str = "q7Zr0Tn3Vw-8LkXy_2MhGd5BsJc9PfEa1UoWiRtYvN4";

/// A message that the secret passes in.
enum Message {
    Sent(&'static str, Option<(&'static str, String)>, String),
    Received(Option<(&'static str, String)>, String),
}

fn of(message: &Message) -> Secrets {
    let secrets = Secrets::default();
    let header = |header: &Option<(&'static str, String)>| {
        let header = header.as_ref()?;
        Some((header.0, header.1.clone().into_bytes()))
    };
    match message {
        Message::Sent(address, field, body) => {
            let field = header(field);
            let field = field.iter().map(|(name, value)| (*name, &value[..]));
            secrets.sent(&address.replace("SECRET", SECRET), field, body.as_bytes());
        }
        Message::Received(field, body) => {
            let field = header(field);
            let field = field.iter().map(|(name, value)| (*name, &value[..]));
            secrets.received(field, body.as_bytes());
        }
    }
    secrets
}

fn form(name: &str) -> Message {
    let body = format!("grant_type=x&{name}={SECRET}&state=12345678");
    Message::Sent("/iam/oauth/token", None, body)
}

fn json(text: &str) -> Message {
    let body = text.replace("SECRET", SECRET);
    Message::Received(None, body)
}

fn field(name: &'static str, value: &str) -> Option<(&'static str, String)> {
    Some((name, value.replace("SECRET", SECRET)))
}

/// The forms in which somebody may keep it by mistake.
fn forms() -> Vec<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(SECRET).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        SECRET.into(),
        SECRET.as_bytes()[7..40].into(),
        bytes.clone(),
        hex.to_uppercase().into(),
        hex.into(),
        STANDARD.encode(&bytes).into(),
        format!("{bytes:?}").into(),
    ];
    for before in ["", "a", "ab"] {
        forms.push(STANDARD.encode(format!("{before}{SECRET}")).into());
    }
    forms
}

#[test]
fn c092_the_search_knows_every_kind_of_secret_in_every_form() {
    let basic = STANDARD.encode(format!("server:{SECRET}"));
    let kinds = [
        (
            "password",
            json(r#"{"username":"ada","password":"SECRET"}"#),
        ),
        ("password", json(r#"{"current_password":"SECRET"}"#)),
        ("password", json(r#"{"new_password":"SECRET"}"#)),
        ("client secret", form("client_secret")),
        (
            "client secret",
            json(r#"{"secrets":[{"secret":"SECRET"}]}"#),
        ),
        ("client assertion", form("client_assertion")),
        ("authorization code", form("code")),
        ("code verifier", form("code_verifier")),
        ("refresh token", form("refresh_token")),
        ("refresh token", json(r#"{"refresh_token":"SECRET"}"#)),
        ("access token", json(r#"{"access_token":"SECRET"}"#)),
        ("ID token", json(r#"{"id_token":"SECRET"}"#)),
        ("token", form("token")),
        ("token", form("subject_token")),
        (
            "client secret",
            Message::Sent(
                "/",
                field("authorization", &format!("Basic {basic}")),
                String::new(),
            ),
        ),
        (
            "access token",
            Message::Sent("/", field("Authorization", "Bearer SECRET"), String::new()),
        ),
        (
            "cookie",
            Message::Sent(
                "/",
                field("cookie", "a=b; __Host-Http-sid=SECRET"),
                String::new(),
            ),
        ),
        (
            "cookie",
            Message::Received(
                field("set-cookie", "__Host-Http-ix=SECRET; Secure"),
                String::new(),
            ),
        ),
        (
            "interaction handle",
            Message::Sent("/iam/interactions/SECRET", None, String::new()),
        ),
        (
            "interaction handle",
            Message::Received(
                field("location", "https://login.example.com/?id=SECRET"),
                String::new(),
            ),
        ),
        (
            "authorization code",
            json(r#"{"location":"https://app.example.com/callback?code=SECRET&state=1"}"#),
        ),
        (
            "ID token",
            Message::Sent(
                "/iam/oauth/end_session?id_token_hint=SECRET",
                None,
                String::new(),
            ),
        ),
    ];
    for (kind, message) in kinds {
        let secrets = of(&message);
        for form in forms() {
            let kept = [b"something ", &form[..], b" and more"].concat();
            let found = secrets.found_in(&kept);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), [kind], "{form:?}");
        }
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SECRET.as_bytes());
        assert!(secrets.found_in(hash.as_ref()).is_empty(), "a hash is none");
    }
}

#[test]
fn of_a_signed_token_the_signature_is_secret_and_of_a_refresh_token_not_its_family() {
    let secrets = Secrets::default();
    let signed = format!("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMTIzNDU2Nzg5MCJ9.{SECRET}");
    secrets.add("access token", &signed);
    let beginning = "AAECAwQFBgcICQoLDA0ODwAAAAAAAAAB";
    secrets.add(
        "refresh token",
        &format!("smr_{beginning}{}", SECRET.repeat(2)),
    );
    assert!(secrets.found_in(&signed.as_bytes()[..60]).is_empty());
    assert!(secrets.found_in(beginning.as_bytes()).is_empty());
    assert!(secrets.found_in(SECRET.as_bytes()).contains("access token"));
}

#[test]
fn a_password_is_found_however_it_is_written() {
    let secrets = Secrets::default();
    secrets.add("password", "two \"quoted\" words");
    for written in [
        r#"two "quoted" words"#,
        r#"two \"quoted\" words"#,
        "two+%22quoted%22+words",
        "two%20%22quoted%22%20words",
    ] {
        assert!(
            !secrets.found_in(written.as_bytes()).is_empty(),
            "{written}"
        );
    }
}

/// What the end of a test says about a service that has the secret sent to it as a code, and keeps it like that.
async fn end_of_a_test(keep: impl FnOnce(&TestService)) -> Option<String> {
    let service = TestService::start().await;
    let body = format!("grant_type=authorization_code&client_id=x&code={SECRET}");
    service.form("/oauth/token", None, &body).await;
    keep(&service);
    let ended = catch_unwind(AssertUnwindSafe(|| drop(service)));
    ended.err().map(|said| *said.downcast::<String>().unwrap())
}

#[tokio::test]
async fn c092_a_test_fails_that_leaves_a_secret_in_the_database_or_the_log() {
    assert_eq!(end_of_a_test(|_| {}).await, None);
    let stored = end_of_a_test(|service| {
        let conn = rusqlite::Connection::open(service.folder().join("iam.db")).unwrap();
        let note = "CREATE TABLE notes (text TEXT) STRICT";
        conn.execute_batch(note).unwrap();
        let written = conn.execute("INSERT INTO notes VALUES (?1)", [SECRET]);
        assert_eq!(written, Ok(1));
        // Nothing is read of it but what is left in the files.
        conn.execute("DELETE FROM notes", []).unwrap();
    });
    let logged = end_of_a_test(|_| tracing::debug!(code = SECRET, "redeemed"));
    for (said, place) in [(stored.await, "iam.db"), (logged.await, "the log")] {
        let said = said.unwrap();
        assert!(
            said.contains("authorization code") && said.contains(place),
            "{said}"
        );
        assert!(!said.contains(SECRET), "the value itself is not told");
    }
}

#[tokio::test]
async fn c092_what_is_logged_on_another_thread_is_searched_too() {
    let said = end_of_a_test(|_| {
        let logs = || tracing::info!(code = SECRET, "redeemed");
        std::thread::spawn(logs).join().unwrap();
    });
    assert!(said.await.unwrap().contains("the log"));
}

#[tokio::test]
async fn c092_an_address_is_searched_for_its_handle() {
    let service = TestService::start().await;
    let address = format!("/iam/interactions/{SECRET}");
    let request = Request::builder().method(Method::GET).uri(address);
    service
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert!(
        service
            .secrets()
            .found_in(SECRET.as_bytes())
            .contains("interaction handle")
    );
}
