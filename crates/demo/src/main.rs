//! The binary around [`sessionmint_demo::run`]: options, log and signals.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use sessionmint_demo::run::{Addresses, Options, run};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(options: Options) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let asked_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let ready = |Addresses { ui, api, login }: Addresses| {
        println!(
            "demo ready ui http://ui.app.localhost:{} login http://login.app.localhost:{} api http://api.app.localhost:{}",
            ui.port(),
            login.port(),
            api.port()
        );
    };
    run(options, ready, asked_to_stop).await
}
