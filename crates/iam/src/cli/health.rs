//! `sessionmint health`: for supervisors of containers, where there is no other program to ask with.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use super::{CliError, Common, output};

#[derive(Args)]
#[command(after_help = "\
Example:
  sessionmint health --config sessionmint.toml || echo \"not ready\"

It asks `/readyz` at the address of `admin.listen`, which has to be set, waits 5 seconds at most, and ends in 0 if the
service is ready, else in 1 with the reason.")]
pub(super) struct Health {}

/// More than the service lets its storage take before it says that it is not ready.
const WAIT: Duration = Duration::from_secs(5);

/// More than the answer has.
const MAX_BYTES: u64 = 4096;

impl Health {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let Some(listen) = common.load(None)?.admin.listen else {
            return Err(
                "there is nobody to ask: set `admin.listen`, and `serve` answers there".into(),
            );
        };
        let address = reachable(listen);
        let answer = ask(address).map_err(|error| format!("no answer from {address}: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        match head.split(' ').nth(1) {
            Some("200") => output::line(body.trim()),
            Some("503") => Err(body.trim().into()),
            _ => {
                let said = head.lines().next().unwrap_or_default();
                Err(format!("{address} does not answer as this service does: `{said}`").into())
            }
        }
    }
}

/// Where to connect to for an address that may stand for all of this machine's.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_is_asked_at_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("10.0.0.1:9090", "10.0.0.1:9090"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
