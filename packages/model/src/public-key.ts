import { z } from 'zod';

/** The public half of an Ed25519 key: 32 bytes in base64url. */
export const PublicKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/, {
  error: 'a public key is 32 bytes in base64url',
});
