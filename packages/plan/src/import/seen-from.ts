import { posix } from 'node:path';
import type { Survey } from './survey.ts';

/**
 * A survey as it is told from a folder above its root: each place and each folder with the way there in front.
 *
 * @param way from that folder to the root of the survey: `trees/shop`
 */
export function seenFrom(way: string, root: string, survey: Survey): Survey {
  const { services, facts, notes } = prefixed({ services: survey.services, facts: survey.facts, notes: survey.notes });
  const files = survey.files.map((file) => ({ ...file, path: posix.join(way, file.path) }));
  return { ...survey, root, services, facts, notes, files };

  function prefixed<T>(value: T): T {
    if (Array.isArray(value)) return value.map(prefixed) as T;
    if (typeof value !== 'object' || value === null) return value;
    const isFolder = 'from' in value && value.from === 'directory';
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        const isPath =
          typeof each === 'string' && (key === 'file' || key === 'directory' || (key === 'name' && isFolder));
        return [key, isPath ? posix.join(way, each) : prefixed(each)];
      }),
    ) as T;
  }
}
