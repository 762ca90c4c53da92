// A static web server for built apps, with a strict content security policy.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { createServer, origin } from "./engine.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};
/** What the README tells apps to send. */
const SCRIPTS = "'self' 'wasm-unsafe-eval'";

/**
 * Starts it. A file is looked for in each of `folders`. The page's policy is `scripts` as `script-src`, to which the hashes
 * of its inline scripts are added, and `policy`. `answer(request, response)` may answer itself and return true. All of
 * these can be changed later. `seen` has the paths asked for.
 */
export async function startSite({ folders, scripts = SCRIPTS, policy = "", answer = () => false }) {
  const site = { scripts, policy, answer, seen: [] };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://ui.app.localhost");
    site.seen.push(pathname);
    if (site.answer(request, response)) return;
    if (pathname === "/favicon.ico") return response.writeHead(204).end();
    const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    const body = await readFirst(folders.map((folder) => join(folder, path)));
    if (body === undefined) return response.writeHead(404).end();
    const headers = { "content-type": TYPES[extname(path)] ?? "application/octet-stream" };
    if (extname(path) === ".html") {
      const scripts = `script-src ${site.scripts} ${hashes(body)}`;
      headers["content-security-policy"] = `${scripts}; object-src 'none'; base-uri 'none'; ${site.policy}`;
    }
    response.writeHead(200, headers).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.origin = origin("ui", server.address().port);
  site.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return site;
}

async function readFirst(paths) {
  for (const path of paths) {
    const body = await readFile(path).catch(() => undefined);
    if (body) return body;
  }
  return undefined;
}

function hashes(page) {
  const inline = page.toString().matchAll(/<script(?:\s[^>]*)?>([^]*?)<\/script>/g);
  return [...inline].map(([, script]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`).join(" ");
}
