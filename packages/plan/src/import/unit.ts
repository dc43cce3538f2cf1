import { posix } from 'node:path';
import type { Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { commandPorts } from './command-line.ts';
import { reference } from './dotenv.ts';
import type { Importer, Surroundings } from './importer.ts';
import { fromCommand } from './package-script.ts';
import { portOf } from './port-number.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';

/** systemd's units: `ListenStream`, `Environment=PORT=…`, and the flags of `ExecStart`. */
export const unit: Importer = {
  name: 'unit',
  matches: (path) => /\.(?:service|socket|container)$/.test(path),
  sizeMax: 1 << 18,
  read: (file, around) => ({ facts: [...settings(file, around)], notes: [] }),
};

function* settings(file: SourceFile, around: Surroundings): Generator<Fact> {
  const name = file.name.replace(/\.\w+$/, '').replace(/@$/, '');
  const names: NameHint[] = [{ name, from: 'unit' }];
  const directory = /^WorkingDirectory=(.+)$/m.exec(file.text)?.[1]?.trim();
  const home = directory === undefined ? undefined : ending(directory, around);
  if (home !== undefined) names.push({ name: home, from: 'directory' });
  yield { kind: 'named', place: file.place(0), importer: 'unit', names, sure: 'certain' };
  for (const { text, offset } of file.lines()) {
    const match = /^\s*(\w+)\s*=\s*/.exec(text);
    if (!match || text.length > 10_000) continue;
    const [start, key = ''] = match;
    const value = text.slice(start.length);
    const at = offset + start.length;
    if (/^Listen(Stream|Datagram)$/.test(key)) {
      const [, before = '', digits = ''] = /^((?:[\d.]{7,15}:|\[[0-9a-f:]*\]:|\*:)?)(\d{1,5})\s*$/i.exec(value) ?? [];
      const port = portOf(digits);
      if (port === undefined) continue;
      const protocol = key === 'ListenDatagram' ? 'udp' : 'tcp';
      const address = before.replace(/:$/, '');
      yield {
        kind: 'binds',
        by: 'unit',
        importer: 'unit',
        names,
        port,
        protocol,
        place: file.place(at + before.length, digits.length),
        sure: 'certain',
        ...(address ? { address } : {}),
      };
    } else if (key === 'Environment') {
      for (const setting of value.matchAll(/([A-Za-z_]\w{0,100})=([^\s"']*)/g)) {
        const [whole, variable = '', written = ''] = setting;
        const where = at + setting.index + whole.length - written.length;
        const port = portOf(written);
        const meaning = portVariable(variable);
        if (port !== undefined && meaning?.role === 'own') {
          yield {
            kind: 'binds',
            by: 'unit',
            importer: 'unit',
            names,
            port,
            protocol: 'tcp',
            place: file.place(where, written.length),
            sure: 'certain',
            variable,
            ...(meaning.label ? { label: meaning.label } : {}),
          };
        }
        for (const address of addressesIn(written)) yield reference(file, where, address, variable, names, 'unit');
      }
    } else if (key === 'ExecStart') {
      for (const port of commandPorts(value)) {
        yield* fromCommand(file, { ...port, offset: at + port.offset }, 'unit', 'unit', { names });
      }
      for (const address of addressesIn(value)) yield reference(file, at, address, '', names, 'unit');
    } else if (key === 'PublishPort') {
      const [, before = '', digits = '', inside = ''] =
        /^((?:[\d.]{7,15}:|\[[0-9a-f:]*\]:)?)(\d{1,5}):(\d{1,5})/i.exec(value) ?? [];
      const port = portOf(digits);
      const within = portOf(inside);
      if (port === undefined) continue;
      yield {
        kind: 'binds',
        by: 'unit',
        importer: 'unit',
        names,
        port,
        protocol: 'tcp',
        place: file.place(at + before.length, digits.length),
        sure: 'certain',
        ...(within === undefined ? {} : { inside: within }),
      };
    }
    if (/^(Requires|Wants|BindsTo)$/.test(key)) {
      for (const needed of value.split(/\s+/).filter((word) => word.endsWith('.service'))) {
        const on: NameHint[] = [{ name: needed.replace(/\.service$/, ''), from: 'unit' }];
        yield {
          kind: 'depends',
          place: file.place(at),
          importer: 'unit',
          names,
          on,
          sure: 'likely',
          why: 'units need others than those of this tree',
        };
      }
    }
  }
}

/** The longest end of an absolute path that is a service's folder of the tree. */
function ending(path: string, around: Surroundings): string | undefined {
  const parts = posix.normalize(path).split('/').filter(Boolean);
  for (let from = 0; from < parts.length; from++) {
    const end = parts.slice(from).join('/');
    if (around.home(end) === end) return end;
  }
  return undefined;
}
