import { type Fleet, type SheetHead, SheetWriter } from '@portolan/model';

/** Listeners of one line; encoding them holds up everything else for some milliseconds. */
const PART = 2_000;

/** Lines of JSON, made no faster than they are read. */
export function listenerSheet(fleet: Fleet): ReadableStream<Uint8Array<ArrayBuffer>> {
  // Entries never change in place, so holding on to them is a snapshot at this position, however long sending takes.
  const held = Array.from(fleet.all('listener'));
  const head: SheetHead = { position: fleet.position, listeners: held.length };
  const writer = new SheetWriter();
  const encoder = new TextEncoder();
  const line = (value: object) => encoder.encode(`${JSON.stringify(value)}\n`);
  let next = 0;
  return new ReadableStream({
    start: (controller) => controller.enqueue(line(head)),
    async pull(controller) {
      if (next >= held.length) return controller.close();
      const listeners = held.slice(next, next + PART).map(({ value }) => value);
      next += PART;
      controller.enqueue(line(writer.part(listeners)));
      // Others have their turn between two parts.
      await new Promise(setImmediate);
    },
  });
}
