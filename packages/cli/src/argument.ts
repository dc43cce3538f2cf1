import {
  Grace,
  type Interval,
  Name,
  Port,
  PortolanError,
  parseInterval,
  ServiceId,
  TOKEN_TTL_MAX,
  TTL_MAX,
  TTL_MIN,
} from '@portolan/model';
import { InvalidArgumentError } from 'commander';
import { ownProject } from './own-service.ts';

/** Options and arguments as they are written, read once; each throws InvalidArgumentError with what is wanted. */

export function port(text: string): number {
  const parsed = /^\d+$/.test(text) ? Port.safeParse(Number(text)) : undefined;
  if (!parsed?.success) throw new InvalidArgumentError('A port is a whole number from 1 to 65535.');
  return parsed.data;
}

/** As `port`; 0 leaves the choice to the system. */
export function listenPort(text: string): number {
  return text === '0' ? 0 : port(text);
}

export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number of at least 1.');
  return Number(text);
}

export function interval(text: string): Interval {
  const parsed = parseInterval(text);
  if (!parsed) throw new InvalidArgumentError('Ports are written 3000-3010, or 3000 for one.');
  return parsed;
}

/** `project/service`, whole. */
export function serviceId(text: string): ServiceId {
  const parsed = ServiceId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('It is written project/service, as "portolan ls" shows it.');
}

export function oneOf<const T extends string>(...allowed: T[]): (text: string) => T {
  return (text) => {
    if (!(allowed as string[]).includes(text)) throw new InvalidArgumentError(`Allowed are ${allowed.join(', ')}.`);
    return text as T;
  };
}

/** Collects origins, each as a browser writes it: `https://ports.example.net`. */
export function origin(text: string, before: string[] = []): string[] {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== text.replace(/\/$/, '').toLowerCase()) {
    throw new InvalidArgumentError('An origin is written https://name or https://name:port.');
  }
  return [...before, url.origin];
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `60`, `60s`, `5m`, `2h`, `1d`. @returns seconds, within the bounds of a lease */
export function duration(text: string): number {
  const seconds = secondsOf(text);
  if (seconds >= TTL_MIN && seconds <= TTL_MAX) return seconds;
  throw new InvalidArgumentError(`A time to live is written 60s, 5m or 2h, from ${TTL_MIN} s to ${TTL_MAX / 3600} h.`);
}

/** `5`, `5s`, `1m`. @returns seconds, as long as a process may be given to end by itself */
export function graceTime(text: string): number {
  const seconds = secondsOf(text);
  if (Grace.safeParse(seconds).success) return seconds;
  throw new InvalidArgumentError('A time to end by itself is written 0, 5s or 1m, up to a minute.');
}

/** `30d`, `12h`. @returns seconds, within the life of a token */
export function lifetime(text: string): number {
  const seconds = secondsOf(text);
  if (seconds >= 1 && seconds <= TOKEN_TTL_MAX) return seconds;
  throw new InvalidArgumentError('A life is written 12h, 30d or 365d, up to ten years.');
}

/** @returns NaN for what is no length of time */
function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  return match ? Number(match[1]) * SECONDS[(match[2] || 's') as keyof typeof SECONDS] : Number.NaN;
}

export interface ServiceArgument {
  project: string;
  service: string;
  labels: string[];
}

/**
 * Reads `project/name`, `name`, `project/name:api` or `project/name:api,health`. A bare name takes its project from
 * where the command is run; see `ownProject`.
 */
export function serviceArgument(text: string, directory = process.cwd(), environment = process.env): ServiceArgument {
  const [id = '', ...labels] = text.split(/[:,]/);
  const slash = id.indexOf('/');
  const service = id.slice(slash + 1);
  const project = slash >= 0 ? id.slice(0, slash) : ownProject(directory, environment);
  if (project === undefined) {
    throw new PortolanError(
      'invalid-request',
      `The project of "${text}" is not known: this is no git repository and PORTOLAN_PROJECT is not set. Write project/${text}.`,
    );
  }
  for (const name of [project, service, ...labels]) {
    const parsed = Name.safeParse(name);
    if (!parsed.success) {
      throw new PortolanError(
        'invalid-request',
        `"${text}" is no service: write project/name, or project/name:label,label. "${name}" will not do: ` +
          `${parsed.error.issues[0]?.message}.`,
      );
    }
  }
  return { project, service, labels };
}
