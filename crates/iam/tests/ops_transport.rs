//! The service on the wire: what ambiguous, oversized and slow requests get, and that nobody else notices.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use ops_support::service::{App, ORIGIN, PASSWORD, folder, login, mint, serve};
use ops_support::{Server, command};

/// All that comes back on a connection where this is said, until the service closes it. A reset, which is what a peer
/// gets that goes on talking, is an end too.
fn heard(server: &Server, words: &[u8]) -> String {
    let mut stream = server.connect();
    let mut heard = Vec::new();
    // What is refused early is not read to its end.
    if stream.write_all(words).is_ok() {
        let _ = stream.read_to_end(&mut heard);
    }
    String::from_utf8(heard).unwrap()
}

fn status(heard: &str) -> u16 {
    heard.split(' ').nth(1).unwrap_or("0").parse().unwrap()
}

/// A mint that would succeed, and what a gateway that sees other ends of requests would take for its body or for the next
/// user's request.
#[test]
fn c152_ambiguous_requests_are_refused_and_their_connection_is_closed() {
    const SECOND: &str = "GET /iam/.well-known/jwks.json HTTP/1.1\r\nHost: h\r\n\r\n";
    let folder = folder();
    let mut server = serve(folder.path(), &[]);
    let cookie = login(&server, "ann", PASSWORD).session();
    let form = "grant_type=session";
    let mint_with = |target: &str, headers: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\n{headers}Origin: {ORIGIN}\r\nCookie: __Host-Http-sid={cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}{SECOND}"
        )
    };
    let token = "/iam/oauth/token";
    let chunked = "12\r\ngrant_type=session\r\n0\r\n\r\n";

    // So it is not for another reason that the others are refused.
    let good = heard(
        &server,
        mint_with(
            token,
            "Host: h\r\nContent-Length: 18\r\nConnection: close\r\n",
            form,
        )
        .as_bytes(),
    );
    assert_eq!(status(&good), 200, "{good}");
    assert!(good.contains("access_token") && !good.contains("\"keys\""));

    let (ok, te, bad) = ("Host: h\r\n", 411, 400);
    for (what, headers, body, expected) in [
        ("no length", "Transfer-Encoding: chunked\r\n", chunked, te),
        (
            "a length, then chunks",
            "Content-Length: 18\r\nTransfer-Encoding: chunked\r\n",
            chunked,
            te,
        ),
        (
            "chunks, then a length",
            "Transfer-Encoding: chunked\r\nContent-Length: 18\r\n",
            chunked,
            te,
        ),
        (
            "chunks behind a lone LF",
            "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 18\r\n",
            chunked,
            te,
        ),
        (
            "another name for chunks",
            "Transfer-Encoding: xchunked\r\nContent-Length: 18\r\n",
            form,
            bad,
        ),
        (
            "not chunked at the end",
            "Transfer-Encoding: chunked, identity\r\n",
            chunked,
            bad,
        ),
        (
            "chunked twice, undone",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            chunked,
            bad,
        ),
        (
            "two lengths",
            "Content-Length: 18\r\nContent-Length: 0\r\n",
            form,
            bad,
        ),
        (
            "two lengths in one field",
            "Content-Length: 18, 0\r\n",
            form,
            bad,
        ),
        ("a signed length", "Content-Length: +18\r\n", form, bad),
        (
            "a hexadecimal length",
            "Content-Length: 0x12\r\n",
            form,
            bad,
        ),
        ("a negative length", "Content-Length: -1\r\n", form, bad),
        (
            "a space before the colon",
            "Content-Length : 18\r\n",
            form,
            bad,
        ),
        (
            "a folded line",
            "X: y\r\n Content-Length: 18\r\n",
            form,
            bad,
        ),
        ("a lone CR", "X: y\rContent-Length: 18\r\n", form, bad),
        ("a NUL", "X: y\0\r\nContent-Length: 18\r\n", form, bad),
        (
            "a second host",
            "Host: evil.example\r\nContent-Length: 18\r\n",
            form,
            bad,
        ),
        (
            "the same host twice",
            "Host: h\r\nContent-Length: 18\r\n",
            form,
            bad,
        ),
    ] {
        let answer = heard(
            &server,
            mint_with(token, &format!("{ok}{headers}"), body).as_bytes(),
        );
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{what}: a second answer: {answer}"
        );
        assert!(
            !answer.contains("access_token") && !answer.contains("\"keys\""),
            "{what}: {answer}"
        );
    }
    let length = "Content-Length: 18\r\n";
    for (what, target, host) in [
        ("no host", token, ""),
        ("an impossible host", token, "Host: a/b\r\n"),
        (
            "another host in the address",
            "http://evil.example/iam/oauth/token",
            "Host: h\r\n",
        ),
    ] {
        let answer = heard(
            &server,
            mint_with(target, &format!("{host}{length}"), form).as_bytes(),
        );
        assert_eq!(status(&answer), bad, "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        assert!(
            answer.contains("cache-control: no-store") && answer.contains("\"ambiguous_host\""),
            "{what}: {answer}"
        );
    }
    assert_eq!(mint(&server, &cookie, "").status, 200);
    server.stop();
}

