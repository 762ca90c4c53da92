// Answers in place of services while a peer is set up: `answers` maps the end of a path to a JSON body.
export function answerFetches(answers) {
  const platform = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const found = Object.keys(answers).find((path) => pathname.endsWith(path));
    if (found === undefined) return platform(input, init);
    return Response.json(answers[found]);
  };
  return { restore: () => (globalThis.fetch = platform) };
}
