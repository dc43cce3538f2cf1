import type { Fleet } from '@portolan/model';
import { Turns } from '../turns.ts';

/** Characters that are gathered before they are sent. */
const CHUNK = 256 * 1024;

/**
 * A JSON array as an answer of any length, for whoever cannot ask page by page. It is made no faster than it is read,
 * and others have their turn in between. What the fleet has by then is in it; when all is loaded anew, it breaks off.
 */
export function streamedArray(fleet: Fleet, items: Iterable<unknown>): Response {
  const { generation } = fleet;
  const iterator = items[Symbol.iterator]();
  const encoder = new TextEncoder();
  // An answer that has begun can only be broken off.
  const turns = new Turns({ begun: true });
  let separator = '[';
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      let text = '';
      while (text.length < CHUNK) {
        if (turns.isOver) await turns.next();
        if (fleet.generation !== generation) return controller.error(new Error('the state was loaded anew'));
        const { value, done } = iterator.next();
        if (done) {
          controller.enqueue(encoder.encode(`${text}${separator === '[' ? '[' : ''}]`));
          return controller.close();
        }
        text += separator + JSON.stringify(value);
        separator = ',';
      }
      controller.enqueue(encoder.encode(text));
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/json' } });
}
