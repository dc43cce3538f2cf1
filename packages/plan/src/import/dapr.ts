import { posix } from 'node:path';
import type { Node } from 'yaml';
import type { Fact, NameHint } from '../fact.ts';
import type { Importer } from './importer.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';
import { YamlTree } from './yaml-tree.ts';

/** `dapr.yaml`: the applications that `dapr run -f` starts, and the ports of their sidecars. */
export const dapr: Importer = {
  name: 'dapr',
  matches: (path) => /(?:^|\/)dapr(?:[.-][\w.-]+)?\.ya?ml$/.test(path),
  sizeMax: 1 << 20,
  read: (file) => {
    const yaml = new YamlTree(file);
    const apps = yaml.items(yaml.get(yaml.documents[0], 'apps'));
    return { facts: apps.flatMap((app) => [...appFacts(file, yaml, app)]), notes: yaml.notes };
  },
};

/** The label of each port that an application may have. */
const PORTS = {
  appPort: undefined,
  daprHTTPPort: 'dapr-http',
  daprGRPCPort: 'dapr-grpc',
  metricsPort: 'dapr-metrics',
  profilePort: 'dapr-profile',
} as const;

function* appFacts(file: SourceFile, yaml: YamlTree, app: Node): Generator<Fact> {
  const written = yaml.text(yaml.get(app, 'appDirPath'));
  const path = written === undefined ? undefined : posix.normalize(posix.join(file.directory, written));
  const inTree = path !== undefined && !path.startsWith('..') && !/^(?:\/|~)|\$/.test(written!);
  const id = yaml.written(yaml.get(app, 'appID'));
  const names: NameHint[] = [
    ...(id ? [{ name: id.text, from: 'process' as const }] : []),
    ...(inTree ? [{ name: path.replace(/\/$/, ''), from: 'directory' as const }] : []),
  ];
  if (names.length === 0) return;
  const at = id ?? yaml.written(yaml.get(app, 'appDirPath'))!;
  const about = { importer: 'dapr', names, sure: 'certain' as const };
  yield { kind: 'named', ...about, place: file.place(at.offset, at.text.length) };
  for (const [key, label] of Object.entries(PORTS)) {
    const value = yaml.written(yaml.get(app, key));
    const port = portOf(value?.text ?? '');
    if (!value || port === undefined) continue;
    const place = file.place(value.offset, value.text.length);
    yield { kind: 'binds', by: 'procfile', ...about, port, protocol: 'tcp', place, ...(label ? { label } : {}) };
  }
}
