import { request } from 'node:http';
import { HIGHEST_PORT, type Protocol } from '@portolan/model';
import { canonicalAddress } from './address.ts';

export interface ContainerFacts {
  readonly id: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly published: readonly PublishedPort[];
}

export interface PublishedPort {
  readonly protocol: Protocol;
  /** On the host. */
  readonly address: string;
  readonly port: number;
  readonly containerPort: number;
}

/** Ask a container engine at most this often, ms, unless something unknown turned up. */
const LOOK_AGAIN = 5_000;
/** An engine that did not answer is left alone this long, ms. */
const LEAVE_ALONE = 30_000;
/** A scan waits for the engine no longer than this, ms. */
const ANSWER_WITHIN = 1_000;
const ANSWER_MAX = 16 * 1024 * 1024;

/** The containers that Docker or Podman tell of, over their socket. */
export class Containers {
  readonly #sockets: readonly string[];
  #containers = new Map<string, ContainerFacts>();
  #seen = '[]';
  #notBefore = 0;
  /** `null` while an engine answers, or there is none; else why not. */
  blindSpot: string | null = null;

  /** @param sockets paths of engines' sockets; each is asked, those that do not exist are skipped */
  constructor(sockets: readonly string[]) {
    this.#sockets = sockets;
  }

  byId(id: string): ContainerFacts | null {
    return this.#containers.get(id) ?? null;
  }

  all(): Iterable<ContainerFacts> {
    return this.#containers.values();
  }

  /**
   * @param urgent something turned up that the engine may know of
   * @returns whether the containers changed
   */
  async look(now: number, urgent: boolean): Promise<boolean> {
    if (now < this.#notBefore - (urgent && !this.blindSpot ? LOOK_AGAIN : 0)) return false;
    this.#notBefore = now + LOOK_AGAIN;
    const answers: string[] = [];
    this.blindSpot = null;
    for (const socket of this.#sockets) {
      try {
        answers.push(await ask(socket));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ECONNREFUSED') continue;
        this.#notBefore = now + LEAVE_ALONE;
        const denied = code === 'EACCES' || code === 'EPERM';
        const why = denied ? 'may not be used by this user' : `did not answer (${code ?? message})`;
        this.blindSpot = `containers: ${socket} ${why}`.slice(0, 300);
      }
    }
    const containers = answers.flatMap(readContainers);
    const seen = JSON.stringify(containers);
    if (seen === this.#seen) return false;
    this.#seen = seen;
    this.#containers = new Map(containers.map((container) => [container.id, container]));
    return true;
  }
}

/** Where engines listen: `DOCKER_HOST` if it is a socket, else the usual places of Docker and Podman, with and without root. */
export function engineSockets(environment: NodeJS.ProcessEnv): string[] {
  const named = /^unix:\/\/(.+)$/.exec(environment.DOCKER_HOST ?? environment.CONTAINER_HOST ?? '')?.[1];
  if (named) return [named];
  const runtime = environment.XDG_RUNTIME_DIR;
  const own = runtime ? [`${runtime}/docker.sock`, `${runtime}/podman/podman.sock`] : [];
  return ['/var/run/docker.sock', '/run/podman/podman.sock', ...own];
}

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    const call = request(
      { socketPath, path: '/containers/json', headers: { host: 'localhost' }, signal },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_MAX) call.destroy(new Error('the answer is too long'));
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`HTTP ${response.statusCode}`));
        });
      },
    );
    call.on('error', reject);
    call.end();
  });
}

/** As far as it concerns ports, of what `GET /containers/json` answers. */
interface EngineContainer {
  Id?: string;
  Names?: string[];
  Image?: string;
  Labels?: Record<string, string> | null;
  Ports?: { IP?: string; PrivatePort?: number; PublicPort?: number; Type?: string }[] | null;
}

function readContainers(answer: string): ContainerFacts[] {
  let list: unknown;
  try {
    list = JSON.parse(answer);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return (list as EngineContainer[]).flatMap((container) => {
    if (typeof container?.Id !== 'string') return [];
    return {
      id: container.Id.slice(0, 64),
      name: container.Names?.[0]?.replace(/^\//, '').slice(0, 255) || null,
      image: container.Image?.slice(0, 500) || null,
      labels: container.Labels ?? {},
      published: (container.Ports ?? []).flatMap(readPort),
    };
  });
}

function readPort(port: NonNullable<EngineContainer['Ports']>[number]): PublishedPort[] {
  const { IP = '', PrivatePort: containerPort = 0, PublicPort = 0, Type: protocol } = port;
  if ((protocol !== 'tcp' && protocol !== 'udp') || !isPort(PublicPort) || !isPort(containerPort)) return [];
  const address = canonicalAddress(IP, IP.includes(':') ? 6 : 4);
  return address ? [{ protocol, address, port: PublicPort, containerPort }] : [];
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= HIGHEST_PORT;
}
