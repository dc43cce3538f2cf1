import { z } from 'zod';
import type { Host } from './host.ts';
import { contains, formatInterval } from './interval.ts';
import { type Interval, Port } from './port.ts';

/**
 * - `ephemeral`: the kernel of the host may take the port for an outgoing connection while nobody listens on it.
 * - `kernel-reserved`: an operator keeps the port from that, perhaps for something else.
 * - `privileged`: the agent's user may not bind the port, so the agent cannot tell whether somebody else can.
 * - `untested`: the agent was to test the port and did not.
 */
export const portNoteKinds = ['ephemeral', 'kernel-reserved', 'privileged', 'untested'] as const;

/** What is worth knowing of ports that can be had all the same. */
export const PortNote = z
  .object({
    kind: z.enum(portNoteKinds),
    ports: z.array(Port),
    /** Id of the host that it is true for. */
    host: z.string(),
    /** A sentence or two for a person, without the full stop at the end. */
    detail: z.string(),
  })
  .meta({ id: 'PortNote' });
export type PortNote = z.infer<typeof PortNote>;

type Kernel = Pick<Host, 'id' | 'name' | 'ephemeral' | 'kernelReserved'>;

/** What the kernel of a host does with these ports: at most one note of each kind. */
export function kernelNotes(host: Kernel, ports: readonly number[]): PortNote[] {
  const { id, name, ephemeral, kernelReserved = [] } = host;
  const reserved = ports.filter((port) => kernelReserved.some((each) => contains(each, port)));
  const exposed = ports.filter((port) => ephemeral && contains(ephemeral, port) && !reserved.includes(port));
  const notes: PortNote[] = [];
  if (exposed.length > 0) {
    const [lie, they] = exposed.length > 1 ? ['lie', 'them'] : ['lies', 'it'];
    const detail =
      `${formatPortList(exposed)} ${lie} in the ephemeral range of ${name} (${formatInterval(ephemeral!)}): an outgoing ` +
      `connection may take ${they} while nobody listens. Reserve ${they} in the kernel: ${reserving(kernelReserved, exposed)}`;
    notes.push({ kind: 'ephemeral', ports: exposed, host: id, detail });
  }
  if (reserved.length > 0) {
    const are = reserved.length > 1 ? 'are' : 'is';
    const detail =
      `${formatPortList(reserved)} ${are} reserved in the kernel of ${name} (${RESERVED}): ` +
      'make sure that the operator did not reserve it for something else';
    notes.push({ kind: 'kernel-reserved', ports: reserved, host: id, detail });
  }
  return notes;
}

const RESERVED = 'net.ipv4.ip_local_reserved_ports';
/** A longer list is not written out. */
const LIST_MAX = 120;

/** Setting the list replaces it, so what it holds already is repeated. */
function reserving(before: readonly Interval[], ports: readonly number[]): string {
  const list = [...before.map(formatInterval), formatPortList(ports, ',')].join(',');
  if (list.length <= LIST_MAX) return `sysctl -w ${RESERVED}=${list}`;
  return `sysctl -w ${RESERVED}="$(sysctl -n ${RESERVED}),${formatPortList(ports, ',')}"`;
}

/** `41000-41002, 41007` */
export function formatPortList(ports: readonly number[], separator = ', '): string {
  const runs: Interval[] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && port === last.to + 1) last.to = port;
    else runs.push({ from: port, to: port });
  }
  return runs.map(formatInterval).join(separator);
}
