import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { addressBytes, isLinkLocal, isUnspecified } from '@portolan/model';

/** Where the metadata service of a cloud answers, besides the link-local addresses. */
const METADATA = addressBytes('fd00:ec2::254')!.join();

export interface Posted {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** Finds the addresses of a name, all of them. */
export type Resolve = (
  name: string,
  options: { all: true },
  found: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Posts to a receiver. The connection goes to the very addresses that were looked at, so a name cannot be resolved to
 * something else in between.
 *
 * @throws Error when it cannot be reached, or its address is none that a webhook may have
 */
export function post(
  url: string,
  {
    headers,
    body,
    signal,
    resolve = dnsLookup,
  }: { headers: Record<string, string>; body: string; signal: AbortSignal; resolve?: Resolve | undefined },
): Promise<Posted> {
  const { protocol, hostname } = new URL(url);
  // A number is not looked up.
  checkAddress(hostname);
  const request = protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((done, failed) => {
    const length = Buffer.byteLength(body);
    const sent = request(
      url,
      // A line is not kept: the next one may be due in a week.
      {
        method: 'POST',
        headers: { ...headers, 'content-length': length },
        signal,
        agent: false,
        lookup: guarded(resolve),
      },
      (response) => {
        const { statusCode = 0, headers } = response;
        // What it says is of no use, and may be endless.
        response.on('error', () => {});
        response.destroy();
        done({ status: statusCode, headers });
      },
    );
    sent.on('error', failed);
    sent.end(body);
  });
}

/** Looks a name up, and gives nothing when one of its addresses is barred. */
function guarded(resolve: Resolve): LookupFunction {
  return (name, options, found) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      if (error) return found(error, []);
      try {
        for (const { address } of addresses) checkAddress(address);
      } catch (refusal) {
        return found(refusal as Error, []);
      }
      if (options.all) return found(null, addresses);
      const [first] = addresses;
      found(null, first?.address ?? '', first?.family);
    });
  };
}

/** Loopback and private addresses may be: alerts go to tools of one's own. @throws Error */
export function checkAddress(address: string): void {
  if (isUnspecified(address)) {
    throw new Error(`${address} is no address to send to; write 127.0.0.1 for this machine`);
  }
  if (!isLinkLocal(address) && addressBytes(address)?.join() !== METADATA) return;
  throw new Error(
    `its address is ${address}, and nothing is sent to link-local addresses, where clouds tell machines their secrets; name a receiver at another address`,
  );
}
