// Passes everything on to the service: its issuer names one port, it listens on another.
import http from "node:http";

export async function startGateway(port, upstream) {
  const { hostname, port: to } = new URL(upstream);
  const server = http.createServer((request, response) => {
    const { method, url: path, headers } = request;
    const passed = http.request({ hostname, port: to, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
