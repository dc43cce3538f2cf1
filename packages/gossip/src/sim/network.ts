import type { Address, Measure, Receiver, Transport } from '../transport.ts';
import type { Schedule } from './schedule.ts';

export interface NetworkOptions {
  readonly schedule: Schedule;
  readonly random: () => number;
  /** One way, ms; asked for each packet. */
  readonly latency: () => number;
}

/** What carries nothing, from a host to a host. */
export type Cut = (from: string, to: string) => boolean;

/** A network of virtual time that loses, delays and cuts off. A host has one node. */
export class Network {
  /** Share of packets that get lost, in [0, 1]. Streams are only slowed down by it: their kernel sends again. */
  loss = 0;
  cut: Cut = () => false;
  /** Told of each packet that a host has sent. */
  tap: (from: string, to: string) => void = () => {};
  readonly #options: NetworkOptions;
  readonly #hosts = new Map<string, Host>();
  #resolved = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Binds an address; who was there before is gone without a word. */
  attach(address: Address): Transport {
    const host = new Host(address, this, this.#options.schedule);
    this.#hosts.get(address.host)?.shut();
    this.#hosts.set(address.host, host);
    return host;
  }

  /** Takes a host off: nothing leaves or reaches it any more, and nobody is told. */
  detach(host: string): void {
    this.#hosts.get(host)?.shut();
    this.#hosts.delete(host);
  }

  /** Holds all that a host sends and receives, while its timers go on. */
  freeze(host: string): void {
    const frozen = this.#hosts.get(host);
    if (frozen && !frozen.held) frozen.held = { inbox: [], outbox: [] };
  }

  /** Lets go of all that has piled up. */
  thaw(host: string): void {
    const frozen = this.#hosts.get(host);
    if (!frozen?.held) return;
    const { inbox, outbox } = frozen.held;
    frozen.held = null;
    for (const call of [...inbox, ...outbox]) call();
  }

  /** True once after promises were settled: those who wait for them are to run before time goes on. */
  takeResolved(): boolean {
    const resolved = this.#resolved;
    this.#resolved = false;
    return resolved;
  }

  resolved(): void {
    this.#resolved = true;
  }

  packet(bytes: Uint8Array, from: Address, to: Address): void {
    if (this.#options.random() >= this.loss) this.#carry(from, to, (receiver) => receiver.packet(bytes, from));
    this.tap(from.host, to.host);
  }

  /**
   * Opens a stream, gives the request, and carries the answer back: two ways there, one for the connection.
   *
   * @param answered told what the other said, or null when it only closed
   */
  stream(bytes: Uint8Array, from: Address, to: Address, answered: (bytes: Uint8Array | null) => void): void {
    const slower = 1 / (1 - Math.min(this.loss, 0.9));
    const legs = Math.ceil(2 * slower);
    this.#carry(
      from,
      to,
      (receiver) => {
        const whole = checkWhole(bytes, receiver.measure());
        const answer = receiver.request(whole, from);
        this.#carry(to, from, () => answered(answer));
      },
      legs,
    );
  }

  /** Whether a connection is refused at once. */
  refuses(from: Address, to: Address): boolean {
    return !this.#hosts.has(to.host) && !this.cut(from.host, to.host);
  }

  #carry(from: Address, to: Address, arrive: (receiver: Receiver) => void, legs = 1): void {
    const { schedule, latency } = this.#options;
    this.#hosts.get(from.host)?.whenOut(() => {
      if (this.cut(from.host, to.host)) return;
      let delay = 0;
      for (let leg = 0; leg < legs; leg++) delay += latency();
      schedule.after(delay, () => {
        const target = this.#hosts.get(to.host);
        target?.whenIn(() => {
          if (target.receiver && !this.cut(from.host, to.host)) arrive(target.receiver);
        });
      });
    });
  }
}

class Host implements Transport {
  readonly address: Address;
  receiver: Receiver | null = null;
  /** What waits while it is frozen. */
  held: { inbox: (() => void)[]; outbox: (() => void)[] } | null = null;
  readonly #network: Network;
  readonly #schedule: Schedule;

  constructor(address: Address, network: Network, schedule: Schedule) {
    this.address = address;
    this.#network = network;
    this.#schedule = schedule;
  }

  receive(receiver: Receiver): void {
    this.receiver = receiver;
  }

  send(packet: Uint8Array, to: Address): void {
    if (this.receiver) this.#network.packet(packet, this.address, to);
  }

  exchange(to: Address, request: Uint8Array, measure: Measure, timeout: number): Promise<Uint8Array> {
    return this.#dial(to, request, timeout, (answer) => {
      if (!answer) throw new Error('the stream ended before its answer was whole');
      const whole = checkWhole(answer, measure);
      if (whole instanceof Error) throw whole;
      return whole;
    });
  }

  deliver(to: Address, request: Uint8Array, timeout: number): Promise<void> {
    return this.#dial(to, request, timeout, () => {});
  }

  async close(): Promise<void> {
    this.shut();
    this.#network.detach(this.address.host);
  }

  shut(): void {
    this.receiver = null;
  }

  whenOut(call: () => void): void {
    if (this.held) this.held.outbox.push(call);
    else call();
  }

  whenIn(call: () => void): void {
    if (this.held) this.held.inbox.push(call);
    else call();
  }

  #dial<Result>(
    to: Address,
    request: Uint8Array,
    timeout: number,
    read: (answer: Uint8Array | null) => Result,
  ): Promise<Result> {
    const network = this.#network;
    return new Promise((resolve, reject) => {
      const settle = (call: () => void) => {
        timer.cancel();
        network.resolved();
        call();
      };
      const timer = this.#schedule.after(network.refuses(this.address, to) ? 0 : timeout, () =>
        settle(() => reject(new Error(`${to.host} does not answer`))),
      );
      network.stream(request, this.address, to, (answer) =>
        settle(() => {
          try {
            resolve(read(answer));
          } catch (error) {
            reject(error as Error);
          }
        }),
      );
    });
  }
}

function checkWhole(bytes: Uint8Array, measure: Measure): Uint8Array | Error {
  try {
    return measure(bytes) === true ? bytes : new Error('the stream ended early');
  } catch (error) {
    return error as Error;
  }
}
