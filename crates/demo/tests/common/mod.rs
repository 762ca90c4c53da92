//! Servers on free ports and a client that sends exactly the bytes it is given.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::SocketAddr;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(header, _)| header == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a head (lines without the last, empty one) and a body; the connection is closed after the answer.
pub(crate) async fn send(to: SocketAddr, head: &[&[u8]], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut request = head.join(&b"\r\n"[..]);
    request.extend_from_slice(
        format!(
            "\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    request.extend_from_slice(body);
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers = pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

/// `GET` with these header lines.
pub(crate) async fn get(to: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    request(to, "GET", path, headers, "").await
}

/// Any request with these header lines, besides `Host`.
pub(crate) async fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let line = format!("{method} {path} HTTP/1.1");
    let host = b"host: api.app.localhost:4181";
    let mut head: Vec<&[u8]> = vec![line.as_bytes(), host];
    head.extend(headers.iter().map(|header| header.as_bytes()));
    send(to, &head, body.as_bytes()).await
}
