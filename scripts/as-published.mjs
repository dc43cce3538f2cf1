// Makes the manifests of the packages say what they say once they are published: for an image, which is not made from
// packed packages. Changes the tree that it runs in.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
for (const name of readdirSync(packages)) {
  const file = `${packages}/${name}/package.json`;
  const { publishConfig: { access: _access, ...published } = {}, ...manifest } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, `${JSON.stringify({ ...manifest, ...published }, null, 2)}\n`);
}
