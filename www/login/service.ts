// What the pages ask the IAM service. Cookies come along; nothing is kept here.

/** Who asks; `trusted`: it is the operator's own. */
export interface Client {
  id: string;
  name: string;
  trusted: boolean;
}

/** Where the user goes back to: a web site (its host), a program on this computer, an app (its scheme). */
export type Destination = { kind: "site" | "app"; name: string } | { kind: "device" };

/** What `GET /interactions/{id}` says is to be shown. */
export interface Interaction {
  step: "login" | "consent" | "continue";
  client: Client;
  return_to: Destination;
  scopes: string[];
  resources: string[];
  offline: boolean;
  user: { id: string; username: string } | null;
  /** Whether the app means somebody else than this user. */
  other_user: boolean;
  login_hint: string | null;
}

/** What `GET /interactions/logout` says to ask about. */
export interface SignOut {
  client: Client | null;
  return_to: Destination | null;
  user: { id: string; username: string } | null;
  other_user: boolean;
}

/** The service answered with a problem (RFC 9457), or did not answer (status 0). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** When to try again, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, retryAfter?: number) {
    super(code);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class Service {
  readonly #iam: string;

  constructor(iam: string) {
    this.#iam = iam;
  }

  show(id: string): Promise<Interaction> {
    return this.#call<Interaction>(`/interactions/${encodeURIComponent(id)}`);
  }

  /** Where to go. */
  async answer(id: string, answer: "approve" | "deny" | "continue", user?: string): Promise<string> {
    const path = `/interactions/${encodeURIComponent(id)}`;
    return (await this.#call<{ location: string }>(path, { answer, user })).location;
  }

  async signIn(username: string, password: string): Promise<void> {
    await this.#call("/passwordlogin", { username, password });
  }

  /** What to ask a user whom an app sent with these parameters. */
  askedToSignOut(query: string): Promise<SignOut> {
    return this.#call<SignOut>(`/interactions/logout${query}`);
  }

  /** Where to go, if the app that asked may be gone back to. */
  async signOut(asked: Record<string, string>): Promise<string | null> {
    return (await this.#call<{ location: string | null }>("/interactions/logout", asked)).location;
  }

  async #call<T>(path: string, body?: object): Promise<T> {
    let response: Response;
    try {
      response = await fetch(this.#iam + path, {
        credentials: "include",
        cache: "no-store",
        ...(body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      });
    } catch {
      throw new Problem(0, "unreachable");
    }
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok && answer) return answer as T;
    const { code } = (answer ?? {}) as { code?: unknown };
    const retryAfter = Number(response.headers.get("retry-after")) || undefined;
    throw new Problem(response.status, typeof code === "string" ? code : "unknown", retryAfter);
  }
}

/** What to tell a person. */
export function explain(failure: unknown): string {
  const { status, code, retryAfter } = failure instanceof Problem ? failure : new Problem(0, "unknown");
  if (code === "invalid_credentials") return "That name and password do not match.";
  if (status === 429) return `Too many tries. Please wait ${retryAfter === undefined ? "a moment" : `${retryAfter} seconds`}.`;
  if (code === "origin_refused") return "This page is not allowed to sign anybody in. Its operator has to register its address.";
  return "The sign-in service does not answer at the moment. Please try again.";
}
