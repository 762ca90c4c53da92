// Preloaded (`node --import`): a process without WebAssembly, so that the suites run on what stands in for it.
import http from "node:http";

// Node's own fetch has a module too, and readies it with the first connection.
const server = http.createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
await (await fetch(`http://127.0.0.1:${server.address().port}`)).text();
await new Promise((resolve) => {
  server.close(resolve);
  server.closeAllConnections();
});
delete globalThis.WebAssembly;
