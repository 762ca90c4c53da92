// A service that answers every mint with a token, for tests of what happens around it.
import http from "node:http";

/** Starts it; `mints` counts. The tokens are `token-1`, `token-2`, …, and live five minutes. */
export async function startFakeIam() {
  const fake = { mints: 0 };
  const server = http.createServer((request, response) => {
    const { origin } = request.headers;
    if (origin) response.setHeader("access-control-allow-origin", origin).setHeader("access-control-allow-credentials", "true");
    if (request.method !== "POST" || request.url !== "/iam/oauth/token") return response.writeHead(404).end();
    fake.mints += 1;
    const token = { access_token: `token-${fake.mints}`, token_type: "Bearer", expires_in: 300, scope: "", session_expires_in: 86_400 };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(token));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  /** For browsers, and for clients that do not resolve `*.localhost`. */
  fake.iam = `http://api.app.localhost:${port}/iam`;
  fake.local = `http://127.0.0.1:${port}/iam`;
  fake.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return fake;
}
