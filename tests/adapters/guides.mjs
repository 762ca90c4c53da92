// The code of the guides, as files: each block that names its file in its first line.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const BLOCK = /^```(\w+)\n(?:\/\/|<!--) (\S+\.(\w+))(?: -->)?\n([^]*?)^```$/gm;

/** Writes the blocks of FRAMEWORKS.md, a folder for each section, which also gets `auth.js`; gives the folder. */
export async function writeGuides(auth) {
  const folder = join(import.meta.dirname, "dist/guides");
  const text = await readFile(join(import.meta.dirname, "../../crates/browser/FRAMEWORKS.md"), "utf8");
  const [first, ...sections] = text.split(/^## /m);
  const opening = [...first.matchAll(BLOCK)].map(([, , name, , code]) => [name, code]);
  await rm(folder, { recursive: true, force: true });
  for (const section of sections) {
    const blocks = [...section.matchAll(BLOCK)].map(([, , name, , code]) => [name, code]);
    const [title] = section.match(/^\w+/);
    for (const [name, code] of [...opening, ...blocks]) {
      const file = join(folder, title.toLowerCase(), name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, name === "auth.js" && auth ? auth : code);
    }
  }
  return folder;
}
