// Where to go after sign-in. `next` comes from the address bar, so anyone can write it: only a path on this very
// origin survives, everything else becomes the start page. Pure, so the attacks on it are unit tests.

const START = "/";
const LOGIN = "/login";
const MAX_LENGTH = 2048;
// Two slashes begin a host. Tab and line breaks are removed by URL parsers ("/\t/evil" is "//evil"), a backslash is read as a slash.
const DANGEROUS = /^\/\/|[\u0000-\u001f\u007f\\]/;
// The same, encoded: harmless to this page, but not to whatever decodes a path before it looks at it.
const DANGEROUS_ENCODED = /^\/%2f|%[01][0-9a-f]|%7f|%5c/i;

/**
 * The path, query and fragment to return to, always beginning with exactly one slash.
 * `origin` is the origin of this page; the result resolves to it, whatever `raw` says.
 */
export function safeReturnTo(raw: string | null | undefined, origin: string): string {
  if (!raw || raw.length > MAX_LENGTH || !raw.startsWith("/") || DANGEROUS.test(raw)) return START;
  let url: URL;
  try {
    url = new URL(raw, origin);
  } catch {
    return START;
  }
  // "/.//evil" stays on this origin but has the path "//evil", which the next parser would take for a host.
  if (url.origin !== origin || url.pathname.startsWith("//") || DANGEROUS_ENCODED.test(url.pathname)) return START;
  if (url.pathname === LOGIN || url.pathname.startsWith(`${LOGIN}/`)) return START;
  return url.pathname + url.search + url.hash;
}

/** The address of the login page that comes back to `current` (path, query and fragment of the page in hand). */
export function loginAddress(current: string, origin: string): string {
  const next = safeReturnTo(current, origin);
  return `${LOGIN}?next=${encodeURIComponent(next).replaceAll("%2F", "/")}`;
}
