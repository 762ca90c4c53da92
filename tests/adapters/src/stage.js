// What the page of each framework offers to the tests: a manager on a fake service, an app to mount on it, and what it shows.
import { createTestAuth } from "sessionmint/testing";

/** `mount(element, options)` mounts the app with the adapter's options (`auth` among them), and gives what unmounts it. */
export function stage(mount) {
  /** Everything of one test. */
  window.start = ({ withUser = false, ask, hydrated, ...options } = {}) => {
    const element = document.body.appendChild(document.createElement("div"));
    const test = createTestAuth(options);
    let listening = 0;
    const auth = Object.create(test.auth, {
      on: {
        value(...args) {
          listening++;
          const off = test.auth.on(...args);
          return () => {
            listening--;
            off();
          };
        },
      },
    });
    /** Fails as long as it is set. */
    const trouble = { now: undefined };
    const loadUser = async (given) => {
      if (trouble.now) throw trouble.now;
      const { sub, preferred_username } = await (await given.fetch(`${test.iam.url}/userinfo`)).json();
      return { id: sub, username: preferred_username };
    };
    const shown = [];
    const look = () => {
      const text = element.textContent.replace(/\s+/g, " ").trim();
      if (text !== shown.at(-1)) shown.push(text);
    };
    const watcher = new MutationObserver(look);
    watcher.observe(element, { childList: true, characterData: true, subtree: true });
    let unmount;
    return {
      ...test,
      trouble,
      shown,
      listening: () => listening,
      mount: () => (unmount = mount(element, { auth, ask, hydrated, loadUser: withUser ? loadUser : undefined })),
      async unmount() {
        await unmount();
        await test.settled();
      },
      click: (name) => element.querySelector(`button[name=${name}]`).click(),
      /** Waits until the app shows this. */
      async sees(text) {
        const end = performance.now() + 15_000;
        while (shown.at(-1) !== text) {
          if (performance.now() > end) throw new Error(`it shows ${JSON.stringify(shown)}, not ${text}`);
          await test.settled();
          look();
        }
      },
      async end() {
        watcher.disconnect();
        await unmount?.();
        test.dispose();
        element.remove();
      },
    };
  };
}

/** What every app shows. */
export const summary = ({ status, user, error }) => [status, user?.username ?? "nobody", error?.code ?? "fine"].join(" ");

export const BOB = { username: "bob", password: "correct horse" };
