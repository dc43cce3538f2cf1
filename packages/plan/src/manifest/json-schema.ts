import { z } from 'zod';
import { Manifest } from './schema.ts';

/** The manifest as a JSON Schema, for editors and for checks without Portolan: what may be written, defaults left out. */
export function manifestJsonSchema(): object {
  return z.toJSONSchema(Manifest, { io: 'input', target: 'draft-2020-12' });
}
