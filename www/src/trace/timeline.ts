// The life of every token as data: minted, used, expiring, renewed, ended. Pure: time is a parameter (milliseconds on
// one monotonic clock) and nothing here draws.

/** One call made with a token. */
export interface Use {
  at: number;
  label: string;
  /** HTTP status of the answer; 0 when there was none. */
  status: number;
}

export type EndReason = "renewed" | "signed out" | "dropped";

/** One token from mint to end. */
export interface TokenBar {
  id: string;
  /** What people see of it: a fingerprint. */
  name: string;
  /** Which API it is for: tokens of different keys live side by side. */
  key: string;
  scope: string;
  mintedAt: number;
  expiresAt: number;
  /** Who asked for it, for example "notes list" or "background". */
  askedBy: string;
  uses: Use[];
  ended?: { at: number; why: EndReason };
}

export type MarkKind = "failed" | "degraded" | "recovered" | "signed out";

/** Something that happened to the session rather than to one token. */
export interface Mark {
  at: number;
  kind: MarkKind;
  text: string;
}

export type Phase = "live" | "expiring" | "expired" | "renewed" | "ended";

/** A token counts as expiring in its last fifth, at most half a minute. */
const EXPIRING_SHARE = 0.2;
const EXPIRING_MAX_MS = 30_000;
const SAME_MARK_MS = 1000;

/** The tokens and marks of this page. Oldest first. */
export class Timeline {
  readonly bars: TokenBar[] = [];
  readonly marks: Mark[] = [];

  /** A new token. The older one of the same key is thereby renewed. A token already known changes nothing. */
  minted(token: Omit<TokenBar, "uses" | "ended">): TokenBar {
    const known = this.find(token.id);
    if (known) return known;
    for (const bar of this.bars) {
      if (bar.key === token.key && isUsable(bar, token.mintedAt)) bar.ended = { at: token.mintedAt, why: "renewed" };
    }
    const bar: TokenBar = { ...token, uses: [] };
    this.bars.push(bar);
    return bar;
  }

  /** A call made with token `id`; unknown ids are ignored (the token may have been pruned). */
  used(id: string, use: Use): void {
    this.find(id)?.uses.push(use);
  }

  /** Ends every token that is still usable, for sign-out or a manager that was thrown away. */
  endAll(at: number, why: EndReason): void {
    for (const bar of this.bars) {
      if (isUsable(bar, at)) bar.ended = { at, why };
    }
  }

  /** Marks a moment. The same thing told again within a second, as by each call of a burst, is one mark. */
  mark(mark: Mark): void {
    const same = ({ at, kind, text }: Mark) => kind === mark.kind && text === mark.text && mark.at - at < SAME_MARK_MS;
    if (!this.marks.some(same)) this.marks.push(mark);
  }

  /** The newest token of `key` that is usable at `now`. */
  current(key: string, now: number): TokenBar | undefined {
    return this.bars.findLast((bar) => bar.key === key && isUsable(bar, now));
  }

  /** Forgets what ended before `before`, so that a page left open for days stays small. */
  prune(before: number): void {
    removeWhere(this.bars, (bar) => bar.expiresAt < before);
    removeWhere(this.marks, (mark) => mark.at < before);
  }

  private find(id: string): TokenBar | undefined {
    return this.bars.find((bar) => bar.id === id);
  }
}

function isUsable(bar: TokenBar, now: number): boolean {
  return !bar.ended && bar.expiresAt > now;
}

function removeWhere<T>(list: T[], test: (item: T) => boolean): void {
  const kept = list.filter((item) => !test(item));
  if (kept.length !== list.length) list.splice(0, list.length, ...kept);
}

/** What a token is at `now`. */
export function phaseOf(bar: TokenBar, now: number): Phase {
  if (bar.ended && bar.ended.at <= now) return bar.ended.why === "renewed" ? "renewed" : "ended";
  if (bar.expiresAt <= now) return "expired";
  const lead = Math.min((bar.expiresAt - bar.mintedAt) * EXPIRING_SHARE, EXPIRING_MAX_MS);
  return bar.expiresAt - now <= lead ? "expiring" : "live";
}

/** Whole seconds until a token's end, begun ones included: the same number wherever it is shown. */
export function secondsLeft(bar: TokenBar, now: number): number {
  return Math.ceil((bar.expiresAt - now) / 1000);
}

/** The stretch of time that is on screen. */
export interface View {
  start: number;
  end: number;
}

/**
 * The stretch to show at `now`: all of the tokens that are alive, and as much of the past as there is to tell, up to
 * one and a half lifetimes, so that 15-second tokens and 300-second tokens both fill the width.
 */
export function viewAt(bars: readonly TokenBar[], now: number): View {
  const alive = bars.filter((bar) => isUsable(bar, now));
  const ahead = Math.max(10_000, ...alive.map((bar) => bar.expiresAt - now));
  const longest = Math.max(15_000, ...alive.map((bar) => bar.expiresAt - bar.mintedAt));
  const told = now - Math.min(now, ...bars.map((bar) => bar.mintedAt));
  const past = Math.min(longest * 1.5, Math.max(told * 1.1, ahead * 0.25));
  return { start: now - Math.max(20_000, past), end: now + ahead * 1.12 };
}

/** Where `at` lies in `view`, as a share of the width: 0 is the left edge, 1 the right one. */
export function position(at: number, view: View): number {
  return (at - view.start) / (view.end - view.start);
}

/** Steps between the ticks of the axis, in milliseconds: the first that needs no more than `most` ticks. */
export function tickStep(view: View, most: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].map((seconds) => seconds * 1000);
  const span = view.end - view.start;
  return steps.find((step) => span / step <= most) ?? span;
}

/** Until when a bar is drawn. A renewed token is valid to its end all the same; one that was dropped is gone. */
export function drawnUntil(bar: TokenBar): number {
  return bar.ended && bar.ended.why !== "renewed" ? bar.ended.at : bar.expiresAt;
}

/** A row for each token, so that bars of overlapping lifetimes do not cover each other. Same order as `bars`. */
export function lanesOf(bars: readonly TokenBar[]): number[] {
  const free: number[] = [];
  return bars.map((bar) => {
    const lane = free.findIndex((until) => until <= bar.mintedAt);
    const chosen = lane === -1 ? free.length : lane;
    free[chosen] = drawnUntil(bar);
    return chosen;
  });
}

/** Calls that lie closer than `gap` milliseconds and carry the same label, told as one with a count. */
export interface UseGroup {
  at: number;
  label: string;
  count: number;
  failed: number;
}

export function groupUses(uses: readonly Use[], gap: number): UseGroup[] {
  const groups: UseGroup[] = [];
  for (const use of uses) {
    const failed = use.status >= 200 && use.status < 300 ? 0 : 1;
    const last = groups.at(-1);
    if (last && last.label === use.label && use.at - last.at <= gap) {
      last.count += 1;
      last.failed += failed;
    } else {
      groups.push({ at: use.at, label: use.label, count: 1, failed });
    }
  }
  return groups;
}

/** Several askers in one line: "burst of 20", "page load and notes list", "background" when nobody waited. */
export function describeAskers(labels: readonly string[]): string {
  const names = [...new Set(labels)];
  if (names.length === 0) return "background";
  if (names.length === 1) return names[0] ?? "background";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
