// Writes the published JSON Schema of portolan.yaml from the schema that checks it. A test tells when it is out of date.
import { mkdirSync, writeFileSync } from 'node:fs';
import { manifestJsonSchema } from '../packages/plan/src/manifest/json-schema.ts';

const folder = new URL('../packages/plan/schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('portolan.schema.json', folder), `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);
