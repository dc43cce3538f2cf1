import { HIGHEST_PORT, LOWEST_PORT, type Protocol } from '@portolan/model';

/** @returns the port that these digits write; `undefined` for a leading zero or what is out of 1..65535 */
export function portOf(digits: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port >= LOWEST_PORT && port <= HIGHEST_PORT ? port : undefined;
}

export function protocolOf(text: string | undefined): Protocol {
  return text?.toLowerCase() === 'udp' ? 'udp' : 'tcp';
}

/** Digits that write a port or an end of an interval, where they stand in the text that was searched. */
export interface Digits {
  port: number;
  offset: number;
  length: number;
}

/** A port or an interval as documents write it: `3001`, `3000-3009`, `3000 – 3009`, `65003+`, `3001/udp`. */
export interface PortText {
  from: Digits;
  /** Absent for a single port and for an open interval. */
  to?: Digits;
  /** `65003+`: up to the highest. */
  open: boolean;
  protocol?: Protocol;
  /** End of the whole, in the text that was searched. */
  end: number;
}

const WRITTEN =
  /(?<![\w.#$€£@-])(?:(?<=\b(?:tcp|udp)[ /])|:)?(0(?=\s?[-–—]\s?\d)|\d{2,5})(?:\s?(?:-|–|—|‑|\.\.|\bto\b|\bbis\b)\s?:?(\d{2,5})(?![\w]))?(\+)?(?:\s?\/\s?(tcp|udp))?(?![\w%€$°]|\.\d|-\d)/giu;

/**
 * The ports and intervals in a piece of text that is known to be about ports. What is part of a word, of a version
 * (`3.11.2`), of a date (`2026-04-08`), of an amount (`100 %`) is none.
 */
export function portsIn(text: string): PortText[] {
  const found: PortText[] = [];
  for (const match of text.matchAll(WRITTEN)) {
    const [whole, low = '', high, plus, protocol] = match;
    const start = match.index + whole.indexOf(low);
    // There is no port 0: an interval that is said to begin there begins with 1.
    const from = low === '0' ? 1 : portOf(low);
    if (from === undefined) continue;
    const result: PortText = {
      from: { port: from, offset: start, length: low.length },
      open: plus !== undefined,
      end: match.index + whole.length,
      ...(protocol ? { protocol: protocolOf(protocol) } : {}),
    };
    if (high !== undefined) {
      const to = portOf(high);
      if (to === undefined || to < from) continue;
      const at = match.index + whole.indexOf(high, whole.indexOf(low) + low.length);
      result.to = { port: to, offset: at, length: high.length };
    }
    found.push(result);
  }
  return found;
}
