// The real service, and what the demo puts around it, on free ports in a temporary folder.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { must, run, Server } from "./process.mjs";
import { origin } from "./engine.mjs";
import { answerPageErrors } from "./page-errors.mjs";
import { freePort } from "./ports.mjs";
import { startProxy } from "./proxy.mjs";
import { secrets } from "./secrets.mjs";

const top = resolve(import.meta.dirname, "../..");
const target = process.env.XTASK_TARGET ?? join(top, "target");
export const bin = (name) => join(target, "debug", name);
export const screenshots = join(target, "screenshots");
export const PASSWORD = "correct horse battery staple 9";

/**
 * The IAM service alone.
 * @param {object} options `issuer` and `origin` as the browser sees them; `config` is more TOML; `client` more `client add` words;
 *   `under` a program that becomes the service, with its words
 */
export async function startIam({ issuer, origin, resource, config = "", client = [], user = "alice", env = {}, under = [] }) {
  const folder = mkdtempSync(join(tmpdir(), "sessionmint-"));
  // A port of its own, kept over restarts: the gateway goes on finding it.
  const port = await freePort();
  const file = join(folder, "sessionmint.toml");
  writeFileSync(
    file,
    `issuer = "${issuer}"\nlisten = "127.0.0.1:${port}"\ndatabase = "sqlite:${join(folder, "iam.db")}"\n${config}`,
  );
  const cli = (...args) => {
    const said = must(bin("sessionmint"), [...args, "--config", file], { env });
    secrets.received({}, said);
    return said;
  };
  secrets.add("password", PASSWORD);
  const addUser = (name) =>
    must(bin("sessionmint"), ["user", "add", name, "--password-stdin", "--config", file], { input: `${PASSWORD}\n`, env });
  addUser(user);
  cli(
    ...["client", "add", "web", "--origin", origin, "--resource", resource, "--resource", issuer],
    ...["--scope", "account notes:read notes:write", "--default-scope", "notes:read notes:write", ...client],
  );
  let server;
  /** The lines of those that were stopped before. */
  const logged = [];
  const iam = {
    folder,
    config: file,
    issuer,
    user,
    cli,
    addUser,
    tryCli: (...args) => run(bin("sessionmint"), [...args, "--config", file], { env }),
    get log() {
      return server;
    },
    async start() {
      logged.push(...(server?.lines ?? []));
      const [program, ...words] = [...under, bin("sessionmint"), "serve", "--config", file];
      server = new Server(program, words, { env: { ...process.env, ...env } });
      const [, url] = await server.line(/listening on (https?:\/\/[\d.]+:\d+)/);
      iam.url = url;
    },
    /** Session mints that succeeded, counted in the service's own log. */
    mints: () => server.count(/grant="?session"? outcome="?minted/),
    /** Stops it, and fails if it kept a secret; `lines` are what others logged of the same requests. */
    async stop(lines = []) {
      await server.stop();
      try {
        secrets.check(folder, [...logged, ...server.lines, ...lines]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  await iam.start();
  return iam;
}

/** The whole demo: IAM, gateway, sample service and app. With `proxied` all that browsers ask goes by a recording proxy. */
export async function startDemo({ config = "", proxied = false, ...options } = {}) {
  const [uiPort, apiPort, loginPort] = [await freePort(), await freePort(), await freePort()];
  const ports = proxied ? [await freePort(), await freePort(), await freePort()] : [uiPort, apiPort, loginPort];
  const ui = origin("ui", uiPort);
  const api = origin("api", apiPort);
  const login = origin("login", loginPort);
  const issuer = `${api}/iam`;
  const iam = await startIam({
    issuer,
    origin: ui,
    resource: api,
    config:
      `trusted_proxies = ["127.0.0.1/32"]\n${config}\n` +
      `[authorize]\ninteraction_url = "${login}/"\nlogout_url = "${login}/sign-out"\n`,
    ...options,
  });
  // The pages sign users in, and mint nothing: a client without a scope.
  iam.cli("client", "add", "login", "--origin", login, "--resource", issuer, "--scope", "");
  const demo = new Server(bin("sessionmint-demo"), [
    ...["--ui-port", String(ports[0]), "--api-port", String(ports[1]), "--ui-origin", ui, "--iam", iam.url, "--issuer", issuer],
    ...["--login-port", String(ports[2]), "--login-origin", login, "--login-dist", join(top, "www/login/dist")],
    ...["--dist", join(top, "www/dist"), "--database", join(iam.folder, "notes.db")],
    ...["--ttl-command", `${bin("sessionmint")} client set web --config ${iam.config} --ttl`],
  ]);
  await demo.line(/demo ready/);
  const upstreams = ports.map((port) => `http://127.0.0.1:${port}`);
  const proxies = !proxied
    ? []
    : [
        await startProxy({ upstream: upstreams[0], port: uiPort, answer: answerPageErrors(upstreams[0]) }),
        await startProxy({ upstream: upstreams[1], port: apiPort }),
        await startProxy({ upstream: upstreams[2], port: loginPort }),
      ];
  return {
    ui,
    api,
    apiPort,
    uiPort,
    login,
    iam,
    demo,
    /** With `proxied`: the requests to the API, as `startProxy` keeps them. */
    seen: proxies[1]?.seen,
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await demo.stop();
      await iam.stop(demo.lines);
    },
  };
}
