// The worker's half of `sessionmint/isolated`: an ordinary token manager, for the page that started this worker.
import { compile } from "./inlined.js";
import { NOTICES } from "./listeners.js";
import { loader } from "./loader.js";
import { createManager } from "./manager.js";
import { packError, packResponse, unpackRequest } from "./wire.js";

// Without a fallback: a bundler would have to split the worker's script for it.
const load = loader(compile);

/** Milliseconds between the last of a body and the end of the worker: what was just handed over can be lost with its sender. */
const LINGER = 1000;

/** Call → how to abort it. */
const aborts = new Map();
let auth;
/** What the page's signs lead to, once the core is there. */
let signs = {};

const post = (message, transfer) => postMessage(message, { transfer });

/** Takes the place of `watchPresence`: the page watches. */
function listen({ clock }, core, tabs) {
  let last = -Infinity;
  const input = () => {
    last = clock.now();
    core.input();
  };
  signs = { ...core, ...tabs, input };
  return { idle: () => clock.now() - last, stop() {} };
}

function create(options) {
  auth = createManager(options, load, listen);
  for (const type of NOTICES) auth.on(type, (event) => post({ type, event, now: auth.state }));
}

async function call(id, what, argument) {
  const abort = new AbortController();
  aborts.set(id, abort);
  let sent;
  try {
    let value;
    let transfer;
    if (what === "fetch") {
      const [url, init] = unpackRequest(argument);
      const response = await auth.fetch(url, { ...init, signal: abort.signal });
      ({ data: value, transfer, sent } = await packResponse(response));
    } else {
      value = (await auth[what]({ ...argument, signal: abort.signal })) ?? true;
    }
    post({ id, value, now: auth.state }, transfer);
  } catch (error) {
    post({ id, error: packError(error), now: auth.state });
  }
  await sent;
  aborts.delete(id);
  post({ id, over: true });
  end();
}

/** After `dispose()` the worker lives as long as there are bodies to hand over. */
function end() {
  if (auth.state === "disposed" && aborts.size === 0) setTimeout(close, LINGER);
}

onmessage = ({ data }) => {
  const { create: options, id, what, argument, abort, sign, dispose } = data;
  if (options) create(options);
  if (what) call(id, what, argument);
  if (abort) aborts.get(abort)?.abort();
  if (sign) signs[sign]?.();
  if (dispose) {
    auth.dispose();
    end();
  }
};
