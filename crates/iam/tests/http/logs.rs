//! What is logged, and what never is.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use crate::support::{PASSWORD, logout_request, signed_in};

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Everything that this thread logs until it is dropped. One subscriber serves all tests: those that come and go change
/// what other threads log.
pub(crate) struct CapturedLogs(());

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            if let Some(captured) = captured {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl CapturedLogs {
    pub(crate) fn text(&self) -> String {
        CAPTURED.with_borrow(|captured| String::from_utf8(captured.clone().unwrap()).unwrap())
    }
}

impl Drop for CapturedLogs {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

pub(crate) fn capture_logs() -> CapturedLogs {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| Sink).finish()).unwrap();
    });
    CAPTURED.set(Some(Vec::new()));
    CapturedLogs(())
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
        .filter(|line| line.contains("grant=session"))
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("INFO") && lines[0].contains("outcome=minted") && lines[0].contains(&sid)
    );
    assert!(lines[0].contains("client_id=web"));
    assert!(lines[1].contains("outcome=login_required"));
    assert!(lines[2].contains("outcome=invalid_scope"));
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
