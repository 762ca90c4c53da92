// Free ports on loopback.
import { randomInt } from "node:crypto";
import net from "node:net";

/** Below those that systems give to outgoing connections, and without the ports that browsers refuse. */
const [FIRST, END] = [12_000, 32_000];

/** A port that nobody listens on right now, and that no connection gets by chance before it is listened on. */
export async function freePort() {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
