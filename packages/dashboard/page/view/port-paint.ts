import { type PortState, portStates, stateOf } from '../data/port-cells.ts';

/** The map is a square of 256 by 256 ports, row by row. */
export const SIDE = 256;

/** A colour for each of the 256 things that the byte of a port may say, as the pixels of an image hold it. */
export function palette(): Uint32Array {
  const colours = stateColours();
  return Uint32Array.from({ length: 256 }, (_, byte) => colours[stateOf(byte)].pixel);
}

/** From the style sheet, which knows light and dark. */
export function stateColours(): Record<PortState, { css: string; pixel: number }> {
  const style = getComputedStyle(document.documentElement);
  const entries = portStates.map((state) => {
    const css = style.getPropertyValue(`--port-${state}`).trim();
    return [state, { css, pixel: pixelOf(css) }] as const;
  });
  return Object.fromEntries(entries) as Record<PortState, { css: string; pixel: number }>;
}

/** All ports as an image, a pixel each. To bring it up to date costs a comparison, and the rows that look different. */
export class PortImage {
  readonly #context: Pick<CanvasRenderingContext2D, 'putImageData'>;
  readonly #image = new ImageData(SIDE, SIDE);
  readonly #pixels = new Uint32Array(this.#image.data.buffer);

  constructor(context: Pick<CanvasRenderingContext2D, 'putImageData'>) {
    this.#context = context;
  }

  /** @returns whether anything looks different now */
  update(bytes: Uint8Array, colours: Uint32Array): boolean {
    const pixels = this.#pixels;
    let [first, last] = [-1, -1];
    for (let port = 0; port < pixels.length; port++) {
      const colour = colours[bytes[port]!]!;
      if (pixels[port] === colour) continue;
      pixels[port] = colour;
      if (first < 0) first = port;
      last = port;
    }
    if (first < 0) return false;
    const top = Math.floor(first / SIDE);
    this.#context.putImageData(this.#image, 0, 0, 0, top, SIDE, Math.floor(last / SIDE) - top + 1);
    return true;
  }
}

/** @param css `#rrggbb` @returns 0xAABBGGRR */
function pixelOf(css: string): number {
  const value = Number.parseInt(css.slice(1), 16);
  const [red, green, blue] = [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
