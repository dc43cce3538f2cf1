import { freePort } from '@portolan/client/node';

/** One port for the whole run: workers inherit the environment, and the lease is renewed until the run ends. */
export default async function setUp() {
  globalThis.shared = await freePort();
  process.env.SHARED_PORT = String(globalThis.shared.port);
}
