//! The npm package: wasm → bindings → wasm-opt → `crates/browser/pkg`, the fallback without wasm, and the tarball.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use serde::Deserialize;
use wasm_bindgen_cli_support::Bindgen;

use crate::{fallback, fresh, npm, sh, wasm};

pub(crate) const CRATE: &str = "sessionmint_browser";
/// The npm packages that build and weigh it.
pub(crate) const TOOLS: &str = "crates/xtask/npm";

/// What rustc uses beyond the first version of WebAssembly, other than reference types.
pub(crate) const FEATURES: [&str; 5] = [
    "--mvp-features",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
];

/// Where the package is laid out: what `npm publish` would take.
pub(crate) fn folder() -> PathBuf {
    sh::root().join("crates/browser/pkg")
}

/// Brings `crates/browser/pkg` up to date.
pub(crate) fn build() -> Result<()> {
    npm::install(TOOLS)?;
    wasm::build(&["sessionmint-browser"], "wasm")?;
    let module = wasm::artefact(CRATE, "wasm");
    let source = sh::root().join("crates/browser");
    let inputs = [
        module.clone(),
        source.join("js"),
        source.join("package.json"),
        source.join("README.md"),
        source.join("FRAMEWORKS.md"),
        sh::root().join("crates/xtask/src/package.rs"),
        sh::root().join("crates/xtask/src/fallback.rs"),
    ];
    fresh::unless("package", &inputs, &[folder().join("package.json")], || {
        sh::step("assembling the npm package");
        assemble(&module, &source)
    })?;
    Ok(())
}

/// Builds, then packs the tarball into `target/package`; gives its path.
pub(crate) fn pack() -> Result<PathBuf> {
    build()?;
    let out = sh::target().join("package");
    std::fs::create_dir_all(&out)?;
    let mut pack = npm::npm(&folder(), ["pack", "--silent", "--pack-destination"]);
    let name = sh::read(pack.arg(&out))?;
    Ok(out.join(name.lines().last().unwrap_or_default()))
}

fn assemble(module: &Path, source: &Path) -> Result<()> {
    let work = sh::target().join("xtask/bindgen");
    let pkg = folder();
    for folder in [&work, &pkg] {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
    }
    bind(module, &work)?;
    let optimised = pkg.join("sessionmint.wasm");
    let names = optimise(&work.join(format!("{CRATE}_bg.wasm")), &optimised)?;
    let bindings = std::fs::read_to_string(work.join(format!("{CRATE}.js")))?;
    let bindings = names.shorten(&with_one_start(&bindings)?)?;
    std::fs::write(pkg.join("bindings.js"), bindings)?;
    std::fs::write(pkg.join("inline.js"), inline(&std::fs::read(&optimised)?)?)?;
    let glue = source.join("js");
    fallback::build(&work, &glue, &pkg.join("fallback.js"))?;
    copy_folder(&glue, &pkg)?;
    for file in ["package.json", "README.md", "FRAMEWORKS.md"] {
        std::fs::copy(source.join(file), pkg.join(file))
            .with_context(|| format!("crates/browser/{file}"))?;
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        std::fs::copy(sh::root().join(file), pkg.join(file)).with_context(|| file.to_owned())?;
    }
    Ok(())
}

/// Makes the bindings of a module as rustc made it, and the module that goes with them, in `folder`.
///
/// The module says that it has reference types, since rustc makes all modules so. Only numbers cross its border: without
/// them it needs no table of references, which each app would load and `wasm2js` would refuse.
fn bind(module: &Path, folder: &Path) -> Result<()> {
    let (bare, plain) = (folder.join("bare.wasm"), folder.join("plain.wasm"));
    // What a module says of its features overrules the command line, so that goes first.
    wasm_opt(module, &bare, &[&["-g", "-q", "--strip-target-features"]])?;
    wasm_opt(
        &bare,
        &plain,
        &[&FEATURES, &["-g", "-q", "--emit-target-features"]],
    )?;
    Bindgen::new()
        .input_path(plain)
        .out_name(CRATE)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .generate(folder)
        .context("wasm-bindgen could not make the bindings")
}

