import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

// Split, and once more with everything in one file each.
for (const [splitting, outdir] of [
  [true, "dist"],
  [false, "dist/whole"],
]) {
  await build({
    entryPoints: ["src/default.js", "src/external.js", "src/slim.js", "src/compat.js", "src/isolated.js", "src/worker.js"],
    bundle: true,
    minify: true,
    format: "esm",
    splitting,
    outdir,
    loader: { ".wasm": "file" },
  });
  // esbuild leaves `new URL("./sessionmint.wasm", import.meta.url)` as it is, so the file has to lie beside the script.
  copyFileSync(createRequire(import.meta.url).resolve("sessionmint/sessionmint.wasm"), `${outdir}/sessionmint.wasm`);
}
