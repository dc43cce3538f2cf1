import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Address, Measure, Receiver } from '../transport.ts';
import type { AllowList } from './allow-list.ts';
import { Budget } from './budget.ts';
import { plainHost } from './host.ts';
import { Inbox } from './inbox.ts';
import type { Traffic } from './traffic.ts';

/** Bytes of messages that may be on their way in and out by all streams together: a few of the largest. */
const BUDGET = 96 * 2 ** 20;

export interface StreamLimits {
  /** Incoming ones at once; more are closed. One address may have half of them, so that it cannot keep all others out. */
  readonly connections: number;
  /** For a whole incoming exchange, ms. */
  readonly timeout: number;
}

/** The streams of a node: one TCP socket that listens, and the connections made and taken. */
export class Streams {
  readonly address: Address;
  readonly #server: Server;
  readonly #traffic: Traffic;
  readonly #timeout: number;
  readonly #budget = new Budget(BUDGET);
  readonly #open = new Set<Socket>();
  #taken = 0;
  readonly #takenFrom = new Map<string, number>();
  #receiver: Receiver | undefined;
  #closed = false;

  private constructor(server: Server, traffic: Traffic, allow: AllowList, limits: StreamLimits) {
    this.#server = server;
    this.#traffic = traffic;
    this.#timeout = limits.timeout;
    const { address, port } = server.address() as AddressInfo;
    this.address = { host: address, port };
    server.on('connection', (socket) => {
      // Whatever becomes of it: an error without a listener would end the process.
      socket.on('error', () => {});
      const receiver = this.#receiver;
      const host = plainHost(socket.remoteAddress ?? '');
      const hasRoom =
        this.#taken < limits.connections && (this.#takenFrom.get(host) ?? 0) < Math.ceil(limits.connections / 2);
      if (receiver && hasRoom && allow.allows(host)) {
        this.#take(socket, { host, port: socket.remotePort ?? 0 }, receiver);
      } else {
        traffic.streamsRefused++;
        // Not closed in good order: that would look as if all had been read.
        socket.resetAndDestroy();
      }
    });
    // When no file descriptor is left, libuv itself accepts and closes what waits: nothing spins that would have to wait.
    server.on('error', () => traffic.socketErrors++);
  }

  /** @throws Error of the system, such as EADDRINUSE */
  static async listen(at: Address, traffic: Traffic, allow: AllowList, limits: StreamLimits): Promise<Streams> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen({ host: at.host, port: at.port, exclusive: true });
    await once(server, 'listening');
    return new Streams(server, traffic, allow, limits);
  }

  receive(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  async exchange(to: Address, request: Uint8Array, measure: Measure, timeout: number): Promise<Uint8Array> {
    return this.#dial(to, request, timeout, (socket, done, failed) => {
      const inbox = new Inbox(measure, this.#budget);
      socket.on('data', (chunk) => {
        this.#traffic.streamBytesIn += chunk.length;
        try {
          const answer = inbox.add(chunk);
          if (answer) done(answer);
        } catch (error) {
          failed(error as Error);
        }
      });
      socket.once('end', () => failed(new Error(`${name(to)} closed the connection before its answer was whole`)));
      socket.once('close', () => inbox.close());
    });
  }

  /** Resolves when the other side has closed the connection, so it has read all of it. */
  async deliver(to: Address, request: Uint8Array, timeout: number): Promise<void> {
    return this.#dial(to, request, timeout, (socket, done, failed) => {
      socket.end();
      socket.once('data', () => failed(new Error(`${name(to)} refused the message`)));
      socket.once('end', () => done(undefined));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(socket: Socket, from: Address, receiver: Receiver): void {
    this.#traffic.streamsIn++;
    this.#count(from.host, 1);
    this.#open.add(socket);
    const inbox = new Inbox(receiver.measure(), this.#budget);
    const deadline = setTimeout(() => socket.resetAndDestroy(), this.#timeout);
    let answering = 0;
    let finished = false;
    const finish = (message: Uint8Array | Error) => {
      finished = true;
      if (message instanceof Error) this.#traffic.streamsBroken++;
      const answer = receiver.request(message, from);
      if (answer === null || !this.#budget.take(answer.length)) return socket.destroy();
      answering = answer.length;
      this.#traffic.streamBytesOut += answer.length;
      socket.end(answer);
    };
    socket.on('data', (chunk) => {
      this.#traffic.streamBytesIn += chunk.length;
      // Read all the same: what is left unread would reset the connection before the answer has gone.
      if (finished) return;
      try {
        const message = inbox.add(chunk);
        if (message) finish(message);
      } catch (error) {
        finish(error as Error);
      }
    });
    socket.once('end', () => {
      if (finished) return;
      // Whoever connects and says nothing, as health checks do, gets no answer.
      if (inbox.empty) socket.destroy();
      else finish(new Error('the stream ended early'));
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      inbox.close();
      this.#budget.give(answering);
      this.#count(from.host, -1);
      this.#open.delete(socket);
    });
  }

  #count(host: string, more: 1 | -1): void {
    const count = (this.#takenFrom.get(host) ?? 0) + more;
    this.#taken += more;
    if (count > 0) this.#takenFrom.set(host, count);
    else this.#takenFrom.delete(host);
  }

  /** Connects, writes the request and lets `listen` tell the end; the connection is gone afterwards. */
  #dial<Result>(
    to: Address,
    request: Uint8Array,
    timeout: number,
    listen: (socket: Socket, done: (result: Result) => void, failed: (error: Error) => void) => void,
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(new Error('this node has been stopped'));
    const socket = connect({ host: to.host, port: to.port, noDelay: true, allowHalfOpen: true });
    this.#open.add(socket);
    this.#traffic.streamsOut++;
    return new Promise<Result>((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`${name(to)} did not answer within ${timeout} ms`));
        socket.destroy();
      }, timeout);
      socket.once('connect', () => {
        this.#traffic.streamBytesOut += request.length;
      });
      socket.on('error', (error) => reject(new Error(`cannot reach ${name(to)}: ${error.message}`, { cause: error })));
      socket.once('close', () => {
        clearTimeout(deadline);
        this.#open.delete(socket);
        reject(new Error(`the connection to ${name(to)} was closed`));
      });
      socket.write(request);
      const end = <Value>(settle: (value: Value) => void) => {
        return (value: Value) => {
          settle(value);
          socket.destroy();
        };
      };
      listen(socket, end(resolve), end(reject));
    });
  }
}

function name({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
