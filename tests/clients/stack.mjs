// The running service with registered clients, and a user who signs in and agrees as the operator's page does it for them.
//
// Clients find the service by its issuer, which is on loopback here. `*.localhost` does not resolve outside of browsers.
import assert from "node:assert/strict";
import { PASSWORD, startIam } from "../harness/stack.mjs";
import { freePort } from "../harness/ports.mjs";
import { startProxy } from "../harness/proxy.mjs";

export const RESOURCE = "https://api.example.com";
export const LOGIN = "http://localhost:4182";
/** Nobody listens there: what would arrive is read from where the browser is sent to. */
export const CALLBACK = "http://127.0.0.1:4190/callback";
export const SCOPE = "openid profile offline_access notes:read";

/** The service under `issuer`, and what its clients were given. */
export async function start() {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}/iam`;
  const iam = await startIam({
    issuer,
    origin: "http://localhost:4180",
    resource: RESOURCE,
    config: `[authorize]\ninteraction_url = "${LOGIN}/"\nlogout_url = "${LOGIN}/sign-out"\n`,
  });
  iam.cli("client", "add", "login", "--origin", LOGIN, "--resource", issuer, "--scope", "");
  const add = (id, ...words) => {
    const said = iam.cli(
      ...["client", "add", id, "--resource", RESOURCE, "--resource", "https://b.example.com", "--scope", SCOPE, "--json", ...words],
    );
    return JSON.parse(said).secret;
  };
  const flow = ["--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", CALLBACK];
  const bye = ["--post-logout-redirect-uri", "http://127.0.0.1:4190/bye"];
  const secrets = {
    web: add("server-side", ...flow, ...bye, "--trusted"),
    other: add("other", ...flow, "--auth", "client_secret_post"),
    worker: add("worker", "--grant", "client_credentials"),
  };
  add("native", ...flow, "--auth", "none");
  // The issuer names one port, the service listens on another.
  const gateway = await startProxy({ upstream: iam.url, port });
  return {
    issuer,
    iam,
    secrets,
    add,
    async stop() {
      await gateway.stop();
      await iam.stop();
    },
  };
}

/** A browser of a user: cookies, and the operator's page in it. */
export class Browser {
  #cookies = new Map();
  #issuer;
  #user;

  constructor(issuer, user) {
    this.#issuer = issuer;
    this.#user = user;
  }

  async #fetch(url, init = {}) {
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(url, { redirect: "manual", ...init, headers: { ...init.headers, cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      this.#cookies.set(name, value);
    }
    return response;
  }

  async #page(path, body) {
    const response = await this.#fetch(this.#issuer + path, {
      headers: { origin: LOGIN, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
    return response.json();
  }

  async signIn() {
    await this.#page("/passwordlogin", { username: this.#user, password: PASSWORD });
  }

  /** Opens an address of the authorization endpoint, does what is asked, and gives the address at which the client is told. */
  async visit(url, { answer = "approve" } = {}) {
    const response = await this.#fetch(String(url));
    assert.equal(response.status, 303, await response.text());
    const location = new URL(response.headers.get("location"));
    if (location.origin !== LOGIN) return location;
    const path = `/interactions/${location.searchParams.get("id")}`;
    let shown = await this.#page(path);
    if (shown.step === "login") {
      await this.signIn();
      shown = await this.#page(path);
    }
    const said = shown.step === "consent" ? { answer, user: shown.user.id } : { answer: "continue" };
    return new URL((await this.#page(path, said)).location);
  }

  /** Opens the address of a sign-out and confirms it. */
  async leave(url) {
    const response = await this.#fetch(String(url));
    assert.equal(response.status, 303);
    const asked = Object.fromEntries(new URL(response.headers.get("location")).searchParams);
    return (await this.#page("/interactions/logout", asked)).location;
  }
}
