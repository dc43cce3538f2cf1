import type { Assignment } from './assignment.ts';
import { formatEndpoint, parseEndpoint } from './identity.ts';
import { Port, Protocol } from './port.ts';
import { HoldingProcess } from './process.ts';

/**
 * What a process is told of its ports through its environment, and an agent reads there as evidence of who it is:
 * `PORTOLAN_ENDPOINTS` with each port by its endpoint, `PORTOLAN_LEASE` with the id of the lease, if there is one, and
 * `PORTOLAN_HOLDER` with the process that holds the ports for it, as `portolan run` does.
 */
export const ENDPOINTS_VARIABLE = 'PORTOLAN_ENDPOINTS';
export const LEASE_VARIABLE = 'PORTOLAN_LEASE';
export const HOLDER_VARIABLE = 'PORTOLAN_HOLDER';
export const givenVariables = [ENDPOINTS_VARIABLE, LEASE_VARIABLE, HOLDER_VARIABLE] as const;

/** What became of the process that holds ports for another. */
export const holderStates = ['alive', 'gone'] as const;
export type HolderState = (typeof holderStates)[number];

/** A port with the endpoint that it was given to. */
export type GivenPort = Pick<Assignment, 'endpoint' | 'protocol' | 'port'>;

/** `mana/mana-sync:api=3050/tcp,mana/mana-sync:health=3051/tcp` */
export function formatGivenPorts(given: readonly GivenPort[]): string {
  return given.map(({ endpoint, protocol, port }) => `${formatEndpoint(endpoint)}=${port}/${protocol}`).join(',');
}

/** Reads what `formatGivenPorts` writes. What is not written so is left out: anybody can set a variable. */
export function parseGivenPorts(text: string): GivenPort[] {
  return text.split(',').flatMap((part) => {
    const [, written = '', number, name] = /^([^=]+)=(\d{1,5})\/(\w+)$/.exec(part) ?? [];
    const endpoint = parseEndpoint(written);
    const port = Port.safeParse(Number(number)).data;
    const protocol = Protocol.safeParse(name).data;
    return endpoint && port && protocol ? [{ endpoint, protocol, port }] : [];
  });
}

/** `4711.1764543210120.5f0c…`: pid, start time and pid namespace. @returns `undefined` when its namespace is not known */
export function formatHolder({ pid, startedAt, namespace }: HoldingProcess): string | undefined {
  return namespace && `${pid}.${startedAt}.${namespace}`;
}

/** Reads what `formatHolder` writes. */
export function parseHolder(text: string): HoldingProcess | undefined {
  const [, pid, startedAt, namespace] = /^([1-9]\d{0,9})\.(\d{1,16})\.([\da-f]{1,64})$/.exec(text) ?? [];
  return HoldingProcess.safeParse({ pid: Number(pid), startedAt: Number(startedAt), namespace }).data;
}
