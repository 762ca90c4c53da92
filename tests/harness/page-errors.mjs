// Errors in WebKit's pages, of which its driver says nothing: a script that comes before all others tells them.
import { engine } from "./engine.mjs";

const PATH = "/page-errors.js";
const SCRIPT = `
  const tell = (error) => navigator.sendBeacon("${PATH}", String(error));
  addEventListener("error", (event) => tell(event.message ?? "a file did not load"), true);
  addEventListener("unhandledrejection", (event) => tell(event.reason));
  addEventListener("securitypolicyviolation", (event) => tell(event.violatedDirective + " forbids " + event.blockedURI));
  const { error } = console;
  console.error = (...words) => (tell(words.join(" ")), error.apply(console, words));
`;
const listeners = new Set();

/** Calls `listener` with the text of every error from now on. */
export function onPageError(listener) {
  listeners.add(listener);
}

/** For the proxy before the server of the pages: puts the script into them and hears what it tells. */
export function answerPageErrors(upstream) {
  return (request, response) => {
    if (engine !== "webkit") return false;
    if (request.url === PATH && request.method === "POST") {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      request.once("end", () => {
        for (const listener of listeners) listener(text);
        response.writeHead(204).end();
      });
    } else if (request.url === PATH) response.writeHead(200, { "content-type": "text/javascript" }).end(SCRIPT);
    else if (request.headers["sec-fetch-dest"] === "document") page(upstream, request, response);
    else return false;
    return true;
  };
}

async function page(upstream, request, response) {
  try {
    const answer = await fetch(upstream + request.url, { headers: { accept: request.headers.accept } });
    const text = (await answer.text()).replace("<head>", `<head><script src="${PATH}"></script>`);
    const headers = [...answer.headers].filter(([name]) => !["content-length", "content-encoding", "transfer-encoding"].includes(name));
    response.writeHead(answer.status, headers.flat()).end(text);
  } catch {
    response.destroy();
  }
}
