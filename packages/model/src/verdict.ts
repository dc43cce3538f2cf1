import type { Verdict } from './finding.ts';

/** Names may be long; a verdict's texts have bounds. */
export function clipped(verdict: Verdict): Verdict {
  const clip = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
  return {
    ...verdict,
    summary: clip(verdict.summary, 1000),
    remedies: verdict.remedies.map((text) => clip(text, 300)),
  };
}
