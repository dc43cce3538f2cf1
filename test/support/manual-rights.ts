import { readFileSync } from 'node:fs';

/** The password of these users, which needs escaping in a URL. */
export const PASSWORD = 's3c/ret';

/** The rights that docs/redis.md gives a user, as arguments of `ACL SETUSER`. */
export function manualRights(user: 'portolan' | 'watcher'): string[] {
  const manual = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  const line = new RegExp(`^ACL SETUSER (${user} on .*)$`, 'm').exec(manual)?.[1] as string;
  return line.replace('>secret', `>${PASSWORD}`).split(' ');
}
