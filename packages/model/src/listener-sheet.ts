import { z } from 'zod';
import { evidenceKinds, type HostListener } from './listener.ts';
import { protocols } from './port.ts';
import { isContainerInternal } from './port-facts.ts';
import { Position } from './position.ts';

/**
 * What a list of all listeners shows of each, as numbers: a tenth of the whole entries. Texts are numbers into the
 * strings told so far; -1 stands for `null`.
 */
export const sheetColumns = [
  'host',
  'protocol',
  'address',
  'port',
  'netns',
  'service',
  'pid',
  'command',
  'user',
  'container',
  'evidence',
  /** Seconds since 1970. */
  'since',
  /** 1 for a socket in a container's own network namespace, which is out of reach. */
  'internal',
] as const;
export type SheetColumn = (typeof sheetColumns)[number];

/** What a list says of how a listener is known: by a kind of evidence, or because it is Portolan's own. */
export const listedEvidence = [...evidenceKinds, 'own'] as const;

/** Its place in `listedEvidence`; -1 for a listener that nobody could identify. */
export function evidenceNumber(identity: HostListener['identity']): number {
  if (identity === null) return -1;
  return listedEvidence.indexOf(identity.evidence.own ? 'own' : identity.evidence.kind);
}

export const SheetHead = z.object({ position: Position, listeners: z.int() }).meta({ id: 'SheetHead' });
export type SheetHead = z.infer<typeof SheetHead>;

export const SheetPart = z
  .object({
    /** Go on counting where those of the part before ended. */
    strings: z.array(z.string()),
    /** All columns of the first listener, then those of the second, and so on. */
    cells: z.array(z.int()),
    /** What tells two sockets of one tuple apart, of each listener. */
    sockets: z.array(z.string()),
  })
  .meta({ id: 'SheetPart' });
export type SheetPart = z.infer<typeof SheetPart>;

/** Writes the parts of one sheet, in order. */
export class SheetWriter {
  readonly #numbers = new Map<string, number>();

  part(listeners: readonly HostListener[]): SheetPart {
    const part: SheetPart = { strings: [], cells: [], sockets: [] };
    const number = (text: string | null | undefined): number => {
      if (text == null) return -1;
      let known = this.#numbers.get(text);
      if (known === undefined) {
        this.#numbers.set(text, (known = this.#numbers.size));
        part.strings.push(text);
      }
      return known;
    };
    for (const listener of listeners) {
      const { process, container, identity } = listener;
      part.cells.push(
        number(listener.host),
        protocols.indexOf(listener.protocol),
        number(listener.address),
        listener.port,
        number(listener.netns),
        number(identity?.service),
        process?.pid ?? -1,
        number(process?.command),
        number(process?.user),
        number(container && (container.name ?? container.id)),
        evidenceNumber(identity),
        Math.floor(Date.parse(listener.since) / 1000),
        Number(isContainerInternal(listener)),
      );
      part.sockets.push(listener.socket);
    }
    return part;
  }
}
