// Looks, right now, at every place where a script could have kept something on this origin.

/** One place and what was found there. */
export interface Finding {
  place: string;
  /** What it is called when nothing was found. */
  clean: "empty" | "no token";
  /** Names of what is there; empty is the point of the demo. */
  entries: string[];
}

/**
 * Scans `document.cookie`, localStorage, sessionStorage, IndexedDB, the Cache API and the properties of `window`.
 * `secret` is what must not be found among those properties (their other values are the browser's own).
 */
export async function scanStorage(secret: string | undefined): Promise<Finding[]> {
  return [
    { place: "document.cookie", clean: "empty", entries: document.cookie ? document.cookie.split("; ").map(nameOf) : [] },
    { place: "localStorage", clean: "empty", entries: keysOf(() => localStorage) },
    { place: "sessionStorage", clean: "empty", entries: keysOf(() => sessionStorage) },
    { place: "IndexedDB", clean: "empty", entries: await databases() },
    { place: "Cache API", clean: "empty", entries: await cacheNames() },
    { place: "window", clean: "no token", entries: secret === undefined ? [] : propertiesHolding(secret) },
  ];
}

function nameOf(cookie: string): string {
  return cookie.split("=")[0] ?? cookie;
}

/** A browser that forbids storage throws on access: then nothing is kept there either. */
function keysOf(storage: () => Storage): string[] {
  try {
    return Object.keys(storage());
  } catch {
    return [];
  }
}

async function databases(): Promise<string[]> {
  try {
    return (await indexedDB.databases()).map((database) => database.name ?? "");
  } catch {
    return [];
  }
}

async function cacheNames(): Promise<string[]> {
  try {
    return await caches.keys();
  } catch {
    return [];
  }
}

function propertiesHolding(secret: string): string[] {
  return Object.getOwnPropertyNames(window).filter((name) => {
    const value: unknown = Object.getOwnPropertyDescriptor(window, name)?.value;
    return typeof value === "string" && value.includes(secret);
  });
}
