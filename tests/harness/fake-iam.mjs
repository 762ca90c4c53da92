// The fake service of `sessionmint/testing` on a port, and an API that tells which token it got, for browsers and other processes.
import { createFakeIam } from "../../crates/browser/pkg/testing.js";
import { createServer, origin as originOf, scheme } from "./engine.mjs";
import { bodyOf, forward } from "./forward.mjs";

/**
 * Starts it, for pages of any origin; `mints` counts. The tokens are `token-1`, `token-2`, …, and live five minutes.
 * `options` are those of the fake.
 */
export async function startFakeIam(options) {
  const server = createServer(async (request, response) => {
    const { origin, "access-control-request-headers": asked } = request.headers;
    if (origin) response.setHeader("access-control-allow-origin", origin).setHeader("access-control-allow-credentials", "true");
    if (asked) return response.setHeader("access-control-allow-headers", asked).setHeader("access-control-allow-methods", "*").end();
    if (request.url === "/api/token") return response.end(request.headers.authorization?.replace("Bearer ", ""));
    const { method, headers, url } = request;
    await forward(iam.fetch, new URL(url, iam.url), { method, headers, body: await bodyOf(request) }, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const address = `${originOf("api", port)}/iam`;
  const iam = createFakeIam({ iam: address, token: (_claims, count) => `token-${count}`, ...options });
  return {
    iam: address,
    /** For clients that do not resolve `*.localhost`. */
    local: `${scheme}://127.0.0.1:${port}/iam`,
    requests: iam.requests,
    refuseTokens: iam.refuseTokens,
    get mints() {
      return iam.mint.count;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
