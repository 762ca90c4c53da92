// Which addresses may see a token: exact origin, then the longest matching path prefix. What does not clearly match
// gets none.

/** The entry of `apis` that `url` (a parsed URL) belongs to, or undefined. */
export function findApi(apis, url) {
  // A user name in an address is a trick at best, and fetch refuses it anyway.
  if (url.username || url.password) return undefined;
  let best;
  for (const api of apis) {
    if (api.origin !== url.origin || !within(url.pathname, api.path)) continue;
    if (!best || api.path.length > best.path.length) best = api;
  }
  return best;
}

/** `/notes` covers `/notes` and `/notes/7`, not `/notes2`. The empty prefix covers all of the origin. */
function within(path, prefix) {
  if (prefix === "") return true;
  return (path === prefix || path.startsWith(`${prefix}/`)) && !climbs(path);
}

/**
 * Whether a service may read the path as leading out of its prefix. A URL parser resolves `..` and `%2e%2e`, but leaves
 * `..%2f`, `..%5c`, `..;x/` and doubly encoded forms to whoever comes next.
 */
function climbs(path) {
  let plain = path;
  while (/%25/.test(plain)) plain = plain.replace(/%25/g, "%");
  const segments = plain.replace(/%2e/gi, ".").split(/\/|\\|%2f|%5c/i);
  return segments.some((segment) => /^\.\.?(;|%3b|$)/i.test(segment));
}
