import { connect, type PortolanClient } from '@portolan/client';
import type { Listener } from '@portolan/model';
import { ToldHost, toldListener } from './told-host.ts';

/** Requests under way at once. */
const AT_ONCE = 32;
/** Listeners that come, and that go, in one report. */
const PER_REPORT = 4;
/** How many different services there are. */
const SERVICES = 2_000;

export interface Scale {
  readonly hosts: number;
  /** Of each host. */
  readonly listeners: number;
}

/** A fleet of any size, told through the API as agents would: services spread over hosts, a few ports taken twice. */
export class MadeFleet {
  readonly hosts: readonly ToldHost[];
  readonly #listeners: number;

  constructor(url: string, token: string, { hosts, listeners }: Scale) {
    const client = connect({ url, token, timeout: 60_000 });
    this.#listeners = listeners;
    this.hosts = Array.from({ length: hosts }, (_, i) => {
      const name = `${['harbour', 'mole', 'quay', 'buoy'][i % 4]}-${String(i).padStart(5, '0')}`;
      return new ToldHost(client, `host-${i}`, { name, addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`] });
    });
  }

  /** @param told how many hosts are there by now */
  async begin(told: (done: number) => void = () => {}): Promise<void> {
    let done = 0;
    await atOnce(this.hosts, async (host, i) => {
      await host.begin(Array.from({ length: this.#listeners }, (_, n) => this.#listener(i, n)));
      told(++done);
    });
  }

  /** Assigns ports to services: as many as are asked for. */
  async reserve(client: PortolanClient, count: number): Promise<void> {
    await atOnce(Array.from({ length: count }), (_, i) =>
      client.reserve({
        project: `project-${i % 50}`,
        service: `service-${i}`,
        port: portOf(i),
        ...(i % 3 === 0 && { ttl: 3600 }),
      }),
    );
  }

  /**
   * Lets listeners come and go, evenly, until the signal aborts.
   *
   * @param perSecond changes
   * @returns how many there were
   */
  async churn(perSecond: number, signal: AbortSignal): Promise<number> {
    const started = performance.now();
    let changes = 0;
    let turn = 0;
    while (!signal.aborted) {
      const due = ((performance.now() - started) / 1000) * perSecond - changes;
      const reports = Math.min(AT_ONCE, Math.floor(due / (2 * PER_REPORT)));
      if (reports < 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      await Promise.all(
        Array.from({ length: reports }, () => {
          const at = turn++;
          const host = this.hosts[at % this.hosts.length]!;
          const gone = host.listeners.slice(0, PER_REPORT);
          return host.change(
            gone.map((_, n) => this.#listener(at, this.#listeners + (at % 97) + n)),
            gone,
          );
        }),
      );
      changes += 2 * PER_REPORT * reports;
    }
    return changes;
  }

  #listener(host: number, n: number): Listener {
    const service = (host * this.#listeners + n * 7) % SERVICES;
    return toldListener(`project-${service % 50}/service-${service}`, portOf(service), {
      address: n % 3 === 0 ? '127.0.0.1' : '0.0.0.0',
    });
  }
}

/** Each service has its own port, below those that kernels choose. */
function portOf(service: number): number {
  return 2_000 + 13 * service;
}

async function atOnce<T>(items: readonly T[], act: (item: T, index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next++;
      await act(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
