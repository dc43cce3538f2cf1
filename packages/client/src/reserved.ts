import type { ReassertInput, ReleaseRequest, Reservation, Version } from '@portolan/model';
import { PortolanError } from '@portolan/model/plain';
import type { Renewable, RenewalEvent, Renewals } from './renewal.ts';

export interface ReserveOptions {
  /** Renew the lease in the background for as long as the process lives; true unless told otherwise. */
  renewing?: boolean;
  onRenewal?: (event: RenewalEvent) => void;
  /** The ports belong to somebody else now: stop listening on them. */
  onLost?: (error: PortolanError) => void;
  /** The ports could not be given back where nobody awaits that: at the end of an `await using` block, say. */
  onUnreleased?: (error: PortolanError) => void;
  signal?: AbortSignal;
}

/**
 * Ports that this program has. With `await using` they are released at the end of the block. That throws nothing, so that
 * it does not stand in the way of what the block threw: `onUnreleased` is told why ports could not be given back.
 */
export interface Reserved extends AsyncDisposable {
  /** The first port: the only one unless several labels were asked for. */
  readonly port: number;
  /** Label to port. */
  readonly ports: Readonly<Record<string, number>>;
  /** Which instance of the service has them. */
  readonly instance: number;
  /** Fencing token of the grant: show it to whatever must not be written by an earlier holder. */
  readonly token: Version;
  /** `null` for a permanent assignment. */
  readonly lease: { readonly id: string; readonly ttl: number } | null;
  /** The whole answer: how the ports were chosen and what stood in the way. */
  readonly reservation: Readonly<Reservation>;
  /**
   * `late`: not renewed for want of a coordinator, and tried again; the ports may already be somebody else's. `unpromised`:
   * no coordinator was asked (`fallback: 'local'`), so nobody keeps others from the port.
   */
  readonly state: 'held' | 'late' | 'lost' | 'released' | 'unpromised';
  /** Resolves with the reason when the ports are lost to somebody else; never rejects. */
  readonly lost: Promise<PortolanError>;
  /**
   * Gives the ports back at once. To release what is already gone is no error.
   *
   * @throws PortolanError when ports are not given back, such as `fenced` or `unreachable`; called again, it tries again
   */
  release(): Promise<void>;
  /**
   * Leaves the lease to the evidence: it then lasts as long as an agent sees a process listen that was given the port in
   * its environment. For a service that goes on when this program ends.
   */
  handOver(): Promise<void>;
  /** Renews no more, and leaves it at that: the lease is somebody else's. */
  leave(): void;
}

export interface Holding {
  reservation: Reservation;
  /** When it was asked for, by `performance.now()`. */
  since: number;
  options: ReserveOptions;
  renewals: Renewals;
  reassert(claim: ReassertInput): Promise<Reservation>;
  release(request: ReleaseRequest): Promise<unknown>;
  handOver(lease: { id: string; token: Version }): Promise<unknown>;
}

/** What a listener throws is the program's own uncaught error: it is no answer of the coordinator, and stops no renewal. */
function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export function hold({ reservation, since, options, renewals, reassert, release, handOver }: Holding): Reserved {
  const lost = Promise.withResolvers<PortolanError>();
  let state: Reserved['state'] = 'held';
  let asserting: Promise<unknown> | undefined;
  /** Somebody made it permanent meanwhile: it is not this program's to end. */
  let lasting = false;
  /** What is to be given back and was not, from the release on. */
  let unreleased: ReleaseRequest[] = [];

  const renewable: Renewable = {
    grant: () => ({ id: '', ttl: Number.POSITIVE_INFINITY, ...reservation.lease, token: reservation.token }),
    async reassert() {
      const attempt = reassert(claimOf(reservation));
      asserting = attempt.catch(() => {});
      reservation = await attempt;
      if (reservation.lease) return;
      lasting = true;
      renewals.remove(renewable);
      if (state !== 'released') state = 'held';
    },
    notify(event) {
      if (state === 'released') return;
      state = event.outcome === 'lost' || event.outcome === 'late' ? event.outcome : 'held';
      tell(() => options.onRenewal?.(event));
      if (event.outcome !== 'lost') return;
      lost.resolve(event.error);
      tell(() => options.onLost?.(event.error));
    },
  };
  if (reservation.lease && options.renewing !== false) renewals.add(renewable, since);

  /** @returns whether there is anything left to let go of */
  const end = async () => {
    if (state === 'released' || state === 'lost') return false;
    state = 'released';
    renewals.remove(renewable);
    // Else a re-assertion under way could bring the lease back to life after its release.
    await asserting;
    return true;
  };

  const reserved: Reserved = {
    get port() {
      return reservation.port;
    },
    get ports() {
      return reservation.ports;
    },
    get instance() {
      return reservation.assignments[0]?.endpoint.instance ?? 1;
    },
    get token() {
      return reservation.token;
    },
    get lease() {
      return reservation.lease;
    },
    get reservation() {
      return reservation;
    },
    get state() {
      return state;
    },
    lost: lost.promise,
    async release() {
      if (await end()) unreleased = lasting ? [] : grantsOf(reservation);
      const outcomes = await Promise.allSettled(unreleased.map((grant) => release(grant)));
      unreleased = unreleased.filter((_, i) => outcomes[i]!.status === 'rejected');
      const failed = outcomes.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
    },
    async handOver() {
      if ((await end()) && reservation.lease) await handOver({ id: reservation.lease.id, token: reservation.token });
    },
    leave() {
      void end();
    },
    async [Symbol.asyncDispose]() {
      try {
        await reserved.release();
      } catch (error) {
        if (!(error instanceof PortolanError)) throw error;
        options.onUnreleased?.(error);
      }
    },
  };
  return reserved;
}

function grantsOf({ lease, token, assignments }: Reservation): ReleaseRequest[] {
  if (lease) return [{ lease: lease.id, token }];
  return assignments.map(({ protocol, port, token }) => ({ protocol, port, token }));
}

function claimOf({ assignments, ports, token, lease }: Reservation): ReassertInput {
  const [first] = assignments;
  if (!first) throw new TypeError('a reservation without an assignment');
  const { endpoint, protocol, purpose, host, holder, process, requestId } = first;
  return {
    project: endpoint.project,
    service: endpoint.service,
    instance: endpoint.instance,
    protocol,
    ports,
    token,
    lease: lease?.id,
    ttl: lease?.ttl,
    purpose,
    host,
    holder,
    process,
    requestId,
  };
}
