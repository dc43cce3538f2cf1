import { PortolanError } from '@portolan/model';
import type { Survey } from '../import/survey.ts';
import { draft } from '../manifest/draft.ts';
import { type ManifestFile, mergeManifests } from '../manifest/file.ts';
import { adopt } from './adoption.ts';
import type { Subject } from './chart.ts';
import type { Live } from './live.ts';

/** A manifest that somebody wrote. */
export interface WrittenManifest extends Pick<ManifestFile, 'manifest' | 'place'> {
  /** From the root of the survey on. */
  readonly path: string;
}

/**
 * What is to be checked: a survey beside the manifests that were written for it, or one that is drafted from it. The first
 * manifest tells which project it is about; those of other projects tell what is theirs.
 */
export function subjectFrom(survey: Survey, written: readonly WrittenManifest[], live?: Live): Subject {
  const [first] = written;
  if (!first) {
    return {
      manifest: draft(survey).manifest,
      others: [],
      drafted: true,
      written: () => undefined,
      facts: survey.facts,
      live,
    };
  }
  const { project } = first.manifest;
  const [manifest, ...others] = mergeManifests(written);
  if (!manifest) throw new PortolanError('internal', 'no manifest was merged');
  const own = written.filter((each) => each.manifest.project === project);
  const prefix = first.path.slice(0, first.path.lastIndexOf('/') + 1);
  return {
    manifest,
    others,
    drafted: false,
    written: (path) => {
      for (const { place } of own) {
        const found = place(path);
        if (found) return found;
      }
      return undefined;
    },
    facts: adopt(survey.facts, survey.services, manifest, prefix),
    live,
  };
}
