import type { FreePorts } from './api.ts';
import { choosePorts } from './choose.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import { HIGHEST_PORT } from './port.ts';
import { fieldOf, openOn } from './port-field.ts';
import { kernelNotes } from './port-note.ts';

export interface FreeRequest {
  readonly project: string;
  readonly range?: string | undefined;
  readonly count: number;
  readonly order?: 'lowest' | 'spread' | undefined;
}

/** Tests that ports can be bound. @returns those that cannot; `undefined` when nobody could tell */
export type TestBind = (ports: readonly number[]) => Promise<readonly number[] | undefined>;

/** How often one look tests. Mostly once will do, since more ports are tested than are wanted. */
const TESTS_MAX = 4;

/**
 * Ports that a reservation could be given now, and be bound on a host: a look, not a promise.
 *
 * @param host where they are to be bound, if that is known
 * @param test asks the agent of that host about all of them at once; without it what is known of the fleet has to do
 * @throws PortolanError `unknown-range`, `forbidden`
 */
export async function freePorts(
  fleet: Fleet,
  request: FreeRequest,
  host?: Host,
  test?: TestBind,
): Promise<Omit<FreePorts, 'position'>> {
  const { count } = request;
  const wanted = test ? count + Math.ceil(count / 4) + 8 : count;
  const start = Math.random();
  const refused = new Set<number>();
  const bindable = new Set<number>();
  for (let tests = 0; ; tests++) {
    const found = candidates(fleet, { ...request, count: wanted }, { host, refused, start });
    const tell = (ports: readonly number[], probed: boolean) => ({
      ports: ports.slice(0, count),
      field: found.field,
      probed,
      notes: host ? kernelNotes(host, ports.slice(0, count)) : [],
    });
    const good = found.ports.filter((port) => bindable.has(port));
    const isAll = good.length >= count || good.length === found.ports.length;
    if (test && tests > 0 && (isAll || tests === TESTS_MAX)) return tell(good, true);
    const unsure = found.ports.filter((port) => !bindable.has(port));
    const answer = unsure.length > 0 ? await test?.(unsure) : undefined;
    if (!answer) return tell(found.ports, false);
    for (const port of answer) refused.add(port);
    for (const port of unsure) if (!refused.has(port)) bindable.add(port);
  }
}

function candidates(
  fleet: Fleet,
  { project, range, order = 'lowest', count }: FreeRequest,
  { host, refused, start }: { host: Host | undefined; refused: ReadonlySet<number>; start: number },
): { ports: number[]; field: string } {
  const { use } = fleet;
  const field = openOn(host, fieldOf(fleet, { project, ...(range !== undefined && { range }), order }));
  const { intervals, avoid, name } = field;
  const wish = { count: 1, maxAttempts: HIGHEST_PORT, intervals, avoid, order, start, wanted: count };
  for (const port of refused) use.add(port);
  const choice = choosePorts(wish, { taken: use.taken, obstacle: () => null });
  for (const port of refused) use.remove(port);
  return { ports: choice.ok ? choice.candidates : [], field: name };
}
