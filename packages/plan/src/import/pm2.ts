import { posix } from 'node:path';
import type { Binds, Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { commandPorts } from './command-line.ts';
import { reference } from './dotenv.ts';
import type { Importer, Note, Surroundings } from './importer.ts';
import { entryOf, exportedLiteral, jsonLiteral, type Literal, textOf } from './literal-tree.ts';
import { portOf } from './port-number.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

/** PM2's ecosystem files: parsed, never run. */
export const pm2: Importer = {
  name: 'pm2',
  matches: (path) =>
    /(?:^|\/)(?:[\w.-]*ecosystem[\w.-]*\.(?:[cm]?js|json)|(?:pm2|process)(?:\.config)?\.(?:[cm]?js|json))$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => {
    const notes: Note[] = [];
    return { facts: [...processes(file, around, notes)], notes };
  },
};

function* processes(file: SourceFile, around: Surroundings, notes: Note[]): Generator<Fact> {
  const exported = file.name.endsWith('.json') ? jsonLiteral(file) : exportedLiteral(file);
  const unclear = ({ offset }: Literal, text: string) => notes.push({ place: file.place(offset), text });
  if (exported.type === 'unknown') {
    unclear(exported, `what it exports is not known: ${exported.why}. Nothing of it is run`);
    return;
  }
  const apps = exported.type === 'list' ? exported : entryOf(exported, 'apps');
  const list = apps?.type === 'object' ? [apps] : apps?.type === 'list' ? apps.items : [];
  if (apps?.type === 'unknown') unclear(apps, `its list of apps is not known: ${apps.why}`);
  if (apps?.type === 'list' && !apps.complete) unclear(apps, 'some of its apps are only known when it runs');
  for (const app of list) {
    if (app.type === 'unknown') unclear(app, `an app is not known: ${app.why}`);
    if (app.type !== 'object') continue;
    yield* process(file, around, app, unclear);
  }
}

function* process(
  file: SourceFile,
  around: Surroundings,
  app: Extract<Literal, { type: 'object' }>,
  unclear: (at: Literal, text: string) => void,
): Generator<Fact> {
  const name = entryOf(app, 'name');
  const names: NameHint[] = [];
  if (name?.type === 'text') names.push({ name: name.text, from: 'pm2' });
  const directory = directoryOf(file, around, app);
  if (directory !== undefined) names.push({ name: directory, from: 'directory' });
  if (names.length === 0) return;
  const at = name?.type === 'text' ? file.place(name.offset, name.length) : file.place(app.offset);
  yield { kind: 'named', place: at, importer: 'pm2', names, sure: 'certain' };

  const bound = (value: Extract<Literal, { type: 'text' }>, extra: Partial<Binds>): Binds | undefined => {
    const port = portOf(value.text);
    if (port === undefined) return undefined;
    return {
      kind: 'binds',
      by: 'pm2',
      importer: 'pm2',
      names,
      port,
      protocol: 'tcp',
      place: file.place(value.offset, value.length),
      sure: 'certain',
      ...(value.fallback === undefined ? {} : { fallback: true }),
      ...extra,
    };
  };

  const ports = entryOf(app, 'ports');
  for (const { key, value } of ports?.type === 'object' ? ports.entries : []) {
    const fact = value.type === 'text' && bound(value, { label: key });
    if (fact) yield fact;
    else if (value.type === 'unknown') unclear(value, `the port ${key} is not known: ${value.why}`);
  }
  for (const { key: section, value: environment } of app.entries) {
    if (section !== 'env' && !section.startsWith('env_')) continue;
    if (environment.type === 'unknown') unclear(environment, `the environment is not known: ${environment.why}`);
    const variant = section === 'env' ? undefined : (variantOf(section) ?? section.slice(4));
    for (const { key, value } of environment.type === 'object' ? environment.entries : []) {
      const meaning = portVariable(key);
      if (value.type === 'unknown' && meaning?.role === 'own') unclear(value, `${key} is not known: ${value.why}`);
      if (value.type !== 'text') continue;
      const variable = { variable: key, ...(variant ? { variant } : {}) };
      if (meaning?.role === 'own') {
        const fact = bound(value, { ...variable, ...(meaning.label ? { label: meaning.label } : {}) });
        if (fact) yield fact;
      } else if (meaning) {
        const port = portOf(value.text);
        const hint: NameHint = { name: meaning.name, from: 'variable' };
        const shared = {
          importer: 'pm2',
          port: port!,
          protocol: 'tcp' as const,
          place: file.place(value.offset, value.length),
          sure: 'likely' as const,
        };
        if (port !== undefined && meaning.role === 'other') {
          yield {
            kind: 'refers',
            ...shared,
            names: [hint],
            by: names,
            host: '',
            scope: 'unknown',
            why: `the name ${key} is of something connected to`,
          };
        } else if (port !== undefined) {
          yield {
            kind: 'binds',
            by: 'pm2',
            ...shared,
            names: [hint, ...names],
            ...variable,
            why: `by the name ${key}`,
          };
        }
      }
      for (const address of addressesIn(value.text)) yield reference(file, value.offset, address, key, names, 'pm2');
    }
  }
  yield* arguments_(file, entryOf(app, 'args'), bound, textOf(entryOf(app, 'script')) ?? '');
  const instances = entryOf(app, 'instances');
  if (instances?.type === 'text' && /^[1-9]\d*$/.test(instances.text)) {
    yield {
      kind: 'describes',
      what: 'replicas',
      value: instances.text,
      place: file.place(instances.offset, instances.length),
      importer: 'pm2',
      names,
      sure: 'certain',
    };
  }
}

function* arguments_(
  file: SourceFile,
  args: Literal | undefined,
  bound: (value: Extract<Literal, { type: 'text' }>, extra: Partial<Binds>) => Binds | undefined,
  script: string,
): Generator<Binds> {
  if (!args || args.type === 'unknown' || args.type === 'object') return;
  // A list of arguments is read as the command line that it is in the file, with its quotes and commas.
  const from = args.offset;
  const text = args.type === 'text' ? args.text : file.text.slice(from, closing(args, from)).replace(/[[\],]/g, ' ');
  const prefix = `${posix.basename(script) || 'node'} `;
  for (const { port, offset, length, role, label } of commandPorts(prefix + text)) {
    if (role !== 'binds' || offset < prefix.length) continue;
    const value = { type: 'text' as const, text: String(port), offset: from + offset - prefix.length, length };
    const fact = bound(value, label ? { label } : {});
    if (fact) yield fact;
  }
}

function closing(list: Extract<Literal, { type: 'list' }>, from: number): number {
  return list.items.reduce(
    (end, item) => (item.type === 'text' ? Math.max(end, item.offset + item.length + 1) : end),
    from,
  );
}

/** Its `cwd`, else the folder of a package that its script lies in. */
function directoryOf(file: SourceFile, around: Surroundings, app: Literal): string | undefined {
  const cwd = textOf(entryOf(app, 'cwd'));
  const script = textOf(entryOf(app, 'script'));
  const written = cwd ?? (script?.includes('/') ? posix.dirname(script) : undefined);
  if (written === undefined || /^(\/|~)|\$/.test(written)) return undefined;
  const path = posix.normalize(posix.join(file.directory, written)).replace(/\/$/, '');
  if (path === '..' || path.startsWith('../')) return undefined;
  const home = cwd === undefined ? around.home(path) : path;
  return home === '.' || home === file.directory ? undefined : home;
}
