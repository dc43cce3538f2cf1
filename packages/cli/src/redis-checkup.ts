import { PortolanError } from '@portolan/model';
import type { Check } from './check.ts';
import { plain } from './output.ts';

/**
 * What Portolan can promise on a Redis.
 *
 * @throws PortolanError `invalid-request` without a URL, or for one that cannot be used
 */
export async function checkRedis(url: string | undefined, fleet: string | undefined): Promise<Check[]> {
  if (!url) {
    throw new PortolanError('invalid-request', 'Which Redis? Give --redis a URL, or set PORTOLAN_REDIS.');
  }
  const { adviseOnRedis, surveyRedis } = await import('@portolan/server');
  return adviseOnRedis(await surveyRedis(url, fleet)).map(({ check, level, what, remedy }) => ({
    name: check,
    status: level,
    // Names and reasons come from servers.
    detail: plain(what),
    ...(remedy !== undefined && { remedy }),
  }));
}
