// A recording proxy: stands on the API's port, notes every request, and can make the network fail on purpose.
import http from "node:http";
import { createServer } from "./engine.mjs";
import { secrets } from "./secrets.mjs";

/**
 * Starts it.
 * @param {object} options `upstream`: where requests go; `port`: where it listens (0 is any)
 * `answer(request, response)`: answers itself and returns true, or leaves the request to the upstream
 */
export async function startProxy({ upstream, port = 0, answer = () => false }) {
  /** Every request as it arrived: `{ method, path, headers, at }`, with `status` once it is answered. */
  const seen = [];
  /** What befalls requests: `undefined`, "hang", "refuse", or `(request, response) => boolean` like `answer`. */
  const proxy = { seen, fault: undefined };
  const hanging = new Set();
  const server = createServer((request, response) => {
    const record = { method: request.method, path: request.url, headers: request.headers, at: performance.now() };
    seen.push(record);
    response.once("finish", () => (record.status = response.statusCode));
    if (proxy.fault === "hang") return hanging.add(response);
    if (proxy.fault === "refuse") return request.socket.destroy();
    if (typeof proxy.fault === "function" && proxy.fault(request, response)) return;
    if (answer(request, response)) return;
    forward(upstream, request, response);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  proxy.port = server.address().port;
  proxy.count = (method, path) => seen.filter((r) => r.method === method && r.path.split("?")[0] === path).length;
  proxy.release = () => {
    for (const response of hanging) response.destroy();
    hanging.clear();
  };
  proxy.stop = () =>
    new Promise((resolve) => {
      proxy.release();
      server.close(resolve);
      server.closeAllConnections();
    });
  return proxy;
}

/** Passes a request on, and the answer back; what they contain of secrets is searched for in the end. */
export function forward(upstream, request, response) {
  const { hostname, port } = new URL(upstream);
  const { method, url: path, headers } = request;
  whole(request, (body) => secrets.sent(path, headers, body));
  const onward = http.request({ hostname, port, method, path, headers });
  onward.on("response", (answer) => {
    whole(answer, (body) => secrets.received(answer.headers, body));
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

function whole(message, use) {
  const chunks = [];
  message.on("data", (chunk) => chunks.push(chunk));
  message.on("close", () => use(Buffer.concat(chunks)));
}
