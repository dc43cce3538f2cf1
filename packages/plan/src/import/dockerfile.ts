import type { Fact, NameHint } from '../fact.ts';
import { addressesIn, isHealthPath } from './address-text.ts';
import { commandPorts } from './command-line.ts';
import type { Importer, Surroundings } from './importer.ts';
import { portOf, protocolOf } from './port-number.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';
import { scopeOf, variantOf } from './variant.ts';

/** Dockerfiles. All of their ports are inside the container. */
export const dockerfile: Importer = {
  name: 'dockerfile',
  matches: (path) => /(?:^|\/)(?:(?:Docker|Container)file(?:\.[\w-]+)*|[\w.-]+\.(?:docker|container)file)$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...instructions(file, around)], notes: [] }),
};

function* instructions(file: SourceFile, around: Surroundings): Generator<Fact> {
  // One that lies in a folder of deployments builds what is around that.
  const home = around.home(scopeOf(file.path));
  const [, suffix, prefix] = /^dockerfile\.([\w-]+)$|^([\w.-]+)\.dockerfile$/i.exec(file.name) ?? [];
  const names: NameHint[] = [];
  const called = suffix ?? prefix;
  if (called && variantOf(called) === undefined) names.push({ name: called, from: 'image' });
  if (home !== undefined && home !== '.') names.push({ name: home, from: 'directory' });
  const set = new Map<string, { value: string; offset: number }>();
  const inside = (
    port: number,
    offset: number,
    length: number,
    extra: { variable?: string; label?: string; protocol?: string } = {},
  ): Fact => {
    const { variable, label, protocol } = extra;
    return {
      kind: 'internal',
      importer: 'dockerfile',
      names,
      port,
      protocol: protocolOf(protocol),
      place: file.place(offset, length),
      sure: 'certain',
      ...(variable ? { variable } : {}),
      ...(label ? { label } : {}),
    };
  };
  for (const { text, offset } of instructionsOf(file)) {
    const [start = '', word = ''] = /^\s*(\w+)\s+/.exec(text) ?? [];
    const rest = text.slice(start.length);
    const at = offset + start.length;
    const keyword = word.toUpperCase();
    if (keyword === 'ENV' || keyword === 'ARG') {
      const pairs = [...rest.matchAll(/([A-Za-z_]\w*)=["']?([^\s"']*)/g)];
      const old = /^([A-Za-z_]\w*)\s+(\S+)/.exec(rest);
      for (const match of pairs.length > 0 ? pairs : old ? [old] : []) {
        const [whole, key = '', value = ''] = match;
        const where = at + match.index! + whole.length - value.length;
        set.set(key, { value, offset: where });
        const meaning = portVariable(key);
        const port = portOf(value);
        if (port !== undefined && meaning?.role === 'own')
          yield inside(port, where, value.length, {
            variable: key,
            ...(meaning.label ? { label: meaning.label } : {}),
          });
      }
    } else if (keyword === 'EXPOSE') {
      for (const match of rest.matchAll(/\$\{?(\w+)[^\s}]*\}?|(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?/gi)) {
        const [, variable, digits, , protocol] = match;
        const known = variable === undefined ? undefined : set.get(variable);
        const written = known
          ? { text: known.value, offset: known.offset }
          : { text: digits ?? '', offset: at + match.index };
        const port = portOf(written.text);
        if (port !== undefined && !known) yield inside(port, written.offset, written.text.length, { protocol });
      }
    } else if (keyword === 'CMD' || keyword === 'ENTRYPOINT' || keyword === 'HEALTHCHECK') {
      const command = rest.startsWith('[') ? rest.replace(/[[\],]/g, ' ') : rest;
      if (keyword !== 'HEALTHCHECK') {
        for (const found of commandPorts(command))
          if (found.role === 'binds') yield inside(found.port, at + found.offset, found.length);
      }
      for (const { port, offset: start, length, host, url, path } of addressesIn(rest)) {
        yield {
          kind: 'refers',
          importer: 'dockerfile',
          names,
          by: names,
          host,
          scope: 'network',
          port,
          protocol: 'tcp',
          health: isHealthPath(path),
          place: file.place(at + start, length),
          ...(url ? { url } : {}),
          sure: 'certain',
        };
      }
    }
  }
}

/** Instructions with their continued lines. */
function* instructionsOf(file: SourceFile): Generator<{ text: string; offset: number }> {
  let from = -1;
  for (const { text, offset } of file.lines()) {
    if (from < 0 && /^\s*(?:#|$)/.test(text)) continue;
    if (from < 0) from = offset;
    if (/\\\s*$/.test(text.slice(-20))) continue;
    yield { text: file.text.slice(from, offset + text.length), offset: from };
    from = -1;
  }
}
