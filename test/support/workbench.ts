import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './port.ts';
import { Program } from './program.ts';

export const PORTOLAN = fileURLToPath(new URL('../../packages/cli/bin/portolan.js', import.meta.url));

export interface Where {
  /** The host that it runs on; without it, where the test runs. */
  readonly on?: { exec(command: string, args: readonly string[], options: SpawnOptions): ChildProcess } | undefined;
  readonly directory?: string;
  /** Over the workbench's own. */
  readonly environment?: Record<string, string>;
  /** `pipe`: one on which nothing comes, nor its end while the test lives. */
  readonly stdin?: 'ignore' | 'pipe';
}

export interface Coordinator {
  readonly program: Program;
  readonly url: string;
}

/**
 * A directory and the processes that work in it: all of them are gone after `clear`, and at the latest when the process
 * of the test ends.
 */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), 'portolan-e2e-'));
  readonly token = 'ptn_of_a_test_0123456789abcdefghij';
  readonly #programs = new Set<Program>();
  readonly #abandon = () => this.#remove();

  constructor() {
    process.on('exit', this.#abandon);
  }

  run(command: string, args: readonly string[], { on, directory, environment, stdin = 'ignore' }: Where = {}): Program {
    const options: SpawnOptions = {
      cwd: directory ?? this.directory,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: this.directory,
        NO_COLOR: '1',
        PORTOLAN_STATE_DIR: join(this.directory, 'state'),
        ...environment,
      },
      stdio: [stdin, 'pipe', 'pipe'],
    };
    const child = on ? on.exec(command, args, options) : spawn(command, args, options);
    const program = new Program(child);
    this.#programs.add(program);
    child.once('exit', () => this.#programs.delete(program));
    return program;
  }

  /** The `portolan` command; it knows the token of this workbench, unless the environment names another. */
  portolan(args: readonly string[], where: Where = {}): Program {
    const environment = { PORTOLAN_TOKEN: this.token, ...where.environment };
    return this.run(process.execPath, [PORTOLAN, ...args], { ...where, environment });
  }

  /** `portolan server`, ready. On any free port unless the arguments name one. */
  async coordinator(args: readonly string[], where: Where = {}): Promise<Coordinator> {
    // Of its own, so that it can be started again on the same.
    const port = String(await freePort());
    const program = this.portolan(['server', '--port', port, '--log-level', 'warn', '--json', ...args], where);
    const [line] = await program.says(/\{"ready":true.*\}/);
    return { program, url: JSON.parse(line).url };
  }

  /** `portolan agent`, ready, for a host whose id and name are the same. */
  async agent(url: string, name: string, args: readonly string[], where: Where = {}): Promise<Program> {
    const environment = { PORTOLAN_STATE_DIR: join(this.directory, name), ...where.environment };
    const own = ['agent', '--url', url, '--host-id', name, '--name', name, '--log-level', 'warn', '--json'];
    const program = this.portolan([...own, ...args], { ...where, environment });
    await program.says(/\{"ready":true.*\}/);
    return program;
  }

  /**
   * A service with a package of its own, that listens.
   *
   * @returns its program, and when it began to listen, milliseconds since 1970
   */
  async service(
    name: string,
    port: number,
    { address = '0.0.0.0', ...where }: Where & { address?: string } = {},
  ): Promise<{ program: Program; since: number }> {
    const directory = join(this.directory, name);
    if (!existsSync(directory)) {
      mkdirSync(directory);
      writeFileSync(join(directory, 'package.json'), JSON.stringify({ name }));
      writeFileSync(join(directory, 'server.js'), SERVICE);
    }
    const program = this.run(process.execPath, ['server.js', address, String(port)], { ...where, directory });
    const [, since] = await program.says(/listening since (\S+)/);
    return { program, since: Number(since) };
  }

  async clear(): Promise<void> {
    await Promise.all(Array.from(this.#programs, (program) => program.end('SIGKILL')));
    process.off('exit', this.#abandon);
    this.#remove();
  }

  #remove(): void {
    for (const { child } of this.#programs) child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const SERVICE = `
const [address, port] = process.argv.slice(2);
require('node:net').createServer().listen(Number(port), address, () => {
  console.log('listening since ' + Date.now());
});
`;
