import type { Binds, Fact, NameHint } from '../fact.ts';
import { addressesIn, isAnyHost, isHealthPath, namesOfHost, scopeOf } from './address-text.ts';
import type { Importer, Surroundings } from './importer.ts';
import { portOf } from './port-number.ts';
import { addressVariable, portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

const NAME =
  /^(?:\.env(?:\..+)?|.+\.env|env\.(?:example|sample|template|dist)|.+\.env\.(?:example|sample|template|dist)|\.envrc|\.flaskenv|.+\.env\..+)$/;

/** `.env`, `.env.example`, `production.env` and their like. */
export const dotenv: Importer = {
  name: 'env',
  matches: (path) => NAME.test(path.slice(path.lastIndexOf('/') + 1)),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...settings(file, around)], notes: [] }),
};

/** A variable that is set, with its value without quotes and trailing comment. */
export interface Setting {
  key: string;
  value: string;
  /** Of the value, in the file. */
  offset: number;
}

export function settingsOf(file: SourceFile): Setting[] {
  const found: Setting[] = [];
  for (const { text, offset } of file.lines()) {
    if (text.length > 10_000) continue;
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*/.exec(text);
    if (!match) continue;
    const rest = text.slice(match[0].length);
    const [, quote = '', quoted] = /^(["'`])(.*?)\1/.exec(rest) ?? [];
    const value = quoted ?? rest.replace(/\s+#.*$/, '').trimEnd();
    found.push({ key: match[1]!, value, offset: offset + match[0].length + quote.length });
  }
  return found;
}

function* settings(file: SourceFile, around: Surroundings): Generator<Fact> {
  const all = settingsOf(file);
  const keys = new Map(all.map(({ key, value }) => [key.toUpperCase(), value]));
  const home = around.home(file.directory);
  const own: NameHint[] = home === undefined ? [] : [{ name: home, from: 'directory' }];
  const example = /example|sample|template|dist|default/i.test(file.name);
  const by: Binds['by'] = example ? 'env-example' : 'env';
  const variant = example ? undefined : variantOf(file.path);
  // A folder that other services lie below sets their variables: API_PORT is that of the service api, if there is one.
  const shared = home === undefined || (home === '.' && around.homes().length > 1);
  for (const { key, value, offset } of all) {
    const port = portOf(value);
    const said = portVariable(key);
    const variable =
      shared && said?.role === 'own' && said.word !== undefined ? { role: 'named' as const, name: said.word } : said;
    if (port !== undefined && variable) {
      const place = file.place(offset, value.length);
      const host =
        keys.get(key.toUpperCase().replace(/PORT$/, 'HOST')) ??
        keys.get(key.toUpperCase().replace(/PORT$/, 'HOSTNAME'));
      const about = { place, importer: 'env', port, protocol: 'tcp' as const };
      if (variable.role === 'other' || (variable.role === 'named' && host !== undefined && !isAnyHost(host))) {
        const names: NameHint[] = [...namesOfHost(host ?? ''), { name: variable.name, from: 'variable' }];
        const scope = host ? scopeOf(host) : 'unknown';
        yield {
          kind: 'refers',
          ...about,
          names,
          by: own,
          host: host ?? '',
          scope,
          sure: 'likely',
          why: `the name ${key} is of something connected to`,
        };
      } else if (variable.role === 'named') {
        const names: NameHint[] = [{ name: variable.name, from: 'variable' }, ...own];
        yield {
          kind: 'binds',
          ...about,
          by,
          names,
          variable: key,
          sure: 'likely',
          why: `by the name ${key}`,
          ...(variant ? { variant } : {}),
        };
      } else {
        const label = variable.label;
        yield {
          kind: 'binds',
          ...about,
          by,
          names: own,
          variable: key,
          ...(shared
            ? { sure: 'unsure' as const, why: `which of the services below this folder reads ${key} is not known` }
            : { sure: 'certain' as const }),
          ...(label ? { label } : {}),
          ...(variant ? { variant } : {}),
        };
      }
      continue;
    }
    for (const address of addressesIn(value)) {
      yield reference(file, offset, address, key, own, 'env');
    }
  }
}

/** An address in the value of a variable: whom it leads to is told by its host, else by the variable's name. */
export function reference(
  file: SourceFile,
  offset: number,
  address: ReturnType<typeof addressesIn>[number],
  key: string,
  by: NameHint[],
  importer: string,
): Fact {
  const named = addressVariable(key);
  return {
    kind: 'refers',
    place: file.place(offset + address.offset, address.length),
    importer,
    port: address.port,
    protocol: 'tcp',
    names: [...namesOfHost(address.host), ...(named ? [{ name: named, from: 'variable' as const }] : [])],
    by,
    host: address.host,
    scope: address.scope,
    ...(address.url ? { url: address.url } : {}),
    ...(isHealthPath(address.path) ? { health: true } : {}),
    sure: 'certain',
  };
}
