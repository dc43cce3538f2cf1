import { formatEndpoint, PortolanError, type ReserveInput, serviceId } from '@portolan/model';
import type { PortolanClient } from './client.ts';
import { fateOf, ownProcess } from './holding-process.ts';
import { newRequestId } from './request-id.ts';
import type { Reserved, ReserveOptions } from './reserved.ts';

/** What a call has, and on which terms. */
export interface Claim {
  readonly reserved: Reserved;
  /** Nobody had the ports before. */
  readonly isNew: boolean;
  /** This call holds them: else somebody did already, who holds on to them. */
  readonly isOwn: boolean;
}

/** How often the holder may change while one call asks. */
const ATTEMPTS_MAX = 10;

/** Leases that calls of this process are letting go of, or have let go of without ending them, by request. */
const given = new Map<string, Promise<unknown>>();

/**
 * Reserves for this very call. A lease that a process which lives holds is not shared: not with another process of this
 * machine, nor with another call of this one. That of a process which has ended passes to this call. What is held
 * elsewhere in the fleet, or by nobody who says so, is as it always was: one service has one port.
 *
 * @throws PortolanError `port-taken` where somebody else here holds the lease
 */
export async function claim(client: PortolanClient, request: ReserveInput, options: ReserveOptions): Promise<Claim> {
  const requestId = newRequestId();
  const wish = { ...request, process: ownProcess(), requestId };
  let succeeds: ReserveInput['succeeds'];
  for (let attempt = 1; ; attempt++) {
    const reserved = await client.reserve({ ...wish, succeeds }, options);
    const { created, lease, assignments } = reserved.reservation;
    const [first] = assignments;
    // Also when an earlier attempt of this request was carried out, and its answer lost.
    if (created || (lease && first?.requestId === requestId)) {
      return { reserved: tracked(reserved, requestId), isNew: created || succeeds === undefined, isOwn: true };
    }
    const holder = lease ? first?.process : undefined;
    const fate = holder ? fateOf(holder) : 'unknown';
    if (fate === 'unknown' || attempt >= ATTEMPTS_MAX) return { reserved, isNew: false, isOwn: false };
    reserved.leave();
    const letGo = given.get(first?.requestId ?? '');
    if (fate === 'lives' || (fate === 'this' && !letGo)) throw held(reserved, fate, holder?.pid);
    await letGo;
    succeeds = holder;
  }
}

/** Notes when the call lets go of its lease, so that the next one of this process may have it. */
function tracked(reserved: Reserved, requestId: string): Reserved {
  const { release, handOver, leave } = reserved;
  const lettingGo = (done: Promise<unknown>) =>
    void given.set(
      requestId,
      done.catch(() => {}),
    );
  const gone = () => given.delete(requestId);
  void reserved.lost.then(gone);
  return Object.assign(reserved, {
    release() {
      const done = release();
      lettingGo(done);
      // What could not be given back is this process's to take.
      done.then(gone, () => {});
      return done;
    },
    handOver() {
      const done = handOver();
      lettingGo(done);
      return done;
    },
    leave() {
      leave();
      lettingGo(Promise.resolve());
    },
  });
}

function held({ port, reservation }: Reserved, fate: 'this' | 'lives', pid: number | undefined): PortolanError {
  const endpoint = reservation.assignments[0]!.endpoint;
  const who =
    fate === 'this'
      ? `this process already holds ${formatEndpoint(endpoint)} on port ${port}: release that first`
      : `${formatEndpoint(endpoint)} is on port ${port}, and process ${pid} of this machine holds it: end that one first`;
  return new PortolanError('port-taken', `${who}, or ask for another instance with instance: 'auto'`, {
    port,
    owner: serviceId(endpoint),
    pid,
  });
}
