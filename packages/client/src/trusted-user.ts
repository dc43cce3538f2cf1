import { readFile } from 'node:fs/promises';

/** What the kernel shows for users that this process's user namespace has no number for. */
const NOBODY_HERE = 65_534;
const LOOKUP_TIMEOUT = 2_000;

/** Names a whole list of users: whoever holds the coordinator's port is shown the token. */
const ANYBODY = '*';

/** Whether `PORTOLAN_TRUST_USER` says not to look at all. */
export function trustsAnybody(environment: NodeJS.ProcessEnv = process.env): boolean {
  return named(environment).includes(ANYBODY);
}

/**
 * Whether a token may be shown to what runs as this user: this process's own user, root, who called `sudo`, and those that
 * `PORTOLAN_TRUST_USER` names (names or numbers, parted by commas).
 */
export async function isTrusted(uid: number, environment: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const own = process.geteuid?.();
  const list = named(environment);
  if (list.includes(String(uid))) return true;
  const usual = [own, 0, ...(own === 0 && environment.SUDO_UID ? [Number(environment.SUDO_UID)] : [])];
  // In a user namespace this number stands for all users outside of it, too.
  if (usual.includes(uid) && (uid !== NOBODY_HERE || (await seesAllUsers()))) return true;
  for (const name of list) if (!/^\d+$/.test(name) && (await account(name))?.uid === uid) return true;
  return false;
}

/**
 * How to have a user trusted that is not: `PORTOLAN_TRUST_USER=` what, and why what it says now does not do.
 *
 * @returns `{ value: 'ada,nobody', why: 'PORTOLAN_TRUST_USER=ada was read, and names somebody else' }`
 */
export async function trustAdvice(
  user: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ value: string; why?: string }> {
  const list = named(environment);
  if (list.length === 0) return { value: user };
  const known = await Promise.all(list.map(async (name) => /^\d+$/.test(name) || (await account(name)) !== undefined));
  const value = [...list.filter((_, i) => known[i]), user].join(',');
  const slips = list.filter((_, i) => !known[i]).map((name) => `"${name}"`);
  const names = slips.length > 0 ? `no user here is called ${slips.join(', ')}` : 'it names somebody else';
  return { value, why: `PORTOLAN_TRUST_USER=${list.join(',')} was read, but ${names}` };
}

/** `nobody`, or the number of a user without a name. */
export async function userName(uid: number): Promise<string> {
  return (await account(String(uid)))?.name ?? String(uid);
}

function named(environment: NodeJS.ProcessEnv): string[] {
  return (environment.PORTOLAN_TRUST_USER ?? '').split(',').flatMap((each) => each.trim() || []);
}

/** @param key a name or a number */
async function account(key: string): Promise<{ name: string; uid: number } | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const matches = ([name, , uid]: string[]) => name === key || uid === key;
  const line = lines.map((each) => each.split(':')).find(matches) ?? (await asked(key));
  return line?.[0] && line[2] ? { name: line[0], uid: Number(line[2]) } : undefined;
}

/** Users that stand in no file: of a directory, or of a systemd service. */
async function asked(key: string): Promise<string[] | undefined> {
  if (key.startsWith('-')) return undefined;
  // Loaded only now: each command would wait for it.
  const { execFile } = await import('node:child_process');
  return new Promise((resolve) => {
    execFile('getent', ['passwd', key], { timeout: LOOKUP_TIMEOUT }, (error, stdout) => {
      resolve(error ? undefined : stdout.trim().split(':'));
    });
  });
}

async function seesAllUsers(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  return /^\s*0\s+0\s+4294967295\s*$/.test(map);
}
