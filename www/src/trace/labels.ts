// Where the words above the bars go: beside each other, whole, and inside the chart. Pure: widths are parameters.

/** A bar on screen, in pixels, and what there is to say about it, the longest wording first. */
export interface Labelled {
  left: number;
  lane: number;
  wordings: readonly string[];
}

export interface Label {
  left: number;
  text: string;
}

const GAP = 8;

/**
 * One label for each bar, in the same order; undefined where not even the shortest wording has room. `bars` are in the
 * order of their left edges. A label may be longer than its bar, as far as the row is free.
 */
export function placeLabels(
  bars: readonly Labelled[],
  width: number,
  measure: (text: string) => number,
): (Label | undefined)[] {
  const free = new Map<number, number>();
  return bars.map((bar, index) => {
    const next = bars.slice(index + 1).find((other) => other.lane === bar.lane);
    const least = free.get(bar.lane) ?? 0;
    const left = Math.max(bar.left, least);
    const right = next ? next.left - GAP : width;
    const fits = (from: number) => bar.wordings.find((text) => measure(text) <= right - from);
    // The last one of a row may begin left of its bar, rather than say nothing.
    const inPlace = fits(left);
    const text = inPlace ?? (next ? undefined : fits(least));
    if (text === undefined) return undefined;
    const at = inPlace === undefined ? right - measure(text) : left;
    free.set(bar.lane, at + measure(text) + GAP);
    return { left: at, text };
  });
}
