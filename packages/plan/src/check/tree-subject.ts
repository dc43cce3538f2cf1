import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { survey } from '../import/survey.ts';
import { parseManifest } from '../manifest/file.ts';
import type { Subject } from './chart.ts';
import type { Live } from './live.ts';
import { subjectFrom } from './subject.ts';

/** For tests: what is to be checked of a tree that is on the disk only for as long as it is read. */
export function subjectOfTree(files: Readonly<Record<string, string>>, live?: Live): Subject {
  const root = mkdtempSync(join(tmpdir(), 'portolan-tree-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const plan = files['portolan.yaml'];
    const written = plan === undefined ? [] : [{ ...parseManifest(plan, 'portolan.yaml'), path: 'portolan.yaml' }];
    return subjectFrom(survey([root], { project: written[0]?.manifest.project ?? 'tree' }), written, live);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
