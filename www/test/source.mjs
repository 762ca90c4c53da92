// Loads a TypeScript module of the app for a test, compiled by the Vite that also builds the app.
import { join } from "node:path";
import { runnerImport } from "vite";

/** The exports of `www/src/<path>`. */
export async function source(path) {
  const { module } = await runnerImport(join(import.meta.dirname, "../src", path), {
    configFile: false,
    logLevel: "error",
  });
  return module;
}
