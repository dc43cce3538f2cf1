import type { Survey } from '../import/survey.ts';
import { type Draft, draft } from '../manifest/draft.ts';
import { check } from './check.ts';
import { subjectFrom } from './subject.ts';

const UNDECIDED = 'the plan was drafted from these files, and nobody has said which of them is meant';

/**
 * A draft that says what the files leave open, as well: what a check of the very tree is not sure of, it is not sure of with
 * the written draft either, until somebody decides it. What comes up later counts.
 *
 * @param base from the manifest's folder to the root of the survey
 * @param path of the manifest, from the root of the survey on
 */
export function draftWithDoubts(survey: Survey, base: string, path: string): Draft {
  const drafted = draft(survey, base);
  const before = check(subjectFrom(survey, []));
  const sure = new Set(before.flatMap(({ id, doubt }) => (doubt === undefined ? [id] : [])));
  const doubts = new Map(before.flatMap(({ id, doubt }) => (doubt === undefined ? [] : [[id, doubt] as const])));
  const top = { file: path, line: 1, column: 1, offset: 0, length: 0 };
  const written = { manifest: drafted.manifest, place: () => top, path };
  const unsure = Object.fromEntries(
    check(subjectFrom(survey, [written]))
      .filter(({ id, doubt }) => doubt === undefined && !sure.has(id))
      .map(({ id }) => [id, doubts.get(id) ?? UNDECIDED]),
  );
  return Object.keys(unsure).length === 0 ? drafted : draft(survey, base, unsure);
}
