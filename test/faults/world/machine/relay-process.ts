import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Place } from '../http.ts';
import { Process } from './process.ts';

const PROGRAM = fileURLToPath(new URL('relay.ts', import.meta.url));

/** The way to a coordinator in a network namespace. */
export class Relay extends Process {
  readonly place: Place & { readonly socketPath: string };
  readonly #port: number;

  /** @param port of the coordinator, on the loopback of its namespace */
  constructor(directory: string, name: string, namespace: string, port: number) {
    super({ directory, name, command: [process.execPath, PROGRAM], namespace });
    this.place = { socketPath: join(directory, `${name}.socket`) };
    this.#port = port;
  }

  protected override args(): string[] {
    return [this.place.socketPath, String(this.#port)];
  }

  protected override async isReady(): Promise<boolean> {
    return existsSync(this.place.socketPath);
  }
}
