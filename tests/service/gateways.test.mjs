// The gateway lines of the README, run in the real nginx and the real Caddy: the service works behind them, and other
// services on the host neither see nor set cookies.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { COOKIE, login, mint, say, send, smugglings } from "../harness/client.mjs";
import { freePort } from "../harness/ports.mjs";
import { Server } from "../harness/process.mjs";
import { startIam } from "../harness/stack.mjs";

const readme = readFileSync(resolve(import.meta.dirname, "../../README.md"), "utf8");
const example = (language) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(readme)[1];

const GATEWAYS = {
  nginx: ({ folder, port, iam, services }) => {
    const lines = example("nginx").replaceAll("127.0.0.1:8080", iam);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
    const config = `daemon off; pid ${folder}/nginx.pid; error_log stderr; events {}
      http { access_log off; ${temporary.join(" ")} upstream services { server ${services}; }
      server { listen 127.0.0.1:${port}; server_name api.app.localhost;\n${lines}\n} }`;
    const file = join(folder, "nginx.conf");
    writeFileSync(file, config);
    return ["/usr/sbin/nginx", ["-c", file, "-p", folder]];
  },
  caddy: ({ folder, port, iam, services }) => {
    const lines = example("caddyfile").replaceAll("127.0.0.1:8080", iam).replaceAll("services:80", services);
    const config = `{\n admin off\n auto_https off\n}\nhttp://api.app.localhost:${port} {\n bind 127.0.0.1\n${lines}\n}\n`;
    const file = join(folder, "Caddyfile");
    writeFileSync(file, config);
    return ["/usr/bin/caddy", ["run", "--adapter", "caddyfile", "--config", file]];
  },
};

for (const [name, configure] of Object.entries(GATEWAYS)) {
  const ui = "http://ui.app.localhost:4180";
  let iam, gateway, services, folder, api;

  before(async () => {
    const port = await freePort();
    api = `http://api.app.localhost:${port}`;
    folder = mkdtempSync(join(tmpdir(), "gateway-"));
    services = http.createServer((request, response) => {
      response.setHeader("set-cookie", [`${COOKIE}=evil; Path=/; Secure; HttpOnly`, "theme=dark"]);
      response.end(JSON.stringify(request.headers));
    });
    await new Promise((resolve) => services.listen(0, "127.0.0.1", resolve));
    iam = await startIam({ issuer: `${api}/iam`, origin: ui, resource: api, config: 'trusted_proxies = ["127.0.0.1/32"]\n' });
    const upstreams = { iam: new URL(iam.url).host, services: `127.0.0.1:${services.address().port}` };
    const [program, args] = configure({ folder, port, ...upstreams });
    gateway = new Server(program, args, { env: { ...process.env, HOME: folder } });
    await answers(api);
  });

  after(async () => {
    await gateway?.stop();
    await iam?.stop();
    services?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`c003_behind_the_${name}_lines_of_the_readme_services_neither_see_nor_set_cookies`, async () => {
    const { session } = await login(api, { origin: ui, username: iam.user });
    assert.ok(session, "signed in through the gateway");
    const cookie = `theme=dark; ${COOKIE}=${session}`;
    assert.equal((await mint(api, { origin: ui, cookie })).status, 200);
    const metadata = await send(api, { path: "/.well-known/oauth-authorization-server/iam" });
    assert.equal(metadata.json.issuer, iam.issuer);

    for (const path of ["/notes", "/", "/iamother", "/notes/iam/oauth/token"]) {
      const seen = await send(api, { path, headers: { cookie } });
      assert.equal(seen.status, 200, path);
      assert.equal(seen.json.cookie ?? "", "", path);
      assert.deepEqual(seen.setCookies, [], path);
    }
  });

  test(`c152_${name}_and_the_service_see_the_same_end_of_each_request`, async () => {
    const { session } = await login(api, { origin: ui, username: iam.user });
    const cookie = `${COOKIE}=${session}`;
    const headers = `Origin: ${ui}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    const path = "/iam/oauth/token";
    for (const [what, words] of Object.entries(smugglings({ host: new URL(api).host, path, headers }))) {
      const heard = await say(api, words);
      assert.doesNotMatch(heard, /access_token|smuggled/, what);
      // On whichever connection to the service the next ones travel: they are answered as if nothing had been.
      for (let i = 0; i < 3; i += 1) {
        const minted = await mint(api, { origin: ui, cookie });
        assert.equal(minted.status, 200, `${what}: ${minted.text}`);
        assert.equal((await send(api, { path: "/iam/.well-known/jwks.json" })).json?.keys?.length, 1, what);
      }
    }
  });
}

/** Waits until the gateway accepts connections; the bound is for a gateway that does not start. */
async function answers(api) {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      return await send(api, { path: "/" });
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
