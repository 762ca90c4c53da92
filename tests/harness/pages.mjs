// A bare UI origin: an empty page, and the built npm package as plain modules without a bundler.
import { readFileSync } from "node:fs";
import { extname, join, normalize, resolve } from "node:path";
import { createServer, origin } from "./engine.mjs";

const pkg = resolve(import.meta.dirname, "../../crates/browser/pkg");
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
/** With `WASM=forbidden` the suites run on what stands in for WebAssembly. */
const SCRIPTS = process.env.WASM === "forbidden" ? "'self'" : "'self' 'wasm-unsafe-eval'";
const CSP = `default-src 'none'; script-src ${SCRIPTS}; connect-src *; base-uri 'none'; object-src 'none'`;

/** Starts it; `/` is an empty page, `/pkg/…` the package. */
export async function startPages(port = 0) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://ui.app.localhost").pathname;
    if (!path.startsWith("/pkg/")) {
      response.setHeader("content-security-policy", CSP);
      response.setHeader("content-type", "text/html; charset=utf-8");
      return response.end("<!doctype html><title>bare page</title>");
    }
    try {
      const body = readFileSync(join(pkg, normalize(path.slice("/pkg".length))));
      response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    origin: origin("ui", server.address().port),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
