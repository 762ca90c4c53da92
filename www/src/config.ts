// Where the API and the IAM service are. The server of this page says so, thus one build runs on any host and port.

export interface Config {
  /** Base address of the API gateway, without a slash at its end. */
  api: string;
  /** Address of the IAM service, which is also the issuer of the tokens. */
  iam: string;
}

/** Reads `/config.json`. Fails when the server of this page does not answer with two addresses. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json", { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`/config.json answered ${response.status}`);
  const { api, iam } = (await response.json()) as Partial<Config>;
  if (typeof api !== "string" || typeof iam !== "string") throw new Error("/config.json lacks `api` or `iam`");
  return { api, iam };
}
