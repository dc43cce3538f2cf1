import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { addressesOverlap, type BoundAddress } from './address.ts';

const anyV4 = { address: '0.0.0.0', v6only: null };
const loopback = { address: '127.0.0.1', v6only: null };
const loopback2 = { address: '127.0.0.2', v6only: null };
const dual = { address: '::', v6only: false };
const v6only = { address: '::', v6only: true };
const loopback6 = { address: '::1', v6only: false };
const mapped = { address: '::ffff:127.0.0.1', v6only: false };

const sockets = [anyV4, loopback, loopback2, dual, v6only, loopback6, mapped];
/** Rows and columns as in `sockets`; x where the kernel refuses the second of the two. */
const refused = ['xxxx..x', 'xx.x..x', 'x.xx...', 'xxxxxxx', '...xxx.', '...xxx.', 'xx.x..x'];
const pairs = sockets.flatMap((a, row) =>
  sockets.map((b, column) => ({ a, b, overlap: refused[row]?.[column] === 'x' })),
);

describe('addressesOverlap', () => {
  test.each(pairs)('of $a.address (v6only $a.v6only) and $b.address (v6only $b.v6only) is $overlap', (pair) => {
    expect(addressesOverlap(pair.a, pair.b)).toBe(pair.overlap);
  });

  test('takes :: for dual-stack where the system does not tell', () => {
    expect(addressesOverlap({ address: '::', v6only: null }, loopback)).toBe(true);
  });

  test('keeps sockets of two devices apart, and lets one without a device meet them all', () => {
    const eth0 = { address: 'fe80::1%eth0', v6only: null };
    const eth1 = { address: 'fe80::1%eth1', v6only: null };
    expect(addressesOverlap(eth0, eth0)).toBe(true);
    expect(addressesOverlap(eth0, eth1)).toBe(false);
    expect(addressesOverlap(eth0, { address: 'fe80::2%eth0', v6only: null })).toBe(false);
    expect(addressesOverlap(eth0, v6only)).toBe(true);
    expect(addressesOverlap(eth0, anyV4)).toBe(false);
    expect(addressesOverlap({ address: '127.0.0.53%lo', v6only: null }, anyV4)).toBe(true);
  });

  test('knows the wildcard of IPv4 in its IPv6 dress', () => {
    const wildcard = { address: '::ffff:0.0.0.0', v6only: null };
    expect(addressesOverlap(wildcard, loopback2)).toBe(true);
    expect(addressesOverlap(wildcard, loopback6)).toBe(false);
  });
});

const hasIpv6 = (await bind('tcp', loopback6, 0)) !== null;

/** Linux is what the table was measured on; other kernels differ in what SO_REUSEADDR, which Node sets, allows. */
describe.skipIf(process.platform !== 'linux' || !hasIpv6)('the kernel (Linux with IPv6 only)', () => {
  describe.each(['tcp', 'udp'] as const)('over %s', (protocol) => {
    test.each(pairs)('of $a.address ($a.v6only) then $b.address ($b.v6only) refuses: $overlap', async (pair) => {
      expect(await refuses(protocol, pair.a, pair.b)).toBe(pair.overlap);
    });
  });
});

/** A stranger may hold a port on another address, so a refusal counts only when several ports show it. */
async function refuses(protocol: 'tcp' | 'udp', a: BoundAddress, b: BoundAddress): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const outcome = await bind(protocol, a, 0, (port) => bind(protocol, b, port));
    if (outcome !== null) return false;
  }
  return true;
}

/** Binds, runs `meanwhile`, unbinds. `null` when this or what ran meanwhile was refused, else the port. */
async function bind(
  protocol: 'tcp' | 'udp',
  { address, v6only }: BoundAddress,
  port: number,
  meanwhile: (port: number) => Promise<number | null> = async (bound) => bound,
): Promise<number | null> {
  const ipv6Only = v6only === true;
  const socket =
    protocol === 'tcp'
      ? createServer().listen({ host: address, port, ipv6Only, exclusive: true })
      : createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', ipv6Only }).bind({
          address,
          port,
          exclusive: true,
        });
  try {
    await once(socket, 'listening');
    const bound = socket.address();
    return await meanwhile(typeof bound === 'object' && bound !== null ? bound.port : 0);
  } catch (error) {
    if (['EADDRINUSE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return null;
    throw error;
  } finally {
    if (protocol === 'udp' || ('listening' in socket && socket.listening)) {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }
  }
}
