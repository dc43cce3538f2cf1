import { useEffect, useRef } from 'preact/hooks';
import { cells, cellsVersion } from '../data/fleet.ts';
import { PortImage, palette, SIDE } from './port-paint.ts';
import { theme } from './theme.ts';

/** All ports, a pixel each: a look from afar, and a way to the map. */
export function MiniMap() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = theme.value;
  useEffect(() => {
    const image = new PortImage(canvas.current!.getContext('2d')!);
    const shown = palette();
    return cellsVersion.subscribe(() => image.update(cells.bytes, shown));
  }, [colours]);
  return (
    <a class="mini-map" href="/map" aria-label="Open the port map">
      <canvas ref={canvas} width={SIDE} height={SIDE} />
    </a>
  );
}
