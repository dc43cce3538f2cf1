import { useEffect, useRef } from 'preact/hooks';
import { cells, cellsVersion } from '../data/fleet.ts';
import { paintCells, palette, SIDE } from './port-paint.ts';
import { theme } from './theme.ts';

/** All ports, a pixel each: a look from afar, and a way to the map. */
export function MiniMap() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const version = cellsVersion.value;
  const colours = theme.value;
  useEffect(() => {
    paintCells(canvas.current!.getContext('2d')!, cells.bytes, palette());
  }, [version, colours]);
  return (
    <a class="mini-map" href="/map" aria-label="Open the port map">
      <canvas ref={canvas} width={SIDE} height={SIDE} />
    </a>
  );
}
