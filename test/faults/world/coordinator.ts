import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Answer, type AssignmentView, call, type Finding, type LeaseRef, type Place, TOKEN } from './http.ts';
import type { ClockShim } from './machine/clock-shim.ts';
import { Process } from './machine/process.ts';

const PORTOLAN = fileURLToPath(new URL('../../../packages/cli/bin/portolan.js', import.meta.url));

export interface CoordinatorOptions {
  readonly directory: string;
  readonly name: string;
  readonly port: number;
  /** Its store and whatever else of `portolan server`. */
  readonly args: readonly string[];
  readonly clock?: ClockShim;
  readonly namespace?: string;
  /** Where it is asked; its port, unless it runs in a namespace. */
  readonly place?: Place;
}

interface LogLine {
  readonly level: number;
  readonly msg: string;
}

/** `portolan server`, and what is asked of it. */
export class Coordinator extends Process {
  readonly port: number;
  readonly place: Place;
  readonly #args: readonly string[];

  constructor({ directory, name, port, args, place = { port }, ...more }: CoordinatorOptions) {
    const home = join(directory, name);
    const environment = {
      PORTOLAN_TOKEN: TOKEN,
      HOME: home,
      XDG_STATE_HOME: join(home, 'state'),
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_DATA_HOME: join(home, 'data'),
      XDG_RUNTIME_DIR: join(home, 'run'),
      PORTOLAN_STATE_DIR: join(home, 'state'),
      // Compiled code is the same for all of them, and halves the time that each takes to start.
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    };
    super({ directory: home, name, command: [process.execPath, PORTOLAN, 'server'], environment, ...more });
    this.port = port;
    this.place = place;
    this.#args = args;
  }

  protected override args(): string[] {
    return ['--port', String(this.port), '--no-gossip', '--rate-limit', '100000', ...this.#args];
  }

  protected override async isReady(): Promise<boolean> {
    return (await this.readiness()) === 200;
  }

  /** Status of `/readyz`; nothing when it does not answer. */
  async readiness(): Promise<number | undefined> {
    return (await this.call('GET', '/readyz', undefined, 2000)).status;
  }

  call(method: string, path: string, body?: unknown, timeout?: number): Promise<Answer> {
    return call(this.place, method, path, body, timeout);
  }

  /** Of project `p`, in 43000-43099, unless the request says otherwise. */
  reserve(service: string, more: Record<string, unknown> = {}): Promise<Answer> {
    const where = 'port' in more ? {} : { range: '43000-43099' };
    return this.call('POST', '/v1/assignments', { project: 'p', service, ...where, ...more });
  }

  release(what: Record<string, unknown>): Promise<Answer> {
    return this.call('POST', '/v1/assignments/release', what);
  }

  renew(leases: readonly LeaseRef[]): Promise<Answer> {
    return this.call('POST', '/v1/leases/renew', { leases });
  }

  /** All assignments; `position`, or `code` or `error` when it could not say. */
  async assignments({ consistent = true } = {}): Promise<Answer & { items: readonly AssignmentView[] }> {
    const query = `limit=10000${consistent ? '&consistent=true' : ''}`;
    const answer = await this.call('GET', `/v1/assignments?${query}`, undefined, 15_000);
    return { ...answer, items: (answer.body.items ?? []) as readonly AssignmentView[] };
  }

  /** Names of the services that have an assignment. @throws when it does not answer so */
  async services(how?: { consistent: boolean }): Promise<string[]> {
    const { status, items, body, error } = await this.assignments(how);
    if (status !== 200) throw new Error(`${this.name} does not list assignments: ${body.code ?? error}`);
    return items.map(({ endpoint }) => endpoint.service).sort();
  }

  /** That stand. */
  async findings(): Promise<readonly Finding[]> {
    const { body } = await this.call('GET', '/v1/findings?limit=1000');
    return ((body.items ?? []) as readonly Finding[]).filter(({ state }) => state !== 'resolved');
  }

  /** A finding of this kind stands. */
  async hasFinding(kind: string): Promise<boolean> {
    return (await this.findings()).some((finding) => finding.kind === kind);
  }

  /** Names of the services of which a finding says that they lost a port. */
  async toldLost(): Promise<Set<string>> {
    const told = (await this.findings()).filter(({ kind }) => kind === 'lost-assignment');
    return new Set(told.flatMap(({ parties }) => parties[0]?.endpoint?.service ?? []));
  }

  /** The level of acknowledgement that it tells. */
  async level(): Promise<string | undefined> {
    return (await this.call('GET', '/v1/status')).body.acknowledgement;
  }

  async leads(): Promise<boolean> {
    return /^portolan_leader 1$/m.test((await this.call('GET', '/metrics', undefined, 2000)).body.text ?? '');
  }

  /** What it logged as a warning or worse. */
  get warnings(): string[] {
    return this.log.split('\n').flatMap((line) => {
      const { level, msg } = logLine(line);
      return level >= 40 ? [msg] : [];
    });
  }
}

function logLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 0, msg: line };
  }
}
