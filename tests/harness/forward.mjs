// A request of Node's http server, handed to a function that stands in for `fetch`.

/** `request` has the method, headers and body (a string), `url` is where it goes. What `fetch` rejects with breaks the connection. */
export async function forward(fetch, url, { method, headers, body }, response) {
  try {
    const answer = await fetch(new Request(url, { method, headers, body: body || undefined }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  } catch {
    response.destroy();
  }
}

/** The body of a request, as text. */
export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
