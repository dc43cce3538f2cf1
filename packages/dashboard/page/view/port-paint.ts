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

/** Draws all ports, a pixel each. */
export function paintCells(context: CanvasRenderingContext2D, bytes: Uint8Array, colours: Uint32Array): void {
  const image = context.createImageData(SIDE, SIDE);
  const pixels = new Uint32Array(image.data.buffer);
  for (let port = 0; port < pixels.length; port++) pixels[port] = colours[bytes[port]!]!;
  context.putImageData(image, 0, 0);
}

/** @param css `#rrggbb` @returns 0xAABBGGRR */
function pixelOf(css: string): number {
  const value = Number.parseInt(css.slice(1), 16);
  const [red, green, blue] = [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
