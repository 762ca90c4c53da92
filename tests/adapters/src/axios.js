import axios from "axios";
import { createTokenManager } from "sessionmint";
import { attachAuth, tokenError } from "sessionmint/axios";

/** `ask(config)` asks through axios; gives what came of it. */
window.connect = ({ iam, api }) => {
  const http = axios.create({ baseURL: api });
  attachAuth(http, createTokenManager({ iam, apis: [api] }));
  window.ask = (config) =>
    http.request(config).then(
      ({ status, data }) => ({ status, data }),
      (error) => ({ axios: axios.isAxiosError(error), code: tokenError(error)?.code, status: error.response?.status }),
    );
};
