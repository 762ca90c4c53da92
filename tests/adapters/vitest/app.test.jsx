// An app's own tests, as the guide says: a component with the adapter, on `sessionmint/testing`.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { AuthProvider, useAuth } from "sessionmint/react";
import { createTestAuth } from "sessionmint/testing";
import { afterEach, expect, test } from "vitest";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
let test_, root, element;

function Page() {
  const { status, user, auth, error } = useAuth();
  const send = () => auth.fetch("/notes", { method: "POST", body: new URLSearchParams({ text: "a note" }) });
  return <button onClick={send}>{[status, user?.username, error?.code].join()}</button>;
}

async function show(options) {
  test_ = createTestAuth(options);
  element = document.body.appendChild(document.createElement("div"));
  root = createRoot(element);
  const { auth, settled } = test_;
  await act(async () => {
    root.render(<AuthProvider auth={auth} loadUser={async () => ({ username: "alice" })} children={<Page />} />);
    await settled();
  });
  return test_;
}

afterEach(async () => {
  await act(() => root.unmount());
  element.remove();
  test_.dispose();
});

test("a session that ends", async () => {
  const { iam, clock, auth } = await show();
  expect(element.textContent).toBe("signedin,alice,");
  iam.endSession();
  await act(() => clock.pass(300_000));
  await act(() => auth.getToken().catch(() => {}));
  expect(element.textContent).toBe("signedout,,");
});

test("requests of the app's own", async () => {
  const { iam, settled } = await show({ iam: new URL("/iam", location.href), api: (_request, bearer) => Response.json({ user: bearer?.user }) });
  await act(async () => {
    element.querySelector("button").click();
    await settled();
  });
  const { url, method, headers, body } = iam.requests.at(-1);
  expect([url, method, body]).toEqual([new URL("/notes", location.href).href, "POST", "text=a+note"]);
  expect(headers.authorization).toMatch(/^Bearer ey/);
});
