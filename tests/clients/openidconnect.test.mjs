// The `openidconnect` crate against the running service; its part is in openidconnect/.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { converse } from "./program.mjs";
import { start } from "./stack.mjs";

let service;

before(async () => {
  service = await start();
});

after(() => service?.stop());

test("openidconnect_completes_the_code_flow_and_renews_its_tokens", async () => {
  assert.ok(process.env.OPENIDCONNECT, "OPENIDCONNECT is the program to run: `cargo xtask test` builds it");
  const learned = await converse(service, [process.env.OPENIDCONNECT]);
  assert.deepEqual(learned, { username: service.iam.user, scope: "notes:read offline_access openid profile", replaced: true });
});
