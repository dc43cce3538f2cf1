import { formatInterval, HIGHEST_PORT, LOWEST_PORT } from '@portolan/model';
import { type Signal, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { assignments, cells, cellsVersion, listeners, ranges } from '../data/fleet.ts';
import { type PortState, portStates, stateOf } from '../data/port-cells.ts';
import { portStateWords } from '../view/badge.tsx';
import { Chart } from '../view/chart.ts';
import { Icon } from '../view/icon.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { useStill } from '../view/still.ts';
import { theme } from '../view/theme.ts';
import { number } from '../view/words.ts';

/** In the legend: `free` needs no key, and is most of it. */
const legend = portStates.filter((state) => state !== 'free');

export function MapPage() {
  const [query] = useQuery();
  const { route } = useLocation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<Chart>(undefined);
  const pointed = useSignal(portIn(query.port));
  const colours = theme.value;

  useEffect(() => {
    const made = new Chart(canvas.current!, {
      bytes: cells.bytes,
      moved: (port) => {
        pointed.value = port;
      },
      opened: (at) => route(`/ports/${at}`),
      name: nameOf,
    });
    chart.current = made;
    const asked = portIn(query.port);
    if (asked !== undefined) made.show(asked);
    return () => made.stop();
  }, []);
  useEffect(() => {
    const asked = portIn(query.port);
    if (asked !== undefined) chart.current!.show(asked);
  }, [query.port]);
  useEffect(() => chart.current!.recolour(), [colours]);
  // Not by drawing the page anew: changes come in every frame.
  useSignalEffect(() => chart.current!.mark([...ranges.all.values()]));
  useSignalEffect(() => {
    void cellsVersion.value;
    chart.current!.changed();
  });

  const goTo = (event: Event) => {
    event.preventDefault();
    const asked = portIn(String(new FormData(event.currentTarget as HTMLFormElement).get('port')));
    if (asked !== undefined) chart.current!.show(asked);
  };
  return (
    <Page
      title="Port map"
      about="All 65,535 ports of the fleet, 256 to a row, by their most pressing state."
      fill
      actions={
        <>
          <form class="go-to" onSubmit={goTo}>
            <label>
              <span>Go to port</span>
              <input name="port" type="number" min={LOWEST_PORT} max={HIGHEST_PORT} />
            </label>
            <button type="submit">Go</button>
          </form>
          <fieldset class="zoom" aria-label="Zoom">
            <button type="button" aria-label="Closer" onClick={() => chart.current!.zoom(2)}>
              <Icon name="plus" />
            </button>
            <button type="button" aria-label="Further away" onClick={() => chart.current!.zoom(0.5)}>
              <Icon name="minus" />
            </button>
            <button type="button" aria-label="The whole map" onClick={() => chart.current!.fit()}>
              <Icon name="fit" />
            </button>
          </fieldset>
        </>
      }
    >
      <div class="map">
        <div class="neatline">
          {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a drawing that is steered by keys of its own */}
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-roledescription="map of ports"
            aria-label="Port map"
            aria-describedby="map-keys"
          />
        </div>
        <aside class="map-side">
          <Reading pointed={pointed} />
          <Legend step={(wanted) => chart.current!.step(wanted)} />
          <p id="map-keys" class="keys">
            <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move, with <kbd>Shift</kbd> by 16; <kbd>+</kbd>{' '}
            <kbd>−</kbd> zoom; <kbd>0</kbd> shows all; <kbd>N</kbd> <kbd>P</kbd> next and previous finding;{' '}
            <kbd>Enter</kbd> opens the port.
          </p>
        </aside>
      </div>
    </Page>
  );
}

/** What is known of the port under the pointer or the cursor. */
function Reading({ pointed }: { pointed: Signal<number | undefined> }) {
  const port = pointed.value;
  const byte = useComputed(() => {
    void cellsVersion.value;
    return cells.bytes[pointed.value ?? 0]!;
  });
  return (
    <section class="panel reading" aria-live="polite" aria-atomic="true">
      <h2>{port === undefined ? 'Point at a port' : <a href={`/ports/${port}`}>Port {port}</a>}</h2>
      {port === undefined ? (
        <p class="quiet-text">A square is a port: 0 at the left above, 65535 at the right below. A click opens it.</p>
      ) : (
        <Known port={port} state={stateOf(byte.value)} />
      )}
    </section>
  );
}

function Known({ port, state }: { port: number; state: PortState }) {
  const owner = ownerOf(port);
  const range = [...ranges.all.values()].find(({ from, to }) => from <= port && port <= to);
  return (
    <>
      <p class="port-state">
        <i class={`swatch ${state}`} aria-hidden="true" />
        {portStateWords[state]}
      </p>
      {owner !== undefined && <p>{owner}</p>}
      {range && (
        <p class="quiet-text">
          {range.name} ({formatInterval(range)})
        </p>
      )}
    </>
  );
}

function Legend({ step }: { step: (state: PortState) => void }) {
  useStill(cellsVersion);
  const counts = countStates();
  return (
    <section class="panel legend" aria-labelledby="legend-title">
      <h2 id="legend-title">Legend</h2>
      <ul>
        {legend.map((state) => (
          <li key={state}>
            <button
              type="button"
              class="plain"
              disabled={counts[state] === 0}
              onClick={() => step(state)}
              title="Go to the next one"
            >
              <i class={`swatch ${state}`} aria-hidden="true" />
              <span>{portStateWords[state]}</span>
              <span class="legend-count">{number(counts[state])}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function countStates(): Record<PortState, number> {
  const byByte = new Uint32Array(256);
  for (let port = LOWEST_PORT; port <= HIGHEST_PORT; port++) byByte[cells.bytes[port]!]!++;
  const counts = Object.fromEntries(portStates.map((state) => [state, 0])) as Record<PortState, number>;
  byByte.forEach((count, byte) => {
    counts[stateOf(byte)] += count;
  });
  return counts;
}

/** Who has a port, in a word: for a square of the map. */
function nameOf(port: number): string | undefined {
  const held = assignments.peek(`assignment/tcp/${port}`) ?? assignments.peek(`assignment/udp/${port}`);
  return held?.endpoint.service;
}

function ownerOf(port: number): string | undefined {
  const held = assignments.peek(`assignment/tcp/${port}`) ?? assignments.peek(`assignment/udp/${port}`);
  if (held) return `${held.endpoint.project}/${held.endpoint.service}`;
  const [first] = listeners.onPort(port, 1);
  return first === undefined ? undefined : `${listeners.row(first).service ?? 'not identified'}, seen`;
}

function portIn(text: string | undefined): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : Number.NaN;
  return port >= LOWEST_PORT && port <= HIGHEST_PORT ? port : undefined;
}
