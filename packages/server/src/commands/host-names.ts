import { type Fleet, type Host, HostId, hostNameKey, key, PortolanError } from '@portolan/model';
import type { Alternative } from '../store/store.ts';
import { put } from './entries.ts';

/**
 * What a join commits beside its host so that a name is that of one host, and no host's id another's name.
 *
 * Each name has a guard, written when it is given: two that join under it at once cannot both succeed. A host keeps the
 * name that it has; so two of one name, from before this was looked at, both go on, and whoever names them is told that
 * it is ambiguous.
 *
 * A host that is unreachable keeps its name: it may come back, and what names it would be about another machine
 * meanwhile. One that has left is replaced by whoever may forget it (`trusted`): a machine that was installed anew, or a
 * container that was made anew, has a new id and its old name, and its user expects it to join. An agent's own token is
 * not given it, else any agent could have the name of a host whose agent restarts just now.
 *
 * @throws PortolanError `name-taken`
 */
export function nameFor(
  fleet: Fleet,
  host: Pick<Host, 'id' | 'name'>,
  trusted: boolean,
): Pick<Alternative, 'conditions' | 'puts' | 'deletes'> {
  const before = fleet.host(host.id);
  const guard = guardOf(host.name);
  if (before && guardOf(before.name) === guard) return { conditions: [], puts: [], deletes: [] };
  const others = rivalsOf(fleet, host);
  for (const other of others) if (!trusted || other.state !== 'left') throw taken(host, other);
  const guards = new Set(before ? [guard] : [guard, guardOf(host.id)]);
  const hosts = new Set(others.map(({ id }) => id));
  if (host.name !== host.id && HostId.safeParse(host.name).success) hosts.add(host.name);
  const former = [...others.map(({ name }) => name), ...(before ? [before.name] : [])];
  return {
    conditions: [
      ...Array.from(guards, (each) => ({ key: each, version: fleet.version('guard', each) })),
      ...Array.from(hosts, (id) => ({ key: key.host(id), version: fleet.version('host', key.host(id)) })),
    ],
    puts: [put<'guard'>(guard, { by: host.id })],
    deletes: [
      ...others.flatMap(({ id }) => [key.host(id), key.sync(id)]).filter((each) => fleet.has(each)),
      ...new Set(former.flatMap((name) => givenUp(fleet, name))),
    ].filter((each) => each !== guard),
  };
}

/** Those that could be taken for this one: by its name, by an id that is its name, or, where it is new, by a name that is its id. */
function rivalsOf(fleet: Fleet, { id, name }: Pick<Host, 'id' | 'name'>): Host[] {
  const byId = fleet.host(name);
  const alike = [...fleet.hostsLike(name), ...(byId ? [byId] : []), ...(fleet.host(id) ? [] : fleet.hostsLike(id))];
  return [...new Map(alike.map((each) => [each.id, each])).values()].filter((each) => each.id !== id);
}

/** What goes with a name that nobody has any more. */
export function givenUp(fleet: Fleet, name: string): string[] {
  const guard = guardOf(name);
  return fleet.has(guard) ? [guard] : [];
}

/** What two that would have one name, or one id, both write, so that one of them fails. */
export function guardOf(name: string): string {
  return key.guard(`host/${encodeURIComponent(hostNameKey(name))}`);
}

function taken({ id, name }: Pick<Host, 'id' | 'name'>, other: Host): PortolanError {
  const is = other.id === name ? 'has that as its id' : `is called ${other.name}`;
  return new PortolanError(
    'name-taken',
    `host ${id} cannot join as ${name}: host ${other.id} ${is} (${other.state} since ${other.stateSince}). ` +
      `Give this one another name by the option --name of "portolan agent"; if it is the same machine, installed anew, ` +
      `let go of its former entry with "portolan hosts --forget ${other.id}"`,
    { host: id, name, by: other.id, state: other.state },
  );
}
