// Starts the demo app.
import { App } from "./app.ts";
import { loadConfig } from "./config.ts";
import { h } from "./dom.ts";
import { Session } from "./session.ts";
import { Trace } from "./trace/trace.ts";
import { watchWire } from "./trace/wire.ts";

try {
  const config = await loadConfig();
  const trace = new Trace();
  watchWire(config.api, config.iam, (kind) => trace.request(kind));
  new App(config, new Session(config, trace), trace).start();
} catch (error) {
  document.body.append(
    h("p", { class: "noscript", role: "alert" }, "The demo cannot start: ", error instanceof Error ? error.message : "unknown error"),
  );
}
