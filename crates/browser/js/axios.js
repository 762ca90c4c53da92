// `sessionmint/axios`: requests of an axios instance go out through `auth.fetch`, with all its rules: which addresses get
// a token, no redirect with one, one more try after a 401.

export function attachAuth(axios, auth) {
  const id = axios.interceptors.request.use((config) => {
    // A function is a mock or a transport of the app's own. Of axios's own only this one can refuse redirects.
    if (typeof config.adapter !== "function") {
      config.adapter = "fetch";
      config.env = { ...config.env, fetch: auth.fetch };
    }
    return config;
  });
  return () => axios.interceptors.request.eject(id);
}

export function tokenError(error) {
  // What axios makes of an error takes over its name as well.
  const thrown = error?.isAxiosError ? error.cause : error;
  return thrown?.name === "TokenError" ? thrown : undefined;
}
