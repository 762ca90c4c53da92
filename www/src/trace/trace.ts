// Everything the panels show: steps, tokens, counters and a log, with one notification for all of them.
import type { WireKind } from "./wire.ts";
import { Steps } from "./steps.ts";
import { Timeline } from "./timeline.ts";

export type LogKind = "info" | "mint" | "call" | "warn" | "error";

export interface LogEntry {
  /** Wall clock, milliseconds since 1970: it is told to people. */
  time: number;
  kind: LogKind;
  text: string;
  /** How many times. */
  count: number;
}

const LOG_LENGTH = 60;
/** The same line within this time is counted instead of repeated, even when others came in between. */
const REPEAT_MS = 2000;

export class Trace {
  readonly steps = new Steps();
  readonly timeline = new Timeline();
  readonly log: LogEntry[] = [];
  /** How often something was noted in the log. */
  notes = 0;
  readonly requests: Record<WireKind, number> = { token: 0, login: 0, notes: 0, account: 0 };
  /** Tokens minted for this page since it was loaded. */
  mints = 0;
  /** Set while the token service cannot be reached or answers with an outage. */
  degraded = false;
  readonly #watchers = new Set<() => void>();
  #pending = false;

  /** Calls `watcher` after changes, once for all changes of one task. */
  watch(watcher: () => void): void {
    this.#watchers.add(watcher);
  }

  /** Applies a change and tells the watchers. */
  change(apply: (trace: this) => void): void {
    apply(this);
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      for (const watcher of this.#watchers) watcher();
    });
  }

  note(kind: LogKind, text: string): void {
    this.change(() => {
      this.notes += 1;
      const time = Date.now();
      const index = this.log.findLastIndex((line) => line.text === text && line.kind === kind);
      const same = this.log[index];
      if (same && time - same.time < REPEAT_MS) {
        same.count += 1;
        return;
      }
      this.log.push({ time, kind, text, count: 1 });
      if (this.log.length > LOG_LENGTH) this.log.shift();
    });
  }

  request(kind: WireKind): void {
    this.change(() => {
      this.requests[kind] += 1;
    });
  }
}
