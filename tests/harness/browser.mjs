// Real browsers behind one small face: Chromium through playwright-core, Firefox through puppeteer-core (WebDriver BiDi),
// WebKit through its own driver.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { engine } from "./engine.mjs";
import { screenshots } from "./stack.mjs";
import { launchWebKit } from "./webkit.mjs";

const WAIT_MS = 15_000;
const CHROMIUM_ARGS = [
  ...["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** Starts the engine, whose pages may be told that people prefer the dark; `newContext()` gives a fresh profile. */
export async function launch({ dark = false } = {}) {
  const { newContext, close } = await starts[engine](dark);
  return { newContext: async () => new Context(await newContext()), close };
}

const starts = {
  async chromium(dark) {
    const { chromium } = await import("playwright-core");
    // playwright turns the back/forward cache off; users have it on.
    const ignoreDefaultArgs = ["--disable-back-forward-cache"];
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGS, ignoreDefaultArgs });
    return {
      newContext: () => browser.newContext({ colorScheme: dark ? "dark" : "light" }),
      close: () => browser.close(),
    };
  },
  async firefox(dark) {
    const { default: puppeteer } = await import("puppeteer-core");
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: "/usr/bin/firefox-esr",
      headless: true,
      protocolTimeout: 60_000,
      extraPrefsFirefox: { "ui.systemUsesDarkTheme": dark ? 1 : 0 },
    });
    return {
      newContext: () => browser.createBrowserContext(),
      close: () => browser.close(),
    };
  },
  webkit: (dark) => launchWebKit({ dark }),
};

class Context {
  #inner;

  constructor(inner) {
    this.#inner = inner;
  }

  /** What only one engine offers. */
  get raw() {
    return this.#inner;
  }

  async newPage() {
    return new Page(await this.#inner.newPage());
  }

  /** The cookies that go to an address. */
  cookies(url) {
    return this.#inner.cookies(url);
  }

  close() {
    return this.#inner.close();
  }
}

/** A page. Elements are named by their `data-testid`. */
class Page {
  #inner;
  /** Errors of the page itself: uncaught exceptions and console errors. */
  errors = [];

  constructor(inner) {
    this.#inner = inner;
    inner.on("pageerror", (error) => this.errors.push(String(error)));
    inner.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  get raw() {
    return this.#inner;
  }

  goto(url) {
    return this.#inner.goto(url);
  }

  reload() {
    return this.#inner.reload();
  }

  async url() {
    return this.#inner.url();
  }

  /** Makes the window's inside so large, or as narrow as the browser's windows go. */
  resize(width, height) {
    const size = { width, height };
    return this.#inner.setViewportSize ? this.#inner.setViewportSize(size) : this.#inner.setViewport(size);
  }

  /** Runs `fn(arg)` in the page. */
  evaluate(fn, arg) {
    return this.#inner.evaluate(fn, arg);
  }

  /** Waits until the element is there and visible. */
  see(testid, timeout = WAIT_MS) {
    const selector = `[data-testid="${testid}"]`;
    const wanted = engine === "chromium" ? { state: "visible", timeout } : { visible: true, timeout };
    return this.#inner.waitForSelector(selector, wanted);
  }

  /** Clicks the element when it is there and enabled. */
  async click(testid) {
    await this.see(testid);
    await this.until((id) => document.querySelector(`[data-testid="${id}"]`)?.disabled !== true, testid);
    await this.#inner.click(`[data-testid="${testid}"]`);
  }

  async fill(testid, text) {
    await this.see(testid);
    await this.#inner.focus(`[data-testid="${testid}"]`);
    await this.#inner.keyboard.type(text);
  }

  /** Types into what has the focus. */
  type(text) {
    return this.#inner.keyboard.type(text);
  }

  press(key) {
    return this.#inner.keyboard.press(key);
  }

  async text(testid) {
    await this.see(testid);
    return this.#inner.$eval(`[data-testid="${testid}"]`, (element) => element.textContent.trim());
  }

  /** Polls `fn(arg)` in the page until it is true. */
  async until(fn, arg, timeout = WAIT_MS) {
    const end = Date.now() + timeout;
    for (;;) {
      // A question that a navigation cut off is asked again, in the next page.
      const cutOff = (error) => {
        if (!/context was destroyed/i.test(error.message)) throw error;
      };
      if (await this.#inner.evaluate(fn, arg).catch(cutOff)) return;
      if (Date.now() > end) throw new Error(`not true within ${timeout} ms: ${fn}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A picture for people, in the target folder's `screenshots`. */
  async screenshot(name) {
    mkdirSync(screenshots, { recursive: true });
    await this.#inner.screenshot({ path: join(screenshots, `${name}-${engine}.png`) });
  }

  close() {
    return this.#inner.close();
  }
}
