import type { Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import type { Importer, Surroundings } from './importer.ts';
import { entryOf, jsonLiteral, type Literal } from './literal-tree.ts';
import { labelOfVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

/** `appsettings.json` of .NET: the endpoints of Kestrel, and `Urls`, where nothing gives others when the program is started. */
export const appSettings: Importer = {
  name: 'app-settings',
  matches: (path) => /(?:^|\/)appsettings(?:\.[\w-]{1,60})?\.json$/i.test(path),
  worth: (text) => /"(?:Kestrel|Urls)"/i.test(text),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...listens(file, around)], notes: [] }),
};

function* listens(file: SourceFile, around: Surroundings): Generator<Fact> {
  const settings = jsonLiteral(file);
  const home = around.home(file.directory);
  const names: NameHint[] = home === undefined ? [] : [{ name: home, from: 'directory' }];
  const variant = variantOf(file.path);
  for (const { written, label } of addressesOf(settings)) {
    if (written?.type !== 'text') continue;
    for (const { port, host, offset, length } of addressesIn(written.text)) {
      yield {
        kind: 'binds',
        importer: 'app-settings',
        by: 'source',
        names,
        port,
        protocol: 'tcp',
        place: file.place(written.offset + offset, length),
        address: host,
        fallback: true,
        sure: 'certain',
        ...(label ? { label } : {}),
        ...(variant ? { variant } : {}),
      };
    }
  }
}

/** `{"Kestrel": {"Endpoints": {"Grpc": {"Url": "http://*:5001"}}}, "Urls": "http://*:5000"}` */
function* addressesOf(settings: Literal): Generator<{ written: Literal | undefined; label?: string | undefined }> {
  const endpoints = entryOf(entryOf(settings, 'Kestrel'), 'Endpoints');
  if (endpoints?.type === 'object') {
    for (const { key, value } of endpoints.entries)
      yield { written: entryOf(value, 'Url'), label: labelOfVariable(key) };
    // They come before what else there is.
    return;
  }
  yield { written: entryOf(settings, 'Urls') ?? entryOf(settings, 'urls') };
}
