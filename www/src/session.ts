// The app's one token manager, and the observer that tells the trace what it does. The app uses the public API of
// `sessionmint` like any other; the observing (labels, claims, timeline) is what a normal app would leave out.
import { createTokenManager, TokenError, type TokenErrorCode, type TokenManager, type TokenManagerEvents } from "sessionmint";

import type { Config } from "./config.ts";
import { fingerprint, readClaims } from "./trace/claims.ts";
import { describeAskers, type MarkKind } from "./trace/timeline.ts";
import type { LogKind, Trace } from "./trace/trace.ts";

/** Which of the two tokens: for the services behind the gateway, or for the IAM service's own account pages. */
export type Audience = "api" | "account";

/** How the try to open a protected page ended. */
export type Entry = "signed in" | "signed out" | Trouble;

/** Neither: the service is out of reach for now (`temporary`), or something is set up wrongly. */
export interface Trouble {
  temporary: boolean;
  message: string;
}

/** Why a session ended while the app was open. */
export type Farewell = "signed out" | "session ended" | "another tab";

type RenewalCause = TokenManagerEvents["renewed"]["cause"];

interface Call {
  label: string;
  audience: Audience;
  at: number;
  /** The token that carries it, once one is in hand. */
  token?: string;
}

/** A token that lives shorter than this is one of the short ones. */
const SHORT_SECONDS = 60;

export class Session {
  /** Called once per sign-out, with the reason. */
  onSignedOut: (why: Farewell) => void = () => {};
  readonly #config: Config;
  readonly #trace: Trace;
  readonly #calls = new Set<Call>();
  #manager: TokenManager;
  /** The manager before the one in use, with its token, until the new one has a token of its own. */
  #aside: TokenManager | undefined;
  #username: string | undefined;
  /** Who called last with a token in hand: the one to name when that token is renewed ahead of its end. */
  readonly #lastCaller: Record<Audience, string> = { api: "a call", account: "a call" };
  /** Whether a token came since the last sign-out. */
  #live = false;

  constructor(config: Config, trace: Trace) {
    this.#config = config;
    this.#trace = trace;
    this.#manager = this.#create();
  }

  /** Known after a sign-in on this page; no token is minted only to learn it. */
  get username(): string | undefined {
    return this.#username;
  }

  set username(name: string | undefined) {
    this.#trace.change(() => (this.#username = name));
  }

  /** The token in hand, for the storage scan to look for. */
  get token(): string | undefined {
    return this.#manager.peek();
  }

