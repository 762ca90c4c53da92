// authlib (PyPI) against the running service; its part is in authlib_client.py.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { Browser, CALLBACK, start } from "./stack.mjs";

let service;

before(async () => {
  service = await start();
});

after(() => service?.stop());

test("authlib_completes_the_code_flow_and_gets_a_token_for_a_service", async () => {
  const env = { ...process.env, AUTHLIB_INSECURE_TRANSPORT: "true" };
  const child = spawn(process.env.PYTHON ?? "python3", [join(import.meta.dirname, "authlib_client.py")], { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const tell = (what) => child.stdin.write(`${JSON.stringify(what)}\n`);
  tell({
    issuer: service.issuer,
    client_id: "server-side",
    client_secret: service.secrets.web,
    redirect_uri: CALLBACK,
    worker_secret: service.secrets.worker,
  });
  const said = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const what = JSON.parse(line);
    said.push(what);
    if (what.visit) tell({ back: String(await new Browser(service.issuer, service.iam.user).visit(what.visit)) });
  }
  assert.equal(await ended, 0);
  assert.deepEqual(said.at(-1), { username: service.iam.user, scope: "notes:read openid profile", own_scope: "notes:read" });
});
