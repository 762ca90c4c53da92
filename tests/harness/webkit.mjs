// WebKit through the W3C WebDriver protocol, with contexts and pages that have the methods of puppeteer's.
//
// The protocol is a few JSON requests, so it is spoken here: the clients on npm bring megabytes for browsers of others.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onPageError } from "./page-errors.mjs";
import { freePort } from "./ports.mjs";
import { Server } from "./process.mjs";

/** Debian's, and where others put it. */
const BROWSER = process.env.MINIBROWSER ?? `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/webkit2gtk-4.1/MiniBrowser`;
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const KEYS = { Enter: "\uE007", Tab: "\uE004" };
const START_MS = 20_000;
const COMMAND_MS = 60_000;
const SCRIPT_MS = 10_000;
const WAIT_MS = 15_000;

/** Runs a program that ends with this process, however that ends. */
function start(program, args, options) {
  return new Server("setpriv", ["--pdeathsig", "KILL", program, ...args], options);
}

/** Starts a display for the browser's windows; each context is a browser of its own on it. */
export async function launchWebKit({ dark = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "webkit-"));
  const display = start("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
  const [number] = await display.line(/^\d+$/);
  const tunnel = await startTunnel();
  const env = {
    ...{ PATH: process.env.PATH, DISPLAY: `:${number}`, HOME: folder, XDG_RUNTIME_DIR: folder },
    ...{ GTK_THEME: dark ? "Adwaita:dark" : "Adwaita", GSETTINGS_BACKEND: "memory", NO_AT_BRIDGE: "1" },
    // There is no graphics card, and drawing as if there were one is slow.
    ...{ WEBKIT_DISABLE_DMABUF_RENDERER: "1", WEBKIT_SKIA_ENABLE_CPU_RENDERING: "1" },
    // Its sandbox does not start as root, nor in most containers.
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
  };
  const contexts = new Set();
  return {
    async newContext() {
      const context = new Context(await Session.start(env, tunnel.port), () => contexts.delete(context));
      contexts.add(context);
      return context;
    },
    async close() {
      for (const context of contexts) await context.close();
      await Promise.all([display.stop(), tunnel.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The browser's way to the network: whatever the name, it leads to that port of this machine. */
async function startTunnel() {
  const sockets = new Set();
  const server = http.createServer((_, response) => response.writeHead(502).end());
  server.on("connect", ({ url }, browser) => {
    const there = net.connect(Number(url.split(":").pop()), "127.0.0.1", () => {
      browser.write("HTTP/1.1 200 OK\r\n\r\n");
      browser.pipe(there).pipe(browser);
    });
    for (const [socket, other] of [[browser, there], [there, browser]]) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => (other.destroy(), sockets.delete(socket)));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** A browser with its driver. It does one thing at a time, in one window, so requests stand in line. */
class Session {
  #driver;
  #base;
  #window;
  #last = Promise.resolve();

  /** On a busy machine driver and browser miss each other at times, and wait for ever. */
  static async start(env, tunnel) {
    for (let tries = 1; ; tries++) {
      const session = new Session();
      try {
        await session.#start(env, tunnel);
        return session;
      } catch (error) {
        await session.end();
        if (tries === 3) throw error;
      }
    }
  }

  async #start(env, tunnel) {
    const port = await freePort();
    this.#driver = start("WebKitWebDriver", [`--port=${port}`], { env, detached: true });
    this.#base = `http://127.0.0.1:${port}`;
    for (const end = Date.now() + START_MS; ; ) {
      const up = await fetch(`${this.#base}/status`).catch(() => undefined);
      if (up) break;
      if (Date.now() > end) throw new Error(`WebKitWebDriver does not answer:\n${this.#driver.lines.join("\n")}`);
      await pause(20);
    }
    const browser = { binary: BROWSER, args: ["--automation", `--proxy=http://127.0.0.1:${tunnel}`] };
    const capabilities = { alwaysMatch: { acceptInsecureCerts: true, "webkitgtk:browserOptions": browser } };
    const { sessionId } = await this.#send("POST", "/session", { capabilities }, START_MS);
    this.#base += `/session/${sessionId}`;
    this.#window = await this.#send("GET", "/window");
    /** Never closed, since the session's cookies end with the last window. */
    this.first = this.#window;
  }

  /** A command to a window. */
  do(window, method, path, body, timeout) {
    const done = this.#last.then(async () => {
      if (window !== this.#window) await this.#send("POST", "/window", { handle: window });
      this.#window = window;
      return this.#send(method, path, body, timeout);
    });
    this.#last = done.catch(() => {});
    return done;
  }

  async #send(method, path, body, timeout = COMMAND_MS) {
    const signal = AbortSignal.timeout(timeout);
    const answer = await fetch(this.#base + path, { method, signal, ...(body && { body: JSON.stringify(body) }) }).catch((error) => {
      throw new Error(`${method} ${path}: ${error.name}`, { cause: error });
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  /** Asking for it might wait for a page; nothing of it is kept. */
  async end() {
    await this.#driver?.killGroup();
  }
}

class Context {
  #session;
  #ended;

  constructor(session, ended) {
    this.#session = session;
    this.#ended = ended;
  }

  async newPage() {
    const { handle } = await this.#session.do(this.#session.first, "POST", "/window/new", { type: "window" });
    return new Page(this.#session, handle);
  }

  /** Those for an address; asked for at a page of it, since the driver tells no others. */
  async cookies(url) {
    const { first } = this.#session;
    await this.#session.do(first, "POST", "/url", { url });
    const cookies = await this.#session.do(first, "GET", "/cookie");
    await this.#session.do(first, "POST", "/url", { url: "about:blank" });
    return cookies;
  }

  close() {
    this.#ended();
    return this.#session.end();
  }
}

class Page {
  #session;
  #window;
  #evaluations = 0;

  constructor(session, window) {
    this.#session = session;
    this.#window = window;
  }

  /** Errors are those of all pages of the demo; nothing else is told. */
  on(type, listener) {
    if (type === "pageerror") onPageError(listener);
  }

  #do(method, path, body) {
    return this.#session.do(this.#window, method, path, body);
  }

  /** The driver may wait for ever for a script that a navigation cut off. */
  #run(script, ...args) {
    return this.#session.do(this.#window, "POST", "/execute/sync", { script, args }, SCRIPT_MS).catch((error) => {
      throw error.cause?.name === "TimeoutError" ? new Error("execution context was destroyed", { cause: error }) : error;
    });
  }

  goto(url) {
    return this.#do("POST", "/url", { url });
  }

  reload() {
    return this.#do("POST", "/refresh", {});
  }

  url() {
    return this.#do("GET", "/url");
  }

  close() {
    return this.#do("DELETE", "/window");
  }

  async screenshot({ path }) {
    writeFileSync(path, Buffer.from(await this.#do("GET", "/screenshot"), "base64"));
  }

  /** The driver would let nothing else happen until a promise is settled, so the page is asked again and again. */
  async evaluate(fn, arg) {
    const id = ++this.#evaluations;
    let text = await this.#run(
      `const outcomes = globalThis[Symbol.for("outcomes")] ??= {};
      const [id, ...args] = arguments;
      const text = (outcome) => JSON.stringify(outcome, (_, value) => (value === undefined ? { "no value": true } : value));
      try {
        const value = (${fn})(...args);
        if (typeof value?.then !== "function") return text({ value });
        outcomes[id] = "pending";
        value.then((value) => (outcomes[id] = text({ value })), (error) => (outcomes[id] = text({ error: String(error) })));
        return "pending";
      } catch (error) {
        return text({ error: String(error) });
      }`,
      ...[id, arg].filter((value) => value !== undefined),
    );
    for (let wait = 0; text === "pending"; wait = Math.min(wait + 5, 50)) {
      await pause(wait);
      text = await this.#run(
        `const outcomes = globalThis[Symbol.for("outcomes")] ?? {};
        const text = outcomes[arguments[0]];
        if (text !== "pending") delete outcomes[arguments[0]];
        return text;`,
        id,
      );
    }
    if (text === null) throw new Error("execution context was destroyed by a navigation");
    const { value, error } = withUndefined(JSON.parse(text));
    if (error !== undefined) throw new Error(error);
    return value;
  }

  async waitForSelector(selector, { timeout = WAIT_MS } = {}) {
    const visible = (selector) => {
      const box = document.querySelector(selector)?.getBoundingClientRect();
      return box !== undefined && box.width > 0 && box.height > 0;
    };
    for (const end = Date.now() + timeout; !(await this.evaluate(visible, selector)); await pause(30)) {
      if (Date.now() > end) throw new Error(`${selector} is not visible within ${timeout} ms at ${await this.url()}`);
    }
  }

  /** Once it stands still: the driver reads where it is, and clicks there a moment later. */
  async click(selector) {
    await this.evaluate(async (selector) => {
      for (let last; ; ) {
        await new Promise(requestAnimationFrame);
        const { x, y } = document.querySelector(selector).getBoundingClientRect();
        if (last === `${x} ${y}`) return;
        last = `${x} ${y}`;
      }
    }, selector);
    await this.#do("POST", `/element/${await this.#find(selector)}/click`, {});
  }

  focus(selector) {
    return this.evaluate((selector) => document.querySelector(selector).focus(), selector);
  }

  $eval(selector, fn) {
    return this.#run(`return (${fn})(document.querySelector(arguments[0]))`, selector);
  }

  async #find(selector) {
    return (await this.#do("POST", "/element", { using: "css selector", value: selector }))[ELEMENT];
  }

  keyboard = {
    press: (key) => this.#keys([KEYS[key] ?? key]),
    type: (text) => this.#keys([...text]),
  };

  #keys(keys) {
    const actions = keys.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
    return this.#do("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  /** As wide as asked for, or as narrow as its window goes. */
  setViewport({ width, height }) {
    return this.#do("POST", "/window/rect", { width, height });
  }
}

/** Puts `undefined` where JSON has none. */
function withUndefined(value) {
  if (typeof value !== "object" || value === null) return value;
  if (value["no value"]) return undefined;
  for (const key of Object.keys(value)) value[key] = withUndefined(value[key]);
  return value;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
