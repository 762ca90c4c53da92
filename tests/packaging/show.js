// What the page of every project does: asks the service for one token, and shows what came of it.
export async function show(createTokenManager, options) {
  const iam = new URLSearchParams(location.search).get("iam");
  const auth = createTokenManager({ iam, ...options });
  document.title = await auth.getToken().catch((error) => `${error.code}: ${error.message}`);
}

/** The same without the token itself: what an API says it got. */
export async function showIsolated(createTokenManager, options) {
  const iam = new URLSearchParams(location.search).get("iam");
  const api = iam.replace(/iam$/, "api");
  const auth = createTokenManager({ iam, apis: [api], isolate: "worker", ...options });
  const answer = auth.fetch(`${api}/token`).then((answer) => answer.text());
  document.title = await answer.catch((error) => `${error.code}: ${error.message}`);
}
