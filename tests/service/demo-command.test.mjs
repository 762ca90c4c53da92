// `cargo xtask demo` as a person uses it: it comes up, keeps running while it is used, and stops when it is told to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { COOKIE, login, mint, send } from "../harness/client.mjs";
import { freePort } from "../harness/ports.mjs";
import { Server } from "../harness/process.mjs";
import { bin } from "../harness/stack.mjs";

const COMES_UP = 120_000;

async function start() {
  const [ui, api, login] = [await freePort(), await freePort(), await freePort()];
  const ports = ["--ui-port", String(ui), "--api-port", String(api), "--login-port", String(login)];
  const command = new Server(bin("sessionmint-xtask"), ["demo", ...ports]);
  const line = async (name) => (await command.line(new RegExp(`^${name} (\\S+)$`), { timeout: COMES_UP }))[1];
  const printed = { open: await line("open"), user: await line("user"), password: await line("password") };
  return { command, printed, ui, api: `http://api.app.localhost:${api}`, login: `http://login.app.localhost:${login}` };
}

test("the demo stays up while it is used, and stops in order", async () => {
  const { command, printed, ui, api, login: pages } = await start();
  try {
    assert.equal(printed.open, `http://ui.app.localhost:${ui}`);
    assert.equal((await send(pages)).status, 200, "where users of other apps sign in");
    for (let visit = 0; visit < 2; visit++) {
      assert.equal((await send(printed.open)).status, 200);
      assert.equal((await mint(api, { origin: printed.open })).status, 401, "a visitor without a session");
      const { session } = await login(api, { origin: printed.open, username: printed.user, password: printed.password });
      const { json } = await mint(api, { origin: printed.open, cookie: `${COOKIE}=${session}` });
      const authorization = `Bearer ${json.access_token}`;
      assert.equal((await send(api, { path: "/notes", headers: { origin: printed.open, authorization } })).status, 200);
    }
  } finally {
    const { code } = await command.stop();
    assert.equal(code, 0);
  }
  await assert.rejects(send(printed.open), "the app's port is free again");
  await assert.rejects(send(api), "the gateway's port is free again");
});
