import { isIP } from 'node:net';
import { isLoopback, PortolanError } from '@portolan/model';

export interface NameRules {
  /** The address that the coordinator listens on. */
  readonly bound: string;
  /** Further names that it is reached by. */
  readonly hosts: readonly string[];
  /** Pages of these origins may read and open streams: `https://ports.example.net`. */
  readonly origins: readonly string[];
}

/**
 * Tells whether a request was meant for this coordinator, and came from where it may come from. A page may point a name
 * of its own at 127.0.0.1 (DNS rebinding), so only known names are answered; and a browser opens WebSockets across
 * origins without asking, so only known origins are.
 */
export class NameCheck {
  readonly #names: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #anyAddress: boolean;
  /** Host headers that were let through: each connection says the same one again and again. */
  readonly #known = new Set<string>();

  constructor({ bound, hosts, origins }: NameRules) {
    this.#names = new Set(['localhost', bound, ...hosts].map((name) => name.toLowerCase()));
    this.#origins = new Set(origins);
    // Bound to all of them, it does not know what addresses lead to it. Rebinding needs a name, so none does harm.
    this.#anyAddress = bound === '0.0.0.0' || bound === '::';
  }

  /** @throws PortolanError `misdirected` */
  checkHost(host: string | undefined): void {
    if (host !== undefined && this.#known.has(host)) return;
    const name = nameOf(host);
    if (name === undefined || !this.#answersTo(name)) {
      throw new PortolanError(
        'misdirected',
        host === undefined
          ? 'the request names no host'
          : `this coordinator does not answer to the name ${JSON.stringify(host.slice(0, 100))}; if it should, start it with --allow-host`,
      );
    }
    if (this.#known.size < 1_000) this.#known.add(host as string);
  }

  /**
   * @param origin of the page that asks; programs that are not browsers say none
   * @throws PortolanError `forbidden`
   */
  checkOrigin(origin: string | undefined, host: string | undefined, secure: boolean): void {
    if (origin === undefined || this.#origins.has(origin)) return;
    const url = URL.parse(origin);
    // Behind a proxy that ends TLS the page is of https and the request is not.
    const scheme = url?.protocol === 'https:' || (url?.protocol === 'http:' && !secure);
    // An origin that a browser says is nothing but scheme, host and port.
    if (scheme && url?.origin === origin.toLowerCase() && url.host === host?.toLowerCase()) return;
    throw new PortolanError(
      'forbidden',
      `a page of ${JSON.stringify(origin.slice(0, 100))} may not use this coordinator; if it should, start it with --allow-origin`,
    );
  }

  #answersTo(name: string): boolean {
    if (this.#names.has(name)) return true;
    return isLoopback(name) || (this.#anyAddress && isIP(name) !== 0);
  }
}

/** @returns the name or address of a Host header, without port and brackets; `undefined` when it is none */
function nameOf(host: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@?#]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