  /** Opens a protected page: one silent try to mint, told as the steps of the flow. */
  async enter(): Promise<Entry> {
    const { steps } = this.#trace;
    // A manager that knows of a sign-out answers without asking the service; another tab may have signed in since.
    if (!this.#live) this.#replace();
    this.#trace.change(() => {
      steps.restart();
      steps.set(1, "done");
      steps.set(2, "active");
    });
    const started = performance.now();
    const before = this.#trace.mints;
    try {
      await this.#ask("page load");
    } catch (error) {
      const took = milliseconds(started);
      if (codeOf(error) !== "signed_out") {
        this.#fail("mint", error);
        return troubleOf(error);
      }
      this.#trace.change(() => {
        steps.set(2, "done", took);
        steps.set(3, "done", "no session");
      });
      this.#trace.note("info", `no session: the login page is next (${took})`);
      return "signed out";
    }
    const took = milliseconds(started);
    this.#trace.change(() => {
      if (this.#trace.mints === before) {
        steps.handedOver(took);
        return;
      }
      steps.set(2, "done", took);
      steps.skip(3, 6, "not needed: the session was alive");
      steps.set(7, "done", "at once");
    });
    return "signed in";
  }

  /** Signs in. Rejects with the module's `TokenError`, which the login page explains. */
  async login(username: string, password: string, staySignedIn: boolean): Promise<void> {
    const { steps } = this.#trace;
    this.#trace.change(() => steps.set(5, "active"));
    const started = performance.now();
    const call = this.#begin("login", "api");
    try {
      const { user } = await this.#manager.login({ username, password, staySignedIn });
      this.username = user.username;
    } catch (error) {
      const accepted = codeOf(error) === "cookie_not_stored";
      this.#trace.change(() => steps.set(5, accepted ? "done" : "active", accepted ? "accepted" : "not accepted"));
      this.#fail("sign-in", error);
      throw error;
    } finally {
      this.#calls.delete(call);
    }
    this.#trace.change(() => {
      steps.set(5, "done", milliseconds(started));
      steps.set(6, "done", "set, and unreadable here");
      steps.set(7, "done", "silently");
    });
  }

  /** Ends the session at the service. The tokens of this page are gone whatever the service answers. */
  async logout(): Promise<void> {
    try {
      await this.#manager.logout();
    } finally {
      this.#signedOut("signed out");
    }
  }

  /** Calls an API with the right token; `label` says who asked. */
  async call(label: string, url: string, init?: RequestInit): Promise<Response> {
    const audience: Audience = url.startsWith(`${this.#config.iam}/`) ? "account" : "api";
    const call = this.#begin(label, audience);
    try {
      const response = await this.#with(call, (manager) => manager.fetch(url, init));
      this.#finish(call, `${init?.method ?? "GET"} ${new URL(url).pathname}`, response.status);
      return response;
    } catch (error) {
      if (call.token !== undefined) this.#trace.timeline.used(call.token, { at: call.at, label, status: 0 });
      this.#fail(label, error);
      throw error;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Throws the tokens away and starts over with a new manager, as a page load would. */
  drop(): void {
    this.#replace();
    this.#trace.change(({ timeline }) => timeline.endAll(performance.now(), "dropped"));
    this.#trace.note("info", "tokens thrown away, new manager");
  }

  /**
   * Starts over with a new manager and no token. The token in hand goes only once the next one is there: while the
   * service is out of reach it is kept, and calls go on with it.
   */
  startOver(): void {
    if (this.#trace.degraded || !navigator.onLine) {
      const kept = this.#manager.peek() !== undefined;
      this.#trace.note("warn", kept ? "out of reach: the token in hand is kept" : "out of reach, and no token in hand");
      return;
    }
    this.#aside?.dispose();
    this.#aside = this.#manager;
    // The token kept aside, and those of other tabs, are not what it is to start with. Sign-outs it hears all the same.
    this.#manager = this.#create("signals");
    this.#trace.note("info", "new manager, without a token");
  }

  /** Mints if needed, without calling anything: for a new token lifetime. */
  async touch(label: string): Promise<void> {
    await this.#ask(label);
  }

  /** Whether the service hands out short tokens just now. */
  async shortTokens(): Promise<boolean> {
    const response = await fetch(`${this.#config.api}/demo/ttl`);
    if (!response.ok) throw new Error(`the switch answered ${response.status}`);
    const { ttl } = (await response.json()) as { ttl: number };
    return ttl < SHORT_SECONDS;
  }

  async useShortTokens(short: boolean): Promise<void> {
    const response = await fetch(`${this.#config.api}/demo/ttl`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ttl: short ? 15 : 300 }),
    });
    if (!response.ok) throw new Error(`the switch answered ${response.status}`);
  }

  #replace(): void {
    this.#manager.dispose();
    this.#letGo();
    this.#trace.change((trace) => (trace.degraded = false));
    this.#manager = this.#create();
  }

  /** The manager set aside is not needed any more, nor are its tokens. */
  #letGo(): void {
    if (!this.#aside) return;
    this.#aside.dispose();
    this.#aside = undefined;
    this.#trace.change((trace) => {
      trace.degraded = false;
      trace.timeline.endAll(performance.now(), "dropped");
    });
  }

  #create(tabs: true | "signals" = true): TokenManager {
    const { api, iam } = this.#config;
    const manager = createTokenManager({ iam, tabs, apis: [{ url: iam, resource: iam, scope: "account" }, api] });
    const mark = (kind: MarkKind, text: string, log: LogKind) => {
      this.#trace.change(({ timeline }) => timeline.mark({ at: performance.now(), kind, text }));
      this.#trace.note(log, text);
    };
    manager.on("signedin", ({ resource, cause }) => {
      if (manager === this.#manager) this.#letGo();
      this.#learn(manager, resource, cause);
    });
    manager.on("renewed", ({ resource, cause }) => this.#learn(manager, resource, cause));
    // A sign-out by this page is told once the service has answered. "no_session" is what a new manager says, be it
    // on the first page load, where nothing ended, or after `drop`.
    manager.on("signedout", ({ reason }) => {
      if (reason !== "logout") this.#signedOut(reason === "elsewhere" ? "another tab" : "session ended");
    });
    manager.on("degraded", () => {
      if (manager === this.#manager && this.#aside?.peek() !== undefined) {
        this.#manager = this.#aside;
        this.#aside = undefined;
        manager.dispose();
        return mark("degraded", "the token service does not answer; the token in hand is kept", "warn");
      }
      this.#trace.change((trace) => (trace.degraded = true));
      const then = manager.peek() === undefined ? "calls wait for it, up to 10 s" : "the token in hand is used until its end";
      mark("degraded", `the token service does not answer; ${then}`, "warn");
    });
    manager.on("recovered", () => {
      this.#trace.change((trace) => (trace.degraded = false));
      mark("recovered", "the token service answers again", "info");
    });
    manager.on("ending", () => this.#trace.note("warn", "the session reaches its absolute end in two minutes"));
    return manager;
  }

  async #ask(label: string): Promise<void> {
    const call = this.#begin(label, "api");
    try {
      await this.#with(call, (manager) => manager.getToken());
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Asks the manager in use, and once more when that one is given up for another in the meantime. */
  async #with<T>(call: Call, ask: (manager: TokenManager) => Promise<T>): Promise<T> {
    const manager = this.#manager;
    try {
      return await ask(manager);
    } catch (error) {
      if (codeOf(error) !== "disposed" || manager === this.#manager) throw error;
      const token = this.#inHand(call.audience);
      if (token !== undefined) Object.assign(call, { token, at: performance.now() });
      return ask(this.#manager);
    }
  }

  /** The token that a call would be sent with at once. */
  #inHand(audience: Audience): string | undefined {
    return this.#aside ? undefined : this.#trace.timeline.current(audience, performance.now())?.id;
  }

  #begin(label: string, audience: Audience): Call {
    const token = this.#inHand(audience);
    const call: Call = { label, audience, at: performance.now(), ...(token === undefined ? {} : { token }) };
    if (token !== undefined) this.#lastCaller[audience] = label;
    this.#calls.add(call);
    return call;
  }

  #finish(call: Call, request: string, status: number): void {
    const { timeline, steps } = this.#trace;
    this.#trace.change(() => {
      if (call.token !== undefined) timeline.used(call.token, { at: call.at, label: call.label, status });
      if (call.audience !== "api" || status < 200 || status >= 300) return;
      steps.set(8, "done", `${call.label}: ${status}`);
      steps.called(request);
    });
    this.#trace.note(status >= 200 && status < 400 ? "call" : "error", `${call.label}: ${status}`);
  }

  /** A token came: finds out which one, and for whom. */
  #learn(manager: TokenManager, resource: string | undefined, cause: RenewalCause): void {
    const { iam } = this.#config;
    const audience: Audience = resource === iam ? "account" : "api";
    const token = manager.peek(audience === "account" ? { resource: iam, scope: "account" } : undefined);
    const claims = token === undefined ? undefined : readClaims(token);
    if (!claims) return;

    const { timeline } = this.#trace;
    this.#live = true;
    const now = performance.now();
    const calls = [...this.#calls].filter((call) => call.audience === audience);
    const waiting = calls.filter((call) => call.token === undefined);
    const askedBy = this.#askedBy(cause, audience, (waiting.length > 0 ? waiting : calls).map((call) => call.label));
    const lifetime = claims.exp - claims.iat;
    this.#trace.change((trace) => {
      if (cause !== "peer") trace.mints += 1;
      const bar = timeline.minted({
        id: claims.jti,
        name: "",
        key: audience,
        scope: claims.scope,
        mintedAt: now,
        expiresAt: now + lifetime * 1000,
        askedBy,
      });
      for (const call of waiting) {
        call.token = bar.id;
        call.at = now;
      }
      void fingerprint(claims.jti).then((name) => {
        trace.change(() => (bar.name = name));
        const how = cause === "peer" ? "got" : "minted";
        trace.note("mint", `${how} ${name} for ${askedBy}, ${audience}, ${lifetime} s`);
      });
    });
  }

  #askedBy(cause: RenewalCause, audience: Audience, labels: string[]): string {
    switch (cause) {
      case "caller":
        return describeAskers(labels);
      case "ahead":
        return `${this.#lastCaller[audience]}, ahead of its end`;
      case "rejected":
        return `${describeAskers(labels)}, after a 401`;
      case "background":
        return "background";
      case "restored":
        return "back from standing still";
      case "peer":
        return `${labels.length > 0 ? describeAskers(labels) : this.#lastCaller[audience]}, from another tab`;
    }
  }

  #signedOut(why: Farewell): void {
    if (!this.#live) return;
    this.#live = false;
    this.username = undefined;
    this.#aside?.dispose();
    this.#aside = undefined;
    this.#trace.change(({ timeline }) => {
      timeline.endAll(performance.now(), "signed out");
      timeline.mark({ at: performance.now(), kind: "signed out", text: why });
    });
    this.#trace.note("info", why);
    this.onSignedOut(why);
  }

  #fail(what: string, error: unknown): void {
    const code = codeOf(error);
    const text = `${what}: ${code ?? "no answer"}`;
    // The end of the session has a mark of its own.
    if (code === "signed_out") return this.#trace.note("warn", text);
    this.#trace.change(({ timeline }) => timeline.mark({ at: performance.now(), kind: "failed", text }));
    this.#trace.note("error", text);
  }
}

/** The stable code of an error of the module. */
export function codeOf(error: unknown): TokenErrorCode | undefined {
  return error instanceof TokenError ? error.code : undefined;
}

/** What to tell a person about a failure that is no sign-out. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof TokenError) return { temporary: error.temporary, message: error.message };
  return { temporary: true, message: String(error) };
}

function milliseconds(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
