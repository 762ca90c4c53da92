//! One request, to see that a server does what it is measured for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Sends one request on a connection of its own; the whole answer as text.
pub(super) fn send(address: &str, request_line: &str, headers: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "{request_line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// As [`send`]; an error unless the answer has this status and holds this text.
pub(super) fn expect(
    address: &str,
    request: (&str, &str, &str),
    status: u16,
    text: &str,
) -> Result<()> {
    let (line, headers, body) = request;
    let answer = send(address, line, headers, body)?;
    if !answer.starts_with(&format!("HTTP/1.1 {status} ")) || !answer.contains(text) {
        bail!("{line} was not answered with {status} and `{text}`:\n{answer}");
    }
    Ok(())
}
