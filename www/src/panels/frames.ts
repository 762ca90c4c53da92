// One clock for everything that moves, so that two places never tell two different times.

const watchers = new Set<(at: number) => void>();
const EVERY_MS = 60;
const EVERY_CALM_MS = 1000;

/** Calls `draw` a few times a second while the page is visible, once a second with reduced motion. */
export function everyFrame(draw: (at: number) => void): void {
  watchers.add(draw);
  if (watchers.size === 1) start();
}

function start(): void {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawn = 0;
  const frame = (time: number) => {
    requestAnimationFrame(frame);
    if (time - drawn < (calm.matches ? EVERY_CALM_MS : EVERY_MS)) return;
    drawn = time;
    const at = performance.now();
    for (const draw of watchers) draw(at);
  };
  requestAnimationFrame(frame);
}