/// Runs `wasm-opt` with these options.
pub(crate) fn wasm_opt(input: &Path, output: &Path, options: &[&[&str]]) -> Result<()> {
    let mut command = sh::cmd("node", [tool("wasm-opt")]);
    sh::run(
        command
            .args(options.concat())
            .arg(input)
            .arg("-o")
            .arg(output),
    )
}

/// One of the npm packages' programs.
pub(crate) fn tool(name: &str) -> PathBuf {
    sh::root().join(TOOLS).join("node_modules/.bin").join(name)
}

/// Shrinks the module with exactly the features that rustc emitted (wasm-opt reads them from the module), and lets an
/// engine compile the result, so that a module no browser takes never leaves this machine.
fn optimise(input: &Path, output: &Path) -> Result<Names> {
    let mut optimise = sh::cmd("node", [tool("wasm-opt")]);
    optimise.args([
        "-Oz",
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
        "--minify-imports-and-exports-and-modules",
        "-o",
    ]);
    let names = sh::read(optimise.arg(output).arg(input))?;
    let compile = "new WebAssembly.Module(require('fs').readFileSync(process.argv[1]))";
    sh::quiet(sh::cmd("node", ["-e", compile]).arg(output))
        .context("the optimised module does not compile")?;
    serde_json::from_str(&names).context("wasm-opt did not tell the new names")
}

/// The bindings with one way to start instead of wasm-bindgen's three, which take modules in every form.
fn with_one_start(bindings: &str) -> Result<String> {
    match bindings.split_once("let wasmModule, wasmInstance, wasm;") {
        Some((calls, starts)) if !starts.contains("__wbindgen_start") => {
            Ok(format!("{calls}{START}"))
        }
        _ => bail!("wasm-bindgen starts a module in another way than it did"),
    }
}

const START: &str = "\
let wasm;

export function initSync(init) {
    return (wasm ??= new WebAssembly.Instance(init.module, __wbg_get_imports()).exports);
}
";

/// What wasm-opt renamed at the module's border: names and hashes are a twentieth of the package, and no minifier may
/// touch them.
#[derive(Deserialize)]
struct Names {
    /// Module, old name, new name. The module itself is called `a` now.
    imports: Vec<(String, String, String)>,
    /// Old name, new name.
    exports: Vec<(String, String)>,
}

impl Names {
    /// The bindings with the new names.
    fn shorten(&self, bindings: &str) -> Result<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut short = String::new();
        let mut imports = 0;
        for piece in bindings.split_inclusive(|c| !is_part(c)) {
            let name = piece.trim_end_matches(|c| !is_part(c));
            let export = self.exports.iter().find(|(old, _)| old == name);
            let import = self.imports.iter().find(|(_, old, _)| old == name);
            short += match (export, import) {
                (Some((_, new)), _) if short.ends_with("wasm.") => new,
                (_, Some((_, _, new))) => {
                    imports += 1;
                    new
                }
                _ => name,
            };
            short += piece.strip_prefix(name).unwrap_or_default();
        }
        if imports != self.imports.len() {
            bail!("the bindings do not define each import of the module once");
        }
        for (module, _, _) in &self.imports {
            short = short.replace(&format!("\"{module}\""), "\"a\"");
        }
        Ok(short)
    }
}

/// The module as a script: base64 of gzipped bytes, which a bundle's own gzip hardly grows. Whatever is saved here is
/// saved in every bundle, so the packing takes its time.
fn inline(wasm: &[u8]) -> Result<String> {
    let options = zopfli::Options {
        iteration_count: NonZeroU64::new(30).context("some rounds")?,
        ..zopfli::Options::default()
    };
    let mut zipped = Vec::new();
    zopfli::compress(options, zopfli::Format::Gzip, wasm, &mut zipped)?;
    let text = base64::engine::general_purpose::STANDARD.encode(zipped);
    Ok(format!(
        "// The wasm module, gzipped, in base64. Generated.\nexport default \"{text}\";\n"
    ))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else if target.exists() {
            bail!(
                "crates/browser/js/{} would overwrite a generated file",
                entry.file_name().to_string_lossy()
            );
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