/// Up to three times the limit a script can read why; beyond it the connection is closed with no more than a status.
#[test]
fn c152_oversized_headers_and_addresses_end_in_a_clean_refusal() {
    let folder = folder();
    let mut server = serve(folder.path(), &[]);
    let cookie = login(&server, "ann", PASSWORD).session();
    let bystander = server.connect();
    let ask = |target: &str, headers: &str| {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nOrigin: {ORIGIN}\r\n{headers}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 18\r\nConnection: close\r\n\r\n\
             grant_type=session"
        );
        heard(&server, request.as_bytes())
    };
    let bomb = |kib: usize| {
        format!(
            "Cookie: bomb={}; __Host-Http-sid={cookie}\r\n",
            "x".repeat(kib * 1024)
        )
    };
    let token = "/iam/oauth/token";
    let readable = |answer: &str, expected: u16| {
        assert_eq!(status(answer), expected, "{answer}");
        for part in [
            &format!("access-control-allow-origin: {ORIGIN}\r\n"),
            "access-control-allow-credentials: true\r\n",
            "cache-control: no-store\r\n",
            "content-type: application/problem+json\r\n",
            "\"code\":",
        ] {
            assert!(answer.contains(part), "no {part} in {answer}");
        }
    };
    let bare = |answer: &str, expected: u16| {
        assert!(answer.is_empty() || status(answer) == expected, "{answer}");
        assert!(!answer.contains("access_token"));
    };
    assert_eq!(status(&ask(token, &bomb(30))), 200);
    readable(&ask(token, &bomb(33)), 431);
    readable(&ask(token, &bomb(64)), 431);
    bare(&ask(token, &bomb(300)), 431);
    bare(&ask(token, &"X: y\r\n".repeat(200)), 431);
    let long = |kib: usize| format!("{token}?x={}", "y".repeat(kib * 1024));
    // Nothing takes a query, but this is another refusal.
    assert_eq!(status(&ask(&long(7), &bomb(1))), 400);
    readable(&ask(&long(9), &bomb(1)), 414);
    bare(&ask(&long(70), &bomb(1)), 414);
    readable(&ask(token, &bomb(64)), 431);

    let body = "x".repeat(64 * 1024 + 1);
    let headers = [
        ("Origin", ORIGIN),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let answer = server.request("POST", token, &headers, &body);
    assert_eq!(answer.status, 413, "{}", answer.body);

    // Whoever was connected before is served as if nothing had been.
    let mut bystander = bystander;
    bystander
        .write_all(
            b"GET /iam/.well-known/jwks.json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    bystander.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 200);
    server.stop();
}

/// The pipe of a supervisor that hangs takes some 300 lines, and each mint is one.
#[test]
fn a_log_that_nobody_reads_stops_nobody_and_is_whole_afterwards() {
    let folder = folder();
    let mut child = command(folder.path())
        .args(["serve", "--config", "iam.toml"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on http://") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let (_, address) = line.split_once("listening on http://").unwrap();
    let address = address.split_whitespace().next().unwrap().parse().unwrap();
    let app = App(address);
    let cookie = app.login("ann", PASSWORD).unwrap().session();
    let statuses = (0..500).map(|_| app.mint(&cookie, "").unwrap().status);
    assert!(statuses.into_iter().all(|status| status == 200));

    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rest.matches("outcome=minted").count(), 500);
    assert!(rest.ends_with("all requests are finished\n"), "{rest}");
}
