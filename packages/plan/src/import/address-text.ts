import type { NameHint, Refers } from '../fact.ts';
import { portOf } from './port-number.ts';

/** `host:port` in a text, with or without a URL around it. */
export interface AddressText {
  host: string;
  scope: Refers['scope'];
  port: number;
  /** Of the port's digits, in the text that was searched. */
  offset: number;
  length: number;
  /** From the scheme to the end of the path; absent without a scheme. */
  url?: string;
  path: string;
  /** Of the whole, in the text that was searched. */
  start: number;
  end: number;
}

const URLS =
  /\b([a-z][a-z0-9+.-]{1,20}):\/\/(?:[^\s/@"'`<>]{1,200}@)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9_*.-]{1,253}|\$\{?\w{1,60}\}?):(\d{2,5})(?![\w-])([^\s"'`<>)\]}|,;\\]{0,500})/gi;
const LOCAL =
  /(?<![\w./@-])(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|host\.docker\.internal|host\.containers\.internal):(\d{2,5})(?![\w-]|\.\d)(\/[^\s"'`<>)\]}|,;\\]{0,500})?/gi;

/** Hosts that mean the machine one is on, or from inside a container the machine around it. */
export function isLocalHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[?::1?\]?|host\.(docker|containers|minikube)\.internal|172\.17\.0\.1)$/i.test(
    host,
  );
}

/** Hosts that mean all addresses of a machine: one listens there, and connects to none of them. */
export function isAnyHost(host: string): boolean {
  return /^(?:0\.0\.0\.0|\[?::\]?|\*|\+)$/.test(host);
}

/** The addresses in a text, in its order. Linear in its length. */
export function addressesIn(text: string): AddressText[] {
  const found: AddressText[] = [];
  for (const match of text.matchAll(URLS)) {
    const [whole, , host = '', digits = '', path = ''] = match;
    const port = portOf(digits);
    if (port === undefined) continue;
    const rest = path.replace(/[.:!?]+$/, '');
    const offset = match.index + whole.length - path.length - digits.length;
    const end = match.index + whole.length - path.length + rest.length;
    const url = text.slice(match.index, end);
    found.push({
      host,
      scope: scopeOf(host),
      port,
      offset,
      length: digits.length,
      url,
      path: rest,
      start: match.index,
      end,
    });
  }
  const seen = new Set(found.map(({ offset }) => offset));
  for (const match of text.matchAll(LOCAL)) {
    const [whole, host = '', digits = '', path = ''] = match;
    const port = portOf(digits);
    const offset = match.index + host.length + 1;
    if (port === undefined || seen.has(offset)) continue;
    found.push({
      host,
      scope: 'host',
      port,
      offset,
      length: digits.length,
      path,
      start: match.index,
      end: match.index + whole.length,
    });
  }
  return found.sort((a, b) => a.offset - b.offset);
}

/** A name without dots is one of a container network, or of the cluster; one with dots may be anywhere. */
export function scopeOf(host: string): Refers['scope'] {
  if (isLocalHost(host)) return 'host';
  if (/^[a-z0-9_-]+$/i.test(host) || /\.svc(\.|$)/i.test(host)) return 'network';
  return 'unknown';
}

/** The service that a host's name names, when it names one. */
export function namesOfHost(host: string, from: NameHint['from'] = 'host'): NameHint[] {
  if (scopeOf(host) !== 'network') return [];
  return [{ name: host.split('.')[0]!, from }];
}

/** A path under which services tell whether they are well. */
export function isHealthPath(path: string): boolean {
  return /^\/(?:[\w-]{1,40}\/){0,4}(?:health|healthz|healthcheck|health-check|ready|readyz|readiness|live|livez|liveness|ping|status|up|alive)(?:[/?#]|$)/i.test(
    path,
  );
}
