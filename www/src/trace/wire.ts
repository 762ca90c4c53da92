// Counts the requests that the browser really sent, by its own resource timing: an observer that the code under
// observation knows nothing of.

/** What a request was for. */
export type WireKind = "token" | "login" | "notes" | "account";

/** Calls `seen` for every finished request to the API host that belongs to the flow. */
export function watchWire(api: string, iam: string, seen: (kind: WireKind) => void): void {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = kindOf(entry.name, api, iam);
      if (kind) seen(kind);
    }
  });
  observer.observe({ type: "resource", buffered: true });
}

function kindOf(address: string, api: string, iam: string): WireKind | undefined {
  if (address === `${iam}/oauth/token`) return "token";
  if (address === `${iam}/passwordlogin`) return "login";
  if (address.startsWith(`${iam}/sessions`) || address === `${iam}/userinfo`) return "account";
  if (address === `${api}/notes` || address.startsWith(`${api}/notes/`)) return "notes";
  return undefined;
}
