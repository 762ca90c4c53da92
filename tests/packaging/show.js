// What the page of every project does: asks the service for one token, and shows what came of it.
export async function show(createTokenManager, options) {
  const iam = new URLSearchParams(location.search).get("iam");
  const auth = createTokenManager({ iam, ...options });
  document.title = await auth.getToken().catch((error) => `${error.code}: ${error.message}`);
}
