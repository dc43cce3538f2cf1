import type { Binds, Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { reference } from './dotenv.ts';
import type { Importer, Note, Surroundings } from './importer.ts';
import { entryOf, jsonLiteral, type Literal, textOf } from './literal-tree.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';

/** `Properties/launchSettings.json` of .NET: where a project listens when a developer starts it. */
export const launchSettings: Importer = {
  name: 'launch-settings',
  matches: (path) => /(?:^|\/)launchSettings\.json$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => {
    const settings = jsonLiteral(file);
    const notes: Note[] =
      settings.type === 'unknown' ? [{ place: file.place(settings.offset), text: settings.why }] : [];
    return { facts: [...profiles(file, settings, ownNames(file, around))], notes };
  },
};

/** The folder of the project: the settings lie in `Properties` below it. */
function ownNames(file: SourceFile, around: Surroundings): NameHint[] {
  const project = file.directory.replace(/(?:^|\/)Properties$/i, '') || '.';
  return [{ name: around.home(project) ?? project, from: 'directory' }];
}

/** A port that a profile listens on, before it is told apart from those of other profiles. */
interface Listens {
  port: number;
  offset: number;
  length: number;
  address: string;
  label: string | undefined;
}

function* profiles(file: SourceFile, settings: Literal, names: NameHint[]): Generator<Fact> {
  const listed = entryOf(settings, 'profiles');
  const all = listed?.type === 'object' ? listed.entries : [];
  const express = entryOf(entryOf(settings, 'iisSettings'), 'iisExpress');
  const plain = plainOf(all.map(({ value }) => value));
  const seen = new Map<string, number>();
  const placed = new Set<number>();
  // `dotnet run` takes the first profile of a project; IIS Express is another server, for whoever has it.
  const sorted = [...all].sort((a, b) => Number(isExpress(a.value)) - Number(isExpress(b.value)));
  for (const { key: profile, value } of sorted) {
    const iis = isExpress(value);
    const own = iis ? expressPorts(express) : projectPorts(value, plain);
    const beside = iis && seen.size > 0;
    for (const { port, offset, length, address, label: part } of own) {
      const label = beside ? (part === undefined ? 'iis-express' : `iis-express-${part}`) : part;
      const first = seen.get(label ?? '');
      if (first === undefined) seen.set(label ?? '', port);
      if (placed.has(offset)) continue;
      placed.add(offset);
      yield {
        kind: 'binds',
        importer: 'launch-settings',
        by: 'script',
        names,
        port,
        protocol: 'tcp',
        place: file.place(offset, length),
        address,
        fallback: true,
        // What a developer's own machine uses; a further profile may have further ports.
        variant: first === undefined || first === port ? 'dev' : profile,
        ...(label === undefined ? {} : { label }),
        sure: 'certain',
      } satisfies Binds;
    }
    yield* mentions(file, value, names);
  }
}

function isExpress(profile: Literal): boolean {
  return textOf(entryOf(profile, 'commandName')) === 'IISExpress';
}

/** What is listened at without TLS in some profile: `applicationUrl`, or variables. That is the main port then. */
function plainOf(profiles: readonly Literal[]): ReadonlySet<string> {
  const written = profiles.flatMap((profile) => {
    const variables = entryOf(profile, 'environmentVariables');
    return [
      { key: 'applicationUrl', value: entryOf(profile, 'applicationUrl') },
      ...(variables?.type === 'object' ? variables.entries : []),
    ];
  });
  return new Set(written.filter(({ value }) => /\bhttp:/i.test(textOf(value) ?? '')).map(({ key }) => key));
}

function projectPorts(profile: Literal, plain: ReadonlySet<string>): Listens[] {
  const variables = entryOf(profile, 'environmentVariables');
  const ports = (key: string, value: Literal | undefined, part?: string) =>
    listensAt(value, (url = '') => {
      const secure = plain.has(key) && isSecure(url);
      return part === undefined ? (secure ? 'https' : undefined) : `${part}${secure ? '-https' : ''}`;
    });
  const urls = ports('applicationUrl', entryOf(profile, 'applicationUrl'));
  const own = urls.length > 0 ? urls : ports('ASPNETCORE_URLS', entryOf(variables, 'ASPNETCORE_URLS'));
  const further = variables?.type === 'object' ? variables.entries : [];
  return [
    ...own,
    ...further.flatMap(({ key, value }) => {
      const part = furtherLabel(key);
      return part === undefined ? [] : ports(key, value, part);
    }),
  ];
}

function isSecure(url: string): boolean {
  return /^https:/i.test(url);
}

/** `https://localhost:7298;http://localhost:5045` */
function listensAt(urls: Literal | undefined, label: (url?: string) => string | undefined): Listens[] {
  if (urls?.type !== 'text') return [];
  return addressesIn(urls.text).map(({ port, offset, length, host, url }) => ({
    port,
    offset: urls.offset + offset,
    length,
    address: host,
    label: label(url),
  }));
}

/** What listens where a variable of an Aspire host says, other than its page. */
function furtherLabel(variable: string): string | undefined {
  const [, part] = /^(?:DOTNET|ASPIRE)_(?:DASHBOARD_)?(\w{1,40})_ENDPOINT_URL$/.exec(variable) ?? [];
  return part?.toLowerCase().replaceAll('_', '-');
}

function expressPorts(express: Literal | undefined): Listens[] {
  const own = listensAt(entryOf(express, 'applicationUrl'), () => undefined);
  const tls = entryOf(express, 'sslPort');
  const port = portOf(textOf(tls) ?? '');
  if (tls?.type !== 'text' || port === undefined) return own;
  return [...own, { port, offset: tls.offset, length: tls.length, address: 'localhost', label: 'https' }];
}

/** Addresses that the environment of a profile gives. */
function* mentions(file: SourceFile, profile: Literal, names: NameHint[]): Generator<Fact> {
  const variables = entryOf(profile, 'environmentVariables');
  for (const { key, value } of variables?.type === 'object' ? variables.entries : []) {
    if (value.type !== 'text' || key === 'ASPNETCORE_URLS' || furtherLabel(key) !== undefined) continue;
    for (const address of addressesIn(value.text))
      yield reference(file, value.offset, address, key, names, 'launch-settings');
  }
}
