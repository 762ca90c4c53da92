//! Debian packages, for what has no other source on a machine that reaches package registries only.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::sh;

/// Installs `packages` unless every one of the files `proof` is there (always, without any). `why` completes "… is needed".
pub(crate) fn need(packages: &[&str], proof: &[&str], why: &str) -> Result<()> {
    if !proof.is_empty() && proof.iter().all(|path| Path::new(path).exists()) {
        return Ok(());
    }
    let list = packages.join(" ");
    let by_hand = format!(
        "{why} is needed: install the Debian packages `{list}`, or their like on your system"
    );
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{by_hand}");
    }
    sh::step(&format!(
        "installing Debian packages: {list} (a minute or two)"
    ));
    let is_root = sh::read(&mut sh::cmd("id", ["-u"]))? == "0";
    let apt = |args: &[&str]| -> Result<()> {
        let (program, first) = if is_root {
            ("apt-get", None)
        } else {
            ("sudo", Some("apt-get"))
        };
        let mut command = sh::cmd(program, first.into_iter().chain(args.iter().copied()));
        sh::quiet(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"]).context(by_hand.clone())?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install).context(by_hand)
}

/// Chromium and Firefox for the browser tests.
pub(crate) fn browsers() -> Result<()> {
    need(
        &["chromium", "fonts-liberation"],
        &["/usr/bin/chromium"],
        "Chromium",
    )?;
    need(&["firefox-esr"], &["/usr/bin/firefox-esr"], "Firefox")
}

/// WebKit for the browser tests: GTK's browser and its driver, and a display for its windows.
pub(crate) fn webkit() -> Result<()> {
    need(
        &["webkit2gtk-driver", "xvfb", "fonts-liberation"],
        &["/usr/bin/WebKitWebDriver", "/usr/bin/Xvfb"],
        "WebKit",
    )
}

/// Makes the certificates of the tests.
pub(crate) fn openssl() -> Result<()> {
    need(&["openssl"], &["/usr/bin/openssl"], "OpenSSL")
}

/// Attacks the service with slow clients.
pub(crate) fn slowhttptest() -> Result<()> {
    need(
        &["slowhttptest"],
        &["/usr/bin/slowhttptest"],
        "slowhttptest",
    )
}

/// The gateways that the README has lines for.
pub(crate) fn gateways() -> Result<()> {
    need(&["nginx-light"], &["/usr/sbin/nginx"], "nginx")?;
    need(&["caddy"], &["/usr/bin/caddy"], "Caddy")
}
