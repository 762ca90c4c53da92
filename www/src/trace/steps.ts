// The eight steps from opening a protected page to calling a service, and which of them happened. Pure.

export type StepState = "todo" | "active" | "done" | "skipped";

export interface Step {
  number: number;
  title: string;
  /** What happens, for a developer who sees the flow for the first time. */
  text: string;
  /** What goes over the wire in it. */
  wire: string;
  state: StepState;
  /** What was observed this time, for example how long the answer took. */
  seen?: string;
}

type Text = readonly [title: string, text: string, wire: string];

const TEXTS: readonly Text[] = [
  [
    "Protected page",
    "You opened a page that needs a session. The app is static files: it knows nothing about you yet.",
    "GET / from the UI host. No cookie, no token.",
  ],
  [
    "Mint tried",
    "Behind the splash the app simply asks for a token. If a session is alive, this is all there is to do.",
    "POST /iam/oauth/token with grant_type=session. A simple CORS request: no preflight.",
  ],
  [
    "No session",
    "The service knows no live session. Only this exact answer means signed out; an outage never does.",
    "401 {\"error\":\"login_required\"}",
  ],
  [
    "Login page",
    "The app shows its login page and remembers where you were. The return address is accepted only as a path on this origin.",
    "Nothing. The address is /login?next=…",
  ],
  [
    "Credentials",
    "You sent name and password, once, to the IAM service. They are in no address and in no storage.",
    "POST /iam/passwordlogin as JSON, so that no foreign form can send it.",
  ],
  [
    "Session cookie",
    "The service opened a session and set a fresh cookie on the API host. No script can read it, not even this one.",
    "Set-Cookie: __Host-Http-sid=…; Path=/; Secure; HttpOnly; SameSite=Strict",
  ],
  [
    "Token minted",
    "Back on the protected page the app mints a short-lived token silently. It lives in memory, nowhere else.",
    "POST /iam/oauth/token again, now with the cookie: 200 {\"access_token\":…,\"expires_in\":…}",
  ],
  [
    "Service called",
    "The app calls the notes service with the token, and renews it while it is in use. The service verifies it offline.",
    calledWith("GET /notes"),
  ],
];

/** Takes the place of "Token minted" where another tab had one. */
const HANDED_OVER: Text = [
  "Token handed over",
  "Another tab of this app had a token and sealed it for this tab alone. It lives in memory, nowhere else.",
  "Nothing: the tabs of an origin talk over a BroadcastChannel.",
];

function calledWith(request: string): string {
  return `${request} with Authorization: Bearer …. The gateway removes the cookie on the way.`;
}

/** The steps and their state. A step is told once it happened; later runs overwrite what was seen. */
export class Steps {
  readonly all: Step[] = TEXTS.map(([title, text, wire], index) => ({
    number: index + 1,
    title,
    text,
    wire,
    state: "todo" as StepState,
  }));

  /** Begins the flow anew, as after a sign-out or when another page load starts it. */
  restart(): void {
    this.#tell(7, TEXTS[6]);
    for (const step of this.all) {
      step.state = "todo";
      delete step.seen;
    }
  }

  set(number: number, state: StepState, seen?: string): void {
    const step = this.all[number - 1];
    if (!step) return;
    step.state = state;
    if (seen === undefined) delete step.seen;
    else step.seen = seen;
  }

  /** Tells method and path of the last call of a service. */
  called(request: string): void {
    const last = this.all.at(-1);
    if (last) last.wire = calledWith(request);
  }

  /** Another tab had a token: this one minted nothing. */
  handedOver(seen: string): void {
    this.set(2, "skipped", "not needed: another tab had a token");
    this.skip(3, 6, "not needed: the session was alive");
    this.#tell(7, HANDED_OVER);
    this.set(7, "done", seen);
  }

  /** Marks what a live session made unnecessary. */
  skip(from: number, to: number, seen: string): void {
    for (const step of this.all) {
      if (step.number >= from && step.number <= to && step.state === "todo") this.set(step.number, "skipped", seen);
    }
  }

  #tell(number: number, text: Text | undefined): void {
    const step = this.all[number - 1];
    if (step && text) [step.title, step.text, step.wire] = text;
  }

  isDone(number: number): boolean {
    return this.all[number - 1]?.state === "done";
  }

  /** The step to explain: the active one, else the last that happened, else the first. */
  get latest(): number {
    const active = this.all.find((step) => step.state === "active");
    if (active) return active.number;
    return this.all.findLast((step) => step.state === "done")?.number ?? 1;
  }
}
