// What goes wrong, and what a package makes of it. Each scenario gives `{ text, good }`: what happened, and whether an app
// that did nothing special comes through.
import { API, LIFE } from "./session.js";

const SECOND = 1000;
const FOREIGN = "https://foreign.example.net/data";
/** Seconds that the token still lives: few enough for every package to want another one already. */
const LEFT = 28;
const GONE = "**the session is gone**";

export const SCENARIOS = [
  {
    title: "Network down, token valid",
    about: `the token is valid for another ${LEFT} s, the token endpoint cannot be reached (connections are refused), somebody asks for a token`,
    async run(world) {
      await world.sleep((LIFE - LEFT) * SECOND);
      world.service = "down";
      const { token, error, seconds } = await world.call("get");
      const when = seconds >= 1 ? `after ${seconds} s` : "at once";
      const kept = await world.isKept();
      return { text: `${token ? "token" : problem(error)} ${when}${kept ? "" : `; ${GONE}`}`, good: token && seconds < 1 && kept };
    },
  },
  {
    title: "Three callers, token ended",
    about: "the token has ended, and three callers want another one at the same moment",
    async run(world) {
      await world.sleep((LIFE + 60) * SECOND);
      world.requests = 0;
      const { token, error } = await world.call("renew", 3);
      if (!token) return { text: problem(error), good: false };
      return { text: world.requests === 1 ? "1 request" : `${world.requests} requests`, good: world.requests === 1 };
    },
  },
  {
    title: "429, token ended",
    about: "the token has ended, the token endpoint answers `429` with `Retry-After: 5`; a minute later it is well again and somebody asks once more",
    async run(world) {
      await world.sleep((LIFE + 60) * SECOND);
      world.service = "busy";
      const { token, error } = await world.call("renew");
      const kept = await world.isKept();
      return { text: `${token ? "token" : problem(error)}; ${kept ? "then a token" : GONE}`, good: kept };
    },
  },
  {
    title: "Wrapper of `fetch`, foreign host",
    about: `a wrapper that was set up for \`${API}\`, where that can be said, fetches \`${FOREIGN}\``,
    async run(world) {
      if (!world.calls.fetch) return { text: "has none", good: true };
      const seen = await world.fetch(FOREIGN);
      return { text: seen ? "**token sent**" : "no token sent", good: !seen };
    },
  },
];

function problem(error) {
  return error === undefined ? "no token" : `throws \`${error}\``;
}
