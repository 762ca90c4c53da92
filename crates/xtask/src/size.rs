//! `cargo xtask size`: what the npm package weighs in a browser, against its budgets and beside its peers.
//!
//! Everything is bundled the same way: esbuild, one entry, minified, no splitting. What is counted is the gzip of that,
//! in thousands of bytes.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{npm, package, sh};

/// What is weighed: the script that is bundled, a file that is loaded beside it and counts as well, and the budget in
/// gzipped bytes.
struct Entry {
    name: &'static str,
    script: &'static str,
    beside: Option<&'static str>,
    budget: usize,
}

const ENTRIES: [Entry; 7] = [
    Entry {
        name: "sessionmint",
        script: "index.js",
        beside: None,
        budget: 17_000,
    },
    Entry {
        name: "sessionmint/external",
        script: "external.js",
        beside: Some("sessionmint.wasm"),
        budget: 16_500,
    },
    Entry {
        name: "sessionmint/slim, without the module",
        script: "slim.js",
        beside: None,
        budget: 8_700,
    },
    Entry {
        name: "sessionmint/compat",
        script: "compat.js",
        beside: None,
        budget: 26_000,
    },
    Entry {
        name: "loaded only without WebAssembly",
        script: FALLBACK,
        beside: None,
        budget: 18_000,
    },
    Entry {
        name: "sessionmint/isolated, the page",
        script: "isolated.js",
        beside: None,
        budget: 5_500,
    },
    Entry {
        name: "sessionmint/isolated, the worker",
        script: "isolated-worker.js",
        beside: None,
        budget: 19_000,
    },
];
/// Adapters, and their budget in gzipped bytes: what they add to an app that has the framework and the package.
const ADAPTERS: [(&str, &str, usize); 5] = [
    ("sessionmint/react", "react.js", 1_100),
    ("sessionmint/vue", "vue.js", 1_100),
    ("sessionmint/svelte", "svelte.js", 900),
    ("sessionmint/session", "session.js", 900),
    ("sessionmint/axios", "axios.js", 300),
];
/// What an entry loads only where it has to is a chunk of its own in an app, and no part of its weight.
const FALLBACK: &str = "fallback.js";
/// The scripts whose budget the README of the package promises.
const PROMISED: [&str; 2] = ["index.js", FALLBACK];
const PEERS_FOLDER: &str = "tests/bench-browser";
const PEERS: &str = "tests/bench-browser/sizes.json";

/// Bytes, minified and then gzipped.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Size {
    minified: usize,
    gzip: usize,
}

/// A package that does a like job, and what it weighed when it was last measured.
#[derive(Serialize, Deserialize)]
struct Peer {
    name: String,
    /// The smallest script that makes it work.
    entry: String,
    version: String,
    #[serde(flatten)]
    size: Size,
}

/// Prints the table, one entry a line; an error when an entry is over its budget.
pub(crate) fn run(peers_anew: bool) -> Result<()> {
    package::build()?;
    if peers_anew {
        weigh_peers()?;
    }
    let pkg = package::folder();
    println!(
        "{:<42} {:>9} {:>8} {:>8}",
        "kB", "minified", "gzip", "budget"
    );
    let mut over = Vec::new();
    for entry in ENTRIES {
        let script = format!("export * from './{}'", entry.script);
        let lazy = std::fs::read_to_string(pkg.join(entry.script))?
            .contains(&format!("import(\"./{FALLBACK}\")"))
            .then_some(FALLBACK);
        let mut size = bundle(&pkg, &script, lazy)?;
        if let Some(file) = entry.beside {
            let file = of(&std::fs::read(pkg.join(file))?)?;
            size.minified += file.minified;
            size.gzip += file.gzip;
        }
        println!("{} {:>8}", line(entry.name, size), kilobytes(entry.budget));
        if size.gzip > entry.budget {
            over.push(entry.name);
        }
    }
    for (name, entry, budget) in ADAPTERS {
        let size = bundle(&pkg, &format!("export * from './{entry}'"), None)?;
        println!("{} {:>8}", line(name, size), kilobytes(budget));
        if size.gzip > budget {
            over.push(name);
        }
    }
    for peer in peers()? {
        println!(
            "{}",
            line(&format!("{} {}", peer.name, peer.version), peer.size)
        );
    }
    let readme = std::fs::read_to_string(sh::root().join("crates/browser/README.md"))?;
    for entry in ENTRIES
        .iter()
        .filter(|entry| PROMISED.contains(&entry.script))
    {
        let promise = format!("**{} kB**", kilobytes(entry.budget));
        if !readme.contains(&promise) {
            bail!(
                "crates/browser/README.md does not promise {promise} for {}",
                entry.name
            );
        }
    }
    if !over.is_empty() {
        bail!("over the budget: {}", over.join("; "));
    }
    Ok(())
}

/// Weighs the peers in the versions of their lock file, and keeps the figures.
fn weigh_peers() -> Result<()> {
    npm::install(PEERS_FOLDER)?;
    let file = sh::root().join(PEERS);
    let folder = file.parent().context("a file in a folder")?;
    let mut peers = peers()?;
    for peer in &mut peers {
        let manifest = folder
            .join("node_modules")
            .join(&peer.name)
            .join("package.json");
        let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest)?)?;
        let version = manifest.get("version").and_then(|version| version.as_str());
        peer.version = version.context("a package without a version")?.to_owned();
        peer.size = bundle(folder, &peer.entry, None)?;
    }
    let text = serde_json::to_string_pretty(&peers)?;
    std::fs::write(&file, text + "\n")?;
    Ok(())
}

fn peers() -> Result<Vec<Peer>> {
    let text = std::fs::read_to_string(sh::root().join(PEERS))?;
    serde_json::from_str(&text).context(PEERS)
}

/// The size of the bundle of `source`, a script in `folder`, without the file that it loads later.
fn bundle(folder: &Path, source: &str, later: Option<&str>) -> Result<Size> {
    npm::install(package::TOOLS)?;
    let mut esbuild = sh::cmd(
        &package::tool("esbuild").to_string_lossy(),
        [
            "--bundle",
            "--minify",
            "--format=esm",
            "--log-level=error",
            "--external:react",
            "--external:vue",
        ],
    );
    esbuild.args(later.map(|file| format!("--external:./{file}")));
    esbuild.current_dir(folder);
    let mut child = esbuild
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("esbuild takes no input")?
        .write_all(source.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("esbuild could not bundle `{source}`");
    }
    of(&output.stdout)
}

fn of(bytes: &[u8]) -> Result<Size> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes)?;
    Ok(Size {
        minified: bytes.len(),
        gzip: gzip.finish()?.len(),
    })
}

fn line(name: &str, size: Size) -> String {
    format!(
        "{name:<42} {:>9} {:>8}",
        kilobytes(size.minified),
        kilobytes(size.gzip)
    )
}

/// Thousands of bytes with one decimal, rounded up: a budget is not met by rounding.
fn kilobytes(bytes: usize) -> String {
    let tenths = bytes.div_ceil(100);
    format!("{}.{}", tenths / 10, tenths % 10)
}
