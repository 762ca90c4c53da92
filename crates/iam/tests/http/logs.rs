//! What is logged, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

use crate::support::{PASSWORD, logout_request, signed_in};

/// Everything that this thread logs until it is dropped.
pub(crate) struct CapturedLogs {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl CapturedLogs {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn capture_logs() -> CapturedLogs {
    let text = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&text);
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || Sink(Arc::clone(&sink)))
        .finish();
    CapturedLogs {
        text,
        _guard: tracing::subscriber::set_default(subscriber),
    }
}

#[tokio::test]
async fn every_mint_is_one_line_with_its_outcome() {
    let (service, _, cookie) = signed_in().await;
    let logs = capture_logs();
    let sid = crate::support::assert_minted(&service.mint(&cookie, "").await)["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    service.mint("unknown", "").await;
    service.mint(&cookie, "scope=admin").await;
    let text = logs.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("grant=\"session\""))
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("INFO")
            && lines[0].contains("outcome=\"minted\"")
            && lines[0].contains(&sid)
    );
    assert!(lines[0].contains("client_id=\"web\""));
    assert!(lines[1].contains("outcome=\"login_required\""));
    assert!(lines[2].contains("outcome=\"invalid_scope\""));
}

#[tokio::test]
async fn no_secret_is_logged() {
    let (service, ..) = signed_in().await;
    let logs = capture_logs();
    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.mint(&cookie, "").await.access_token();
    service.try_sign_in("ada", "wrong but secret").await;
    service.send(logout_request(&cookie)).await;
    let text = logs.text();
    for secret in [
        PASSWORD,
        "wrong but secret",
        &cookie,
        &token,
        token.rsplit('.').next().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
