// The packed npm package in this project, as its user would install it.
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export const here = import.meta.dirname;
export const run = promisify(execFile);

export function install() {
  const options = ["--no-save", "--offline", "--no-audit", "--no-fund", "--loglevel=error"];
  return run("npm", ["install", ...options, process.env.TARBALL], { cwd: here });
}

/** Builds with Vite; gives the folder. */
export async function build(mode) {
  const dist = join(here, "dist", mode);
  await rm(dist, { recursive: true, force: true });
  await run(join(here, "node_modules/.bin/vite"), ["build", "--mode", mode, "--logLevel", "error"], { cwd: here });
  return dist;
}
