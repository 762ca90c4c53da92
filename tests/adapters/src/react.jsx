import { StrictMode, version } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server.browser";
import { AuthProvider } from "sessionmint/react";
import { Page } from "./Page.jsx";
import { stage } from "./stage.js";

// Written in place, as people do: another function at each rendering.
const App = ({ loadUser, ...options }) => (
  <StrictMode>
    <AuthProvider {...options} loadUser={loadUser && ((auth) => loadUser(auth))}>
      <Page />
    </AuthProvider>
  </StrictMode>
);

stage((element, { hydrated, ...options }) => {
  if (hydrated) {
    element.innerHTML = renderToString(<App {...options} />);
    const root = hydrateRoot(element, <App {...options} />);
    return () => root.unmount();
  }
  const root = createRoot(element);
  root.render(<App {...options} />);
  return Object.assign(() => root.unmount(), { render: (changed) => root.render(<App {...options} {...changed} />) });
});

window.version = version;
window.withoutProvider = () => {
  try {
    renderToString(<Page />);
  } catch (error) {
    return error.message;
  }
};
