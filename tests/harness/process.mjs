// Child processes: started with their output collected, awaited by a line, stopped by process id.
import { spawn, spawnSync } from "node:child_process";

const START_MS = 30_000;

/** A running server whose lines can be waited for and searched. */
export class Server {
  #child;
  #waiters = new Set();
  /** Every line it wrote so far, standard output and error in the order of arrival. */
  lines = [];

  constructor(program, args, options = {}) {
    this.name = program.split("/").pop();
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        this.lines.push(...lines);
        for (const check of this.#waiters) check();
      });
    }
    this.exited = new Promise((resolve) => this.#child.once("exit", (code, signal) => resolve({ code, signal })));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves with the match of `pattern` in the first line that has one, from line `from` on. */
  line(pattern, { from = 0, timeout = START_MS } = {}) {
    return new Promise((resolve, reject) => {
      const done = (act) => {
        clearTimeout(timer);
        this.#waiters.delete(check);
        act();
      };
      const check = () => {
        for (const line of this.lines.slice(from)) {
          const match = pattern.exec(line);
          if (match) return done(() => resolve(match));
        }
      };
      const fail = (why) => done(() => reject(new Error(`${this.name}: ${why}:\n${this.lines.join("\n")}`)));
      const timer = setTimeout(() => fail(`no line ${pattern} within ${timeout} ms`), timeout);
      this.exited.then(({ code, signal }) => fail(`ended (${code ?? signal}) without a line ${pattern}`));
      this.#waiters.add(check);
      check();
    });
  }

  /** How many lines match. */
  count(pattern) {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  signal(name) {
    this.#child.kill(name);
  }

  async stop() {
    this.#child.kill("SIGTERM");
    return this.exited;
  }

  /** Kills it and what it started, if it was `detached`. */
  async killGroup() {
    process.kill(-this.pid, "SIGKILL");
    return this.exited;
  }
}

/** Runs a program to its end. */
export function run(program, args, { input, env } = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs a program that must succeed; returns its standard output. */
export function must(program, args, options) {
  const { status, stdout, stderr } = run(program, args, options);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}
