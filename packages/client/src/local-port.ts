import { DEFAULT_LABEL, type Interval, PortolanError, parseInterval, type ReserveInput } from '@portolan/model';
import type { Reserved } from './reserved.ts';

/** @returns the port that was bound, another one than asked for when that was 0 */
export type Bind = (port: number) => Promise<number>;

/** How many ports of a range are tried. */
const ATTEMPTS_MAX = 100;

/** Whether nobody can be asked: no coordinator answers, or none was ever set up for this user. */
export function isAlone(error: unknown): error is PortolanError {
  if (!(error instanceof PortolanError)) return false;
  return error.code === 'unreachable' || (error.code === 'unauthorized' && error.data.missing === 'token');
}

/**
 * A port that could be bound on this machine a moment ago, without a coordinator: nobody promised it, and others may be
 * given the same one.
 *
 * @param refusal why there is no promise; thrown for what cannot be had without one: several ports, or a range of which only
 *   the name is known
 * @throws PortolanError `port-taken`, `range-exhausted`; what the system says otherwise
 */
export async function localPort(request: ReserveInput, bind: Bind, refusal: PortolanError): Promise<Reserved> {
  const candidates = candidatesFor(request);
  if (!candidates || (request.labels?.length ?? 1) > 1) throw refusal;
  let taken: unknown;
  for (const candidate of candidates) {
    try {
      return unpromised(request, await bind(candidate));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      taken = error;
    }
  }
  const { port } = request;
  throw new PortolanError(
    port === undefined ? 'range-exhausted' : 'port-taken',
    port === undefined
      ? 'no port of the range that was tried can be bound on this machine, and no coordinator answers that knows others'
      : `port ${port} cannot be bound on this machine: something else has it`,
    port === undefined ? {} : { port, owner: null },
    { cause: taken },
  );
}

/** @returns `undefined` for a range that only a coordinator knows */
function candidatesFor({ port, preferred, range, onTaken }: ReserveInput): number[] | undefined {
  if (port !== undefined && onTaken !== 'next') return [port];
  const first = port ?? preferred;
  if (first !== undefined && onTaken === 'fail') return [first];
  const interval = typeof range === 'string' ? parseInterval(range) : range;
  if (range !== undefined && !interval) return undefined;
  return [...(first === undefined ? [] : [first]), ...(interval ? portsOf(interval) : [0])];
}

function portsOf({ from, to }: Interval): number[] {
  return Array.from({ length: Math.min(to - from + 1, ATTEMPTS_MAX) }, (_, i) => from + i);
}

function unpromised(request: ReserveInput, port: number): Reserved {
  const label = request.label ?? request.labels?.[0] ?? DEFAULT_LABEL;
  const ports = { [label]: port };
  let state: Reserved['state'] = 'unpromised';
  const end = async () => {
    state = 'released';
  };
  return {
    port,
    ports,
    instance: typeof request.instance === 'number' ? request.instance : 1,
    token: '0.0',
    lease: null,
    reservation: {
      port,
      ports,
      assignments: [],
      token: '0.0',
      lease: null,
      created: false,
      wasInUse: false,
      obstacle: null,
      attempts: 1,
      probed: true,
      acknowledged: 'nobody',
      position: '',
    },
    get state() {
      return state;
    },
    lost: new Promise(() => {}),
    release: end,
    handOver: end,
    leave: () => void end(),
    [Symbol.asyncDispose]: end,
  };
}
