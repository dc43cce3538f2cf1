import { posix } from 'node:path';
import type { Surroundings } from './importer.ts';
import { isGeneric, tellingParts } from './service-name.ts';

/**
 * The folder that an image is most likely built from: the only one with a package or an image of its own that is called as
 * the image is. A name without an owner in front (`nginx`) is one of the public library, unless the service has it, too;
 * `someone/api` may be anybody's.
 *
 * @param image as it is written: `ghcr.io/shop/shop-cart:1.2`
 * @param service what the file calls the service
 */
export function homeOfImage(image: string, service: string, around: Surroundings): string | undefined {
  const [path = ''] = image.split('@');
  const name = posix.basename(path).replace(/:.*$/s, '');
  if (name === '' || name.includes('$')) return undefined;
  if (path.includes('/') ? isGeneric(name) : name !== service) return undefined;
  const called = around.homes().filter((home) => tellingParts(home).at(-1) === name);
  return called.length === 1 ? called[0] : undefined;
}
