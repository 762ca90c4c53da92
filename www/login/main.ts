// The pages of the authorization code flow: sign-in, consent and sign-out on behalf of other apps. They decide nothing: the
// service says what is to be shown, is told what the user said, and says where to go.
import { loadConfig } from "../src/config.ts";
import * as screens from "./screens.ts";
import { explain, Problem, Service } from "./service.ts";

/** How often the service may change its mind between a question and the answer to it. */
const MAX_ROUNDS = 5;

document.body.append(screens.frame());
screens.waiting();
void start();

async function start(): Promise<void> {
  let service: Service;
  try {
    service = new Service((await loadConfig()).iam);
  } catch {
    screens.failed("This page cannot be set up at the moment. Please try again.", () => location.reload());
    return;
  }
  if (location.pathname === "/sign-out") return signOut(service);
  const id = new URLSearchParams(location.search).get("id");
  if (!id) return screens.final("Nothing to do here", "This page is for apps that send you here to sign in.", "nothing");
  await interact(service, id);
}

async function interact(service: Service, id: string, round = 1): Promise<void> {
  const again = () => void interact(service, id);
  const answer = async (...said: Parameters<Service["answer"]> extends [string, ...infer Rest] ? Rest : never) => {
    try {
      leave(await service.answer(id, ...said));
    } catch (failure) {
      if (failure instanceof Problem && failure.status === 409 && round < MAX_ROUNDS) return interact(service, id, round + 1);
      fail(failure, again);
    }
  };
  try {
    const shown = await service.show(id);
    const { client, user } = shown;
    const login = (why?: string) =>
      screens.login({
        client: client.name,
        // The operator's own apps need no introduction.
        returnTo: client.trusted ? null : shown.return_to,
        hint: shown.login_hint ?? "",
        again: why,
        signIn: async (username, password) => {
          await service.signIn(username, password);
          await interact(service, id, round + 1);
        },
        deny: () => void answer("deny"),
        explain,
      });
    if (shown.step === "continue") return await answer("continue");
    if (shown.step === "login" || !user) {
      if (!user) return login();
      return login(
        shown.other_user
          ? `You are signed in as ${user.username}. ${client.name} asks for the account that you used there before.`
          : `${client.name} asks you to sign in again.`,
      );
    }
    screens.consent({
      client: client.name,
      returnTo: shown.return_to,
      user: user.username,
      scopes: shown.scopes,
      resources: shown.resources,
      approve: () => void answer("approve", user.id),
      deny: () => void answer("deny"),
      other: () => login(),
    });
  } catch (failure) {
    fail(failure, again);
  }
}

async function signOut(service: Service): Promise<void> {
  const confirm = async () => {
    try {
      const to = await service.signOut(Object.fromEntries(new URLSearchParams(location.search)));
      if (to) leave(to);
      else screens.final("You are signed out", "You can close this page.", "signed-out");
    } catch (failure) {
      fail(failure, () => void confirm());
    }
  };
  try {
    const { client, return_to, user, other_user } = await service.askedToSignOut(location.search);
    // Nobody is there to ask.
    if (!user) return await confirm();
    screens.confirmSignOut({
      client: client?.name,
      returnTo: return_to,
      user: user.username,
      other: other_user,
      signOut: () => void confirm(),
      stay: () => screens.final("You are still signed in", "You can close this page.", "stayed"),
    });
  } catch (failure) {
    fail(failure, () => void signOut(service));
  }
}

/** For good: this page must not be what "back" leads to. An app on this device takes over, and the page stays. */
function leave(address: string): void {
  screens.final("You can go back to the app", "If nothing happens, close this page.", "done");
  location.replace(address);
}

function fail(failure: unknown, again: () => void): void {
  if (failure instanceof Problem && failure.status === 404) {
    screens.final("This is over", "You took too long, or began in another browser. Go back to the app and start again.", "over");
  } else {
    screens.failed(explain(failure), again);
  }
}
