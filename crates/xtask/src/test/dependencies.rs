//! Rules about dependencies, checked on `cargo metadata` without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Counts;
use crate::sh;

/// `crates/xtask/dependencies.toml`: the rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// SPDX identifiers that a dependency may be used under.
    licences: Vec<String>,
    /// Crates that may be there in several versions, each with the reason.
    duplicates: BTreeMap<String, String>,
    /// For each crate of ours, which others of ours it may use.
    direction: BTreeMap<String, Vec<String>>,
    /// Crates of ours that must stay pure, and what may never be below them.
    pure: Pure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pure {
    crates: Vec<String>,
    never: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

fn rules() -> Result<Rules> {
    let path = sh::root().join("crates/xtask/dependencies.toml");
    toml::from_str(&std::fs::read_to_string(&path)?).context("crates/xtask/dependencies.toml")
}

fn metadata() -> Result<Metadata> {
    let host = sh::read(&mut sh::cmd("rustc", ["-vV"]))?;
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc -vV names no host")?;
    let mut command = sh::cmd(
        "cargo",
        [
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            host,
        ],
    );
    Ok(serde_json::from_str(&sh::read(&mut command)?)?)
}

impl Metadata {
    fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Everything that is compiled into `root`, itself included; build scripts and tests are not.
    fn below<'a>(&'a self, root: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            for node in self.resolve.nodes.iter().filter(|node| node.id == id) {
                for dep in &node.deps {
                    if dep.dep_kinds.iter().any(|kind| kind.kind.is_none()) && seen.insert(&dep.pkg)
                    {
                        open.push(&dep.pkg);
                    }
                }
            }
        }
        seen
    }
}

/// Dependencies between our crates point one way, and the pure ones pull in nothing that does I/O.
pub(super) fn direction() -> Result<Counts> {
    let (rules, metadata) = (rules()?, metadata()?);
    let names: BTreeSet<&str> = metadata
        .ours()
        .map(|package| package.name.as_str())
        .collect();
    for package in metadata.ours() {
        let allowed = rules.direction.get(&package.name);
        let allowed =
            allowed.with_context(|| format!("{} is not in the direction table", package.name))?;
        for dep in package
            .dependencies
            .iter()
            .filter(|dep| dep.kind.is_none() && names.contains(dep.name.as_str()))
        {
            if !allowed.contains(&dep.name) {
                bail!("{} must not depend on {}", package.name, dep.name);
            }
        }
        if rules.pure.crates.contains(&package.name) {
            for id in metadata.below(&package.id) {
                let below = metadata
                    .packages
                    .iter()
                    .find(|other| other.id == id)
                    .context("metadata is incomplete")?;
                if rules.pure.never.contains(&below.name) {
                    bail!(
                        "{} is pure and must not pull in {}",
                        package.name,
                        below.name
                    );
                }
            }
        }
    }
    Ok(Counts::success())
}

/// Every dependency has a licence that we may ship under, and none is there twice without a reason.
pub(super) fn licences() -> Result<Counts> {
    let (rules, metadata) = (rules()?, metadata()?);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut refused = Vec::new();
    // The lock file also names what no build of ours compiles.
    let built: BTreeSet<&str> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| node.id.as_str())
        .collect();
    for package in metadata
        .packages
        .iter()
        .filter(|package| built.contains(package.id.as_str()))
    {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
        let text = package.license.as_deref().unwrap_or("none");
        let allowed =
            spdx::Expression::parse_mode(text, spdx::ParseMode::LAX).is_ok_and(|expression| {
                expression.evaluate(|wanted| {
                    wanted
                        .license
                        .id()
                        .is_some_and(|id| rules.licences.iter().any(|ok| ok == id.name))
                })
            });
        if !allowed {
            refused.push(format!(
                "{} {}: licence `{text}` is not allowed",
                package.name, package.version
            ));
        }
    }
    for (name, versions) in &versions {
        if versions.len() > 1 && !rules.duplicates.contains_key(*name) {
            let list: Vec<&str> = versions.iter().copied().collect();
            refused.push(format!("{name} is there in versions {}", list.join(", ")));
        }
    }
    for name in rules.duplicates.keys() {
        if versions
            .get(name.as_str())
            .is_none_or(|versions| versions.len() < 2)
        {
            refused.push(format!(
                "{name} is no longer there twice; take it off the list of duplicates"
            ));
        }
    }
    if !refused.is_empty() {
        bail!("{}", refused.join("\n"));
    }
    Ok(Counts::success())
}

/// Every dependency that a manifest of ours names is used by its sources.
pub(super) fn unused() -> Result<Counts> {
    let metadata = metadata()?;
    for package in metadata.ours() {
        let folder = Path::new(&package.manifest_path)
            .parent()
            .context("a manifest without a folder")?;
        let mut source = String::new();
        read_rust(folder, &mut source)?;
        for dep in &package.dependencies {
            let name = dep.rename.as_ref().unwrap_or(&dep.name).replace('-', "_");
            if !source.contains(&name) {
                bail!("{} does not use {}", package.name, dep.name);
            }
        }
    }
    Ok(Counts::success())
}

fn read_rust(folder: &Path, text: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("node_modules") {
            read_rust(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
