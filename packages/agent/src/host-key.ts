import { join } from 'node:path';
import { createSigningKey, readSigningKey, type SigningKey } from '@portolan/gossip';
import { StoredIdentity } from '@portolan/model';
import { defaultStateDirectory } from './host-identity.ts';
import { keep, readKept } from './kept-file.ts';

const FILE = 'host-key.json';
const Kept = StoredIdentity.omit({ createdAt: true });

/**
 * The key that this host's agent signs with what it says by gossip, kept in the state directory for this user alone. A
 * coordinator hears of its public half when the agent joins. One that cannot be kept is made anew at each start.
 */
export function hostKey(stateDirectory = defaultStateDirectory()): SigningKey {
  const kept = keptKey(stateDirectory);
  if (kept) return kept;
  const fresh = createSigningKey();
  keep(join(stateDirectory, FILE), { publicKey: fresh.publicKey, secret: fresh.secret });
  return fresh;
}

function keptKey(stateDirectory: string): SigningKey | undefined {
  const kept = Kept.safeParse(readKept(join(stateDirectory, FILE))).data;
  try {
    return kept && readSigningKey(kept);
  } catch {
    return undefined;
  }
}
