// authlib (PyPI) against the running service; its part is in authlib_client.py.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { converse } from "./program.mjs";
import { start } from "./stack.mjs";

let service;

before(async () => {
  service = await start();
});

after(() => service?.stop());

test("authlib_completes_the_code_flow_and_gets_a_token_for_a_service", async () => {
  const program = [process.env.PYTHON ?? "python3", join(import.meta.dirname, "authlib_client.py")];
  const more = { worker_secret: service.secrets.worker };
  const learned = await converse(service, program, more, { AUTHLIB_INSECURE_TRANSPORT: "true" });
  assert.deepEqual(learned, { username: service.iam.user, scope: "notes:read openid profile", own_scope: "notes:read" });
});
