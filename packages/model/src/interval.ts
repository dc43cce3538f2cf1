import type { Interval } from './port.ts';

export function formatInterval({ from, to }: Interval): string {
  return from === to ? String(from) : `${from}-${to}`;
}

export function contains(interval: Interval, port: number): boolean {
  return port >= interval.from && port <= interval.to;
}
