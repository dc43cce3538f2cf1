import { type PlannedService, parseServiceId } from '@portolan/model';
import { useLocation } from 'preact-iso';
import { healths, openFindings, planned } from '../data/fleet.ts';
import { hasWords } from '../data/found-words.ts';
import { serviceOf } from '../data/services.ts';
import { Choice } from '../view/choice.tsx';
import { Empty } from '../view/empty.tsx';
import { placeInLayers } from '../view/layers.ts';
import { ServiceLink, servicePath } from '../view/links.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';

/** More cannot be read; a search or a project narrows it down. */
const SHOWN_MAX = 150;
const BOX = { width: 168, height: 46, right: 24, below: 64 };

export function GraphPage() {
  const [{ q = '', project = 'all' }, change] = useQuery();
  const plans = [...planned.all.values()];
  const projects = [...new Set(plans.map((plan) => plan.project))].sort();
  const { shown, left } = chosen(plans, q, project);
  return (
    <Page
      title="Dependencies"
      about="Who needs whom, by the plans; the ports that they are reached at stand on the lines."
    >
      {plans.length === 0 ? (
        <Empty title="No plan is declared yet." command="portolan apply">
          A project’s manifest names its services and what each of them needs. Declare it, and it is drawn here.
        </Empty>
      ) : (
        <>
          <div class="filters">
            <SearchBox label="Search services" found={shown.size} of={shown.size} />
            <Choice
              label="Project"
              value={project}
              values={['all', ...projects]}
              choose={(value) => change({ project: value === 'all' ? undefined : value })}
            />
          </div>
          {left > 0 && <p class="quiet-text">{left} more are left out: search, or choose a project.</p>}
          {shown.size === 0 ? <Empty title="No planned service is like that." /> : <Drawing shown={shown} />}
        </>
      )}
    </Page>
  );
}

/** The services that are asked for, and their neighbours. */
function chosen(plans: readonly PlannedService[], q: string, project: string) {
  const idOf = (plan: PlannedService) => `${plan.project}/${plan.name}`;
  const needs = new Map(plans.map((plan) => [idOf(plan), plan.dependencies]));
  const wanted = new Set(
    plans
      .filter((plan) => (project === 'all' || plan.project === project) && hasWords(q, [idOf(plan), plan.description]))
      .map(idOf),
  );
  const near = new Set(wanted);
  for (const [id, dependencies] of needs) {
    for (const each of dependencies) {
      if (wanted.has(id)) near.add(each);
      if (wanted.has(each)) near.add(id);
    }
  }
  const all = [...near];
  const kept = new Set(all.slice(0, SHOWN_MAX));
  const shown = new Map(Array.from(kept, (id) => [id, (needs.get(id) ?? []).filter((each) => kept.has(each))]));
  return { shown, left: all.length - kept.size };
}

function Drawing({ shown }: { shown: ReadonlyMap<string, readonly string[]> }) {
  const { route } = useLocation();
  const placed = placeInLayers(Array.from(shown, ([id, needs]) => ({ id, needs })));
  const widest = Math.max(...placed.map(({ place }) => place)) + 1;
  const wide = widest * (BOX.width + BOX.right);
  const inLayer = Map.groupBy(placed, ({ layer }) => layer);
  const at = new Map(
    placed.map(({ id, layer, place }) => {
      const room = wide / inLayer.get(layer)!.length;
      return [id, { x: room * (place + 0.5), y: layer * (BOX.height + BOX.below) + BOX.height / 2 + 8 }];
    }),
  );
  const high = Math.max(...Array.from(at.values(), ({ y }) => y)) + BOX.height / 2 + 8;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section class="graph" tabIndex={0} aria-label="Drawing of the dependencies">
        <svg
          width={wide}
          height={high}
          viewBox={`0 0 ${wide} ${high}`}
          role="img"
          aria-label={`${shown.size} services and what they need`}
        >
          <defs>
            <marker
              id="tip"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto-start-reverse"
            >
              <path d="M0 0 8 4 0 8z" class="tip" />
            </marker>
          </defs>
          {Array.from(shown, ([id, needs]) =>
            needs.map((each) => (
              <Line key={`${id} ${each}`} from={at.get(id)!} to={at.get(each)!} ports={portsText(each)} />
            )),
          )}
          {Array.from(at, ([id, { x, y }]) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: the list below has the same as links
            <g
              key={id}
              class={`node ${toneOf(id)}`}
              transform={`translate(${x - BOX.width / 2} ${y - BOX.height / 2})`}
              onClick={() => route(servicePath(id))}
            >
              <rect width={BOX.width} height={BOX.height} rx={5} />
              <text x={10} y={19} class="node-name">
                {short(parseServiceId(id).service, 20)}
              </text>
              <text x={10} y={36} class="node-about">
                {short([parseServiceId(id).project, portsText(id)].filter(Boolean).join(' · '), 26)}
              </text>
            </g>
          ))}
        </svg>
      </section>
      <section class="panel">
        <h2>The same as a list</h2>
        <ul class="plain-list needs">
          {Array.from(shown, ([id, needs]) => (
            <li key={id}>
              <ServiceLink id={id} />
              {needs.length > 0 && ' needs '}
              {needs.map((each, i) => (
                <span key={each}>
                  {i > 0 && ', '}
                  <ServiceLink id={each} />
                </span>
              ))}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function Line({ from, to, ports }: { from: Point; to: Point; ports: string }) {
  const down = to.y >= from.y;
  const start = { x: from.x, y: from.y + (down ? 1 : -1) * (BOX.height / 2) };
  const end = { x: to.x, y: to.y - (down ? 1 : -1) * (BOX.height / 2 + 3) };
  const bend = (end.y - start.y) / 2;
  return (
    <g class="edge">
      <path
        d={`M${start.x} ${start.y} C${start.x} ${start.y + bend} ${end.x} ${end.y - bend} ${end.x} ${end.y}`}
        marker-end="url(#tip)"
      />
      {ports !== '' && (
        <text x={(start.x + 2 * end.x) / 3} y={start.y + bend * 1.25} class="edge-ports">
          {short(ports, 16)}
        </text>
      )}
    </g>
  );
}

/** What it is reached at: what it is promised, else what its plan names. */
function portsText(id: string): string {
  const { promised, plan } = serviceOf(id);
  const ports = promised.map(({ port }) => port);
  const named = (plan?.endpoints ?? []).flatMap(({ port }) => (typeof port === 'number' ? port : []));
  return [...new Set(ports.length > 0 ? ports : named)].join(', ');
}

function toneOf(id: string): string {
  if (
    openFindings.value.some(({ parties, state }) => state === 'open' && parties.some(({ service }) => service === id))
  )
    return 'wrong';
  if ([...healths.all.values()].some(({ service, state }) => service === id && state === 'failing')) return 'wrong';
  const { listeners, plan } = serviceOf(id);
  return listeners > 0 ? 'up' : plan ? 'down' : 'unplanned';
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
