import { contains, formatEndpoint, SYSTEM_BLOCK } from '@portolan/model';
import { assignments, blocks, cells, listeners, nameOfHost, ranges } from './fleet.ts';
import { cell } from './port-cells.ts';

const IN_THE_WAY = cell.assigned | cell.observed | cell.blocked | cell.resting;

/** Whether nothing that the page knows of stands in the way. */
export function looksFree(port: number): boolean {
  return (cells.bytes[port]! & IN_THE_WAY) === 0;
}

/** Why a port is not to be had, in a few words; `undefined` when nothing is known. */
export function obstacleOn(port: number): string | undefined {
  const byte = cells.bytes[port]!;
  if (byte & cell.blocked) {
    const block = [SYSTEM_BLOCK, ...blocks.all.values()].find((each) => contains(each, port));
    if (block) return `blocked: ${block.reason}`;
    const range = [...ranges.all.values()].find((each) => each.policy === 'blocked' && contains(each, port));
    return `blocked by the range ${range?.name}`;
  }
  if (byte & cell.assigned) {
    const held = assignments.all.get(`assignment/tcp/${port}`) ?? assignments.all.get(`assignment/udp/${port}`);
    return held && `assigned to ${formatEndpoint(held.endpoint)}`;
  }
  if (byte & cell.resting) return 'rests after a lease that ended';
  if (byte & cell.observed) {
    const [row] = listeners.onPort(port, 1);
    if (row === undefined) return 'somebody listens on it';
    const { service, command, host } = listeners.row(row);
    return `${service ?? command ?? 'somebody'} listens on it on ${nameOfHost(host)}`;
  }
  return undefined;
}
