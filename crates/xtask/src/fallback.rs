//! The machine without WebAssembly: the very module that rustc made, as plain JavaScript, in one file with its bindings.
//!
//! The package's loader imports it only where it has to. It is complete: a bundler makes one chunk of it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{package, sh};

/// `initSync` gives what the machine exports, its memory for one; there is nothing to compile.
const ENTRY: &str = r#"
import { initSync } from "./bindings.js";
import { createCore } from "./core.js";
import instantiate from "./machine.js";

export { initSync };
export async function load() {
  initSync({ module: instantiate });
  return createCore;
}
"#;

/// What the bindings take for WebAssembly: a module is a function from imports to exports.
const INSTEAD: &str = "export const WebAssembly = {
  Module: Function,
  Instance: class { constructor(instantiate, imports) { this.exports = instantiate(imports); } },
};";

/// The passes that express it in older instructions.
const LOWER: [&str; 3] = [
    "--disable-nontrapping-float-to-int",
    "--signext-lowering",
    "--llvm-memory-copy-fill-lowering",
];

/// Conversions of numbers, the older instruction that traps where they have an answer, their result, and the limit from which
/// on that is the largest. The pass that there is for them gives 0 where Rust promises the largest.
const SATURATING: [(&str, &str, &str, &str); 2] = [
    (
        "i32.trunc_sat_f64_u",
        "i32.trunc_f64_u",
        "i32",
        "4294967295",
    ),
    (
        "i64.trunc_sat_f64_u",
        "i64.trunc_f64_u",
        "i64",
        "18446744073709551616",
    ),
];

/// Writes `output`, from the module and the bindings that `package::bind` made in `bound`, and the package's glue.
pub(crate) fn build(bound: &Path, glue: &Path, output: &Path) -> Result<()> {
    let work = sh::target().join("xtask/fallback");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let file = |name: &str| work.join(name);
    let (text, old, script) = (file("bound.wat"), file("old.wasm"), file("script.js"));

    let module = bound.join(format!("{}_bg.wasm", package::CRATE));
    package::wasm_opt(&module, &text, &[&["-S", "-q"]])?;
    let saturating = saturate(&std::fs::read_to_string(&text)?)?;
    std::fs::write(&text, saturating)?;
    package::wasm_opt(
        &text,
        &old,
        &[&package::FEATURES, &LOWER, &["-Oz", "--strip-debug"]],
    )?;
    let mut wasm2js = sh::cmd("node", [package::tool("wasm2js")]);
    sh::run(wasm2js.arg("-Oz").arg(&old).arg("-o").arg(&script))?;
    let machine = only_function(&std::fs::read_to_string(&script)?)?;

    std::fs::write(file("machine.js"), machine)?;
    let bindings = bound.join(format!("{}.js", package::CRATE));
    std::fs::copy(bindings, file("bindings.js"))?;
    for name in ["core.js", "host.js"] {
        std::fs::copy(glue.join(name), file(name))?;
    }
    std::fs::write(file("instead.js"), INSTEAD)?;
    std::fs::write(file("entry.js"), ENTRY)?;
    let mut bundle = sh::cmd(&package::tool("esbuild").to_string_lossy(), ["entry.js"]);
    bundle
        .args([
            "--bundle",
            "--minify",
            "--format=esm",
            "--log-level=warning",
        ])
        .arg("--inject:instead.js")
        .arg("--banner:js=// The machine without WebAssembly. Generated.")
        .arg(format!("--outfile={}", output.display()))
        .current_dir(&work);
    sh::run(&mut bundle)
}

/// A module's text with the conversions of [`SATURATING`] as calls of functions that look at the number first.
fn saturate(text: &str) -> Result<String> {
    let Some(mut text) = text.trim_end().strip_suffix(')').map(str::to_owned) else {
        bail!("wasm-opt writes something else than a module");
    };
    let mut functions = String::new();
    for (instruction, trapping, result, limit) in SATURATING {
        text = text.replace(
            &format!("({instruction}"),
            &format!("(call $saturating_{result}"),
        );
        functions += &format!(
            "(func $saturating_{result} (param f64) (result {result})
              (if (result {result}) (f64.ge (local.get 0) (f64.const {limit}))
                (then ({result}.const -1))
                (else (if (result {result}) (f64.gt (local.get 0) (f64.const 0))
                  (then ({trapping} (local.get 0)))
                  (else ({result}.const 0))))))"
        );
    }
    if text.contains(".trunc_sat_") {
        bail!("the module converts numbers in a way that `SATURATING` does not know");
    }
    Ok(format!("{text}{functions})"))
}

/// Of what wasm2js writes, the function from imports to exports, as a module's default export.
fn only_function(script: &str) -> Result<String> {
    let Some((module, _)) = script.split_once("\nvar retasmFunc = asmFunc(") else {
        bail!("wasm2js writes something else than it used to");
    };
    let lines = module.lines().filter(|line| !line.starts_with("import "));
    Ok(lines
        .chain(["export default asmFunc;"])
        .collect::<Vec<_>>()
        .join("\n"))
}
