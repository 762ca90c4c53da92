// A client that is a program of its own. It is told about the service in a line of JSON, says in another where the browser
// is to go (`visit`), is told where that came back to (`back`), and says in the last line what it learned.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Browser, CALLBACK } from "./stack.mjs";

/** Runs it with the client `server-side`, whose user agrees to everything; `more` is told besides. Gives its last words. */
export async function converse(service, [command, ...args], more = {}, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve));
  const tell = (what) => child.stdin.write(`${JSON.stringify(what)}\n`);
  tell({
    issuer: service.issuer,
    client_id: "server-side",
    client_secret: service.secrets.web,
    redirect_uri: CALLBACK,
    ...more,
  });
  let last;
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line);
    if (last.visit) tell({ back: String(await new Browser(service.issuer, service.iam.user).visit(last.visit)) });
  }
  assert.equal(await ended, 0);
  return last;
}
