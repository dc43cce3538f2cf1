import { posix } from 'node:path';
import type { Surroundings } from './importer.ts';

/** Whether a compose file mounts a file, or a folder around it, into a container: `./nginx/nginx.conf:/etc/nginx/nginx.conf`. */
export function isMounted(path: string, around: Surroundings): boolean {
  return around.composeFiles().some((file) => {
    const text = around.text(file);
    if (text === undefined) return false;
    const written: string[] = [];
    for (let at = posix.relative(posix.dirname(file), path); /[^./]/.test(at); at = posix.dirname(at))
      written.push(at.startsWith('../') ? at : `./${at}`);
    return written.some((mount) =>
      text
        .split(mount)
        .slice(1)
        .some((rest) => /^(?:$|[\s:"'/])/.test(rest)),
    );
  });
}
