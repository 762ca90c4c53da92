//! TLS of the running service: what it starts with, and what it says of what it cannot use. The handshakes themselves are
//! tested with other people's clients in `tests/service`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ops_support::{Server, fails, run};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

const ISSUER: &str = "https://api.app.localhost:4181/iam";

/// A certificate until that year and its key, in PEM.
fn made(until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["api.app.localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn put(folder: &Path, name: &str, text: &str, mode: u32) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn configure(folder: &Path, issuer: &str, tls: &str) {
    let text = format!(
        "issuer = \"{issuer}\"\ndatabase = \"sqlite:iam.db\"\nlisten = \"127.0.0.1:0\"\n[tls]\n{tls}\n[admin]\nlisten = \"127.0.0.1:0\"\n"
    );
    fs::write(folder.join("iam.toml"), text).unwrap();
}

const FILES: &str = "certificate_file = \"cert.pem\"\nkey_file = \"key.pem\"";

#[test]
fn c150_a_certificate_that_cannot_be_used_stops_the_start_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, ISSUER, FILES);
    let (certificate, key) = made(2120);
    let refused = |why: &[&str]| {
        for command in [&["serve"][..], &["config", "check"]] {
            let mut args = command.to_vec();
            args.extend(["--config", "iam.toml"]);
            let said = fails(at, &args, "");
            for part in why {
                assert!(said.contains(part), "{command:?}: no `{part}` in {said}");
            }
        }
    };
    refused(&["cert.pem", "No such file"]);
    put(at, "cert.pem", &certificate, 0o644);
    refused(&["key.pem", "No such file"]);
    for mode in [0o644, 0o604, 0o620, 0o666] {
        put(at, "key.pem", &key, mode);
        refused(&["key.pem", "chmod 600 key.pem", &format!("{mode:o}")]);
    }
    put(at, "key.pem", &made(2120).1, 0o600);
    refused(&["key.pem", "is not the one of the certificate in cert.pem"]);
    put(at, "key.pem", &certificate, 0o600);
    refused(&["key.pem holds no private key"]);
    put(at, "key.pem", &key, 0o600);
    put(at, "cert.pem", "nonsense", 0o644);
    refused(&["cert.pem holds no certificate"]);
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    put(at, "cert.pem", cut, 0o644);
    refused(&["the certificate in cert.pem cannot be used"]);

    put(at, "cert.pem", &certificate, 0o644);
    configure(at, "http://api.app.localhost:4181/iam", FILES);
    refused(&["iam.toml:5", "with TLS the issuer begins with https://"]);
    configure(at, ISSUER, "certificate_file = \"cert.pem\"");
    refused(&["iam.toml:5", "needs its `tls.key_file`"]);
    configure(at, ISSUER, "hsts = \"max-age=1\"");
    refused(&["iam.toml:5", "is sent over TLS only"]);
    for hsts in [
        "on",
        "max-age=",
        "includeSubDomains",
        "max-age=1; x",
        "max-age=1\\r\\nx: y",
    ] {
        configure(at, ISSUER, &format!("{FILES}\nhsts = \"{hsts}\""));
        refused(&[
            "iam.toml:7",
            "`tls.hsts` is empty or such as `max-age=31536000; includeSubDomains`",
        ]);
    }

    configure(at, ISSUER, FILES);
    put(at, "key.pem", &key, 0o640);
    let said = run(at, &["config", "check", "--config", "iam.toml"], "");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.contains("tls.key_file = \"key.pem\"\n"),
        "{}",
        said.out
    );
}

/// Otherwise a renewal would need a restart, and a wrong clock would keep the service down.
#[test]
fn c150_an_expired_certificate_is_served_and_said_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, ISSUER, FILES);
    let (certificate, key) = made(2021);
    put(at, "cert.pem", &certificate, 0o644);
    put(at, "key.pem", &key, 0o600);
    let said = run(at, &["config", "check", "--config", "iam.toml"], "");
    assert_eq!(said.code, 0);
    assert!(
        said.err
            .contains("warning: the TLS certificate expired at 2021-01-01T00:00:00Z"),
        "{}",
        said.err
    );
    let mut server = Server::start(at, &["serve", "--config", "iam.toml"], &[]);
    assert!(
        server.log_so_far.contains(
            "ERROR sessionmint_iam::tls: browsers refuse to connect: the TLS certificate expired at"
        ),
        "{}",
        server.log_so_far
    );
    let metrics = server.admin("/metrics").body;
    assert!(
        metrics.contains("\nsessionmint_tls_certificate_not_after_seconds 1609459200\n"),
        "{metrics}"
    );

    let (certificate, key) = made(2120);
    put(at, "cert.pem", &certificate, 0o644);
    put(at, "key.pem", &key, 0o600);
    server.signal("HUP");
    server.wait_for_log("the new one is valid until 2120-01-01T00:00:00Z");
    server.signal("HUP");
    server.wait_for_log("SIGHUP: the TLS certificate has not changed");
    server.stop();
}

/// Whoever speaks plain HTTP has shown others already what it wanted to keep secret; a redirect would hide that.
#[test]
fn c150_plain_http_on_the_tls_port_gets_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, ISSUER, FILES);
    let (certificate, key) = made(2120);
    put(at, "cert.pem", &certificate, 0o644);
    put(at, "key.pem", &key, 0o600);
    let mut server = Server::start(at, &["serve", "--config", "iam.toml"], &[]);
    assert!(
        server
            .log_so_far
            .contains("listening on https://127.0.0.1:")
    );
    for words in [
        &b"GET /iam/.well-known/jwks.json HTTP/1.1\r\nHost: api.app.localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01",
    ] {
        let mut stream: TcpStream = server.connect();
        stream.write_all(words).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        // At most an alert: 21, version, length, level, description.
        assert!(
            heard.is_empty() || (heard[0] == 21 && heard.len() == 7),
            "{heard:?}"
        );
    }
    server.stop();
}
