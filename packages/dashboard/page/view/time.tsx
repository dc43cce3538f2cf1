import { signal } from '@preact/signals';

/** Ticks so that "2 minutes ago" stays true. */
const now = signal(Date.now());
const TICK = 10_000;
setInterval(() => {
  now.value = Date.now();
}, TICK);

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const seconds = {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
} as const;
const today = new Intl.DateTimeFormat(undefined, seconds);
const earlier = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', ...seconds });
const DAY = 86_400_000;

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** How long ago, in words; the time in the reader's zone when it is pointed at. */
export function Ago({ at }: { at: string }) {
  const time = new Date(at);
  return (
    <time dateTime={at} title={whole.format(time)}>
      {agoText(time.getTime(), Math.max(now.value, time.getTime()))}
    </time>
  );
}

/** The time in the reader's zone. */
export function At({ at }: { at: string }) {
  return (
    <time dateTime={at} title={whole.format(new Date(at))}>
      {clock.format(new Date(at))}
    </time>
  );
}

/** To the second and with its zone, in the reader's; the day only where it may be another. */
export function Moment({ at }: { at: string }) {
  const time = new Date(at);
  const format = now.value - time.getTime() < DAY / 2 ? today : earlier;
  return (
    <time dateTime={at} title={whole.format(time)}>
      {format.format(time)}
    </time>
  );
}

export function agoText(then: number, at: number): string {
  const seconds = Math.round((at - then) / 1000);
  if (seconds < 45) return 'just now';
  for (const [unit, size] of units) {
    if (seconds >= size * 0.9) return relative.format(-Math.round(seconds / size), unit);
  }
  return relative.format(-1, 'minute');
}

export function untilText(then: string): string {
  const seconds = Math.round((Date.parse(then) - Date.now()) / 1000);
  return seconds <= 0 ? 'now' : `in ${seconds} s`;
}
