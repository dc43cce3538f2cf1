import type { PortolanClient } from '@portolan/client';
import { type HostInfo, type Listener, listenerFingerprint, listenerId, SetDigest } from '@portolan/model';

/** What one report takes. */
const REPORT_MAX = 1_500;

/** A host of which a test tells, as its agent would. */
export class ToldHost {
  readonly id: string;
  readonly info: HostInfo;
  readonly #client: PortolanClient;
  readonly #listeners = new Map<string, Listener>();
  readonly #digest = new SetDigest();
  #seq = 0;

  constructor(client: PortolanClient, id: string, info: Partial<HostInfo> = {}) {
    this.#client = client;
    this.id = id;
    this.info = {
      name: id,
      addresses: [],
      platform: 'linux x64',
      agentVersion: '0.1.0',
      ephemeral: { from: 32_768, to: 60_999 },
      blindSpots: [],
      ...info,
    };
  }

  get listeners(): readonly Listener[] {
    return [...this.#listeners.values()];
  }

  /** Joins, and tells of its first listeners. */
  async begin(listeners: readonly Listener[]): Promise<void> {
    await this.#client.join(this.id, this.info);
    await this.#tell(listeners.slice(0, REPORT_MAX), [], null);
    for (let from = REPORT_MAX; from < listeners.length; from += REPORT_MAX) {
      await this.change(listeners.slice(from, from + REPORT_MAX), []);
    }
  }

  /** Tells that some came and some went. */
  change(puts: readonly Listener[], deletes: readonly Listener[]): Promise<void> {
    return this.#tell(puts, deletes, this.#seq);
  }

  leave(): Promise<unknown> {
    return this.#client.leave(this.id);
  }

  async #tell(puts: readonly Listener[], deletes: readonly Listener[], previous: number | null): Promise<void> {
    for (const listener of [...deletes, ...puts]) {
      const id = listenerId(listener);
      const before = this.#listeners.get(id);
      if (before) this.#digest.toggle(listenerFingerprint(before));
      this.#listeners.delete(id);
    }
    for (const listener of puts) {
      this.#listeners.set(listenerId(listener), listener);
      this.#digest.toggle(listenerFingerprint(listener));
    }
    this.#seq++;
    const { status } = await this.#client.report(this.id, {
      seq: this.#seq,
      previous,
      puts: [...puts],
      deletes: deletes.map(listenerId),
      digest: this.#digest.toString(),
    });
    if (status !== 'accepted') throw new Error(`the report of ${this.id} was answered with ${status}`);
  }
}

let sockets = 100_000;

/** A listener with what is not said filled in. */
export function toldListener(
  service: string | null,
  port: number,
  over: Partial<Listener> & { command?: string; pid?: number } = {},
): Listener {
  const { command = service?.split('/')[1] ?? 'python3', pid = 1_000 + (sockets % 30_000), ...rest } = over;
  return {
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: String(sockets++),
    process: {
      pid,
      startedAt: 1_795_000_000_000,
      uid: 1000,
      user: 'deploy',
      command,
      commandLine: `${command} --port ${port}`,
      cwd: service === null ? '/home/ada' : `/srv/${service}`,
    },
    container: null,
    identity:
      service === null
        ? null
        : {
            service,
            label: null,
            instance: null,
            evidence: { kind: 'systemd', detail: `${service.split('/')[1]}.service` },
          },
    since: new Date(Date.now() - 3_600_000 * (1 + (port % 90))).toISOString(),
    ...rest,
  };
}
