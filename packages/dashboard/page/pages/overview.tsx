import { DEFAULT_RANGE, formatInterval, severities } from '@portolan/model';
import type { ComponentChildren } from 'preact';
import { line, listenersReady, loading } from '../data/feed.ts';
import {
  assignments,
  cellsVersion,
  findings,
  hosts,
  listeners,
  listenersVersion,
  openFindings,
  ranges,
} from '../data/fleet.ts';
import { pulse } from '../data/pulse.ts';
import { doubt } from '../data/trouble.ts';
import { useAsked } from '../view/asked.ts';
import { Empty } from '../view/empty.tsx';
import { Fill, sizeOf, usedOf } from '../view/fill.tsx';
import { FindingLine } from '../view/finding-lines.tsx';
import { findingPath } from '../view/links.tsx';
import { MiniMap } from '../view/mini-map.tsx';
import { Page } from '../view/page.tsx';
import { Ago, Moment } from '../view/time.tsx';
import { byUrgency, changeWords, number, plural, titleOf } from '../view/words.ts';
import { Coordinators } from './coordinators.tsx';
import { FirstSteps } from './first-steps.tsx';

/** How many findings and ranges fit. */
const NEWEST = 8;
const RANGES_SHOWN = 10;
const LATELY = 8;

export function Overview() {
  if (line.value === 'opening') return <Page title="Overview">{<p class="waiting">Reading the chart…</p>}</Page>;
  return (
    <Page title="Overview" about="What is promised, what is seen, and where the two disagree.">
      <div class="soundings">
        <FindingsSounding />
        <HostsSounding />
        <PortsSounding />
        <ListenersSounding />
        <PulseSounding />
      </div>
      <div class="overview">
        <div class="column">
          <Newest />
          <FirstSteps />
          <Lately />
        </div>
        <div class="column">
          <section class="panel" aria-labelledby="map-title">
            <h2 id="map-title">
              <a href="/map">Port map</a>
            </h2>
            <MiniMap />
          </section>
          <RangesPanel />
          <Coordinators />
        </div>
      </div>
    </Page>
  );
}

interface SoundingProps {
  readonly title: string;
  readonly href: string;
  readonly value: ComponentChildren;
  readonly tone?: string;
  readonly children: ComponentChildren;
}

function Sounding({ title, href, value, tone, children }: SoundingProps) {
  return (
    <a class={`sounding ${tone ?? ''}`} href={href}>
      <span class="sounding-title">{title}</span>
      <span class="sounding-value">{value}</span>
      <span class="sounding-note">{children}</span>
    </a>
  );
}

function FindingsSounding() {
  const open = openFindings.value.filter(({ state }) => state === 'open');
  const counts = severities.map((severity) => open.filter((each) => each.severity === severity).length);
  const [errors = 0, warnings = 0] = counts;
  const acknowledged = openFindings.value.length - open.length;
  const calm = doubt.value ? <AsOf /> : 'nothing is wrong';
  return (
    <Sounding
      title="Open findings"
      href="/findings"
      value={number(open.length)}
      tone={errors > 0 ? 'error' : warnings > 0 ? 'warning' : doubt.value ? '' : 'ok'}
    >
      {open.length === 0 ? calm : `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`}
      {acknowledged > 0 && ` · ${number(acknowledged)} acknowledged`}
    </Sounding>
  );
}

function HostsSounding() {
  let [up, unreachable, left] = [0, 0, 0];
  for (const { state } of hosts.all.values()) {
    if (state === 'alive') up++;
    else if (state === 'left') left++;
    else unreachable++;
  }
  return (
    <Sounding title="Hosts up" href="/hosts" value={number(up)} tone={unreachable > 0 ? 'warning' : ''}>
      {hosts.all.size === 0 ? (
        'no agent yet'
      ) : unreachable === 0 ? (
        doubt.value ? (
          <AsOf />
        ) : (
          'all reachable'
        )
      ) : (
        `${number(unreachable)} unreachable`
      )}
      {left > 0 && ` · ${number(left)} left`}
    </Sounding>
  );
}

/** In the place of what is only known to have been so. */
function AsOf() {
  return (
    <>
      as of <Moment at={doubt.value!.since} />
    </>
  );
}

function PortsSounding() {
  const leases = new Set<string>();
  let ports = 0;
  for (const { lease } of assignments.all.values()) {
    ports++;
    if (lease) leases.add(lease.id);
  }
  return (
    <Sounding title="Ports assigned" href="/services" value={number(ports)}>
      {plural(leases.size, 'lease')}, the rest for good
    </Sounding>
  );
}

function ListenersSounding() {
  void listenersVersion.value;
  const part = loading.value;
  return (
    <Sounding
      title="Listeners seen"
      href="/listeners"
      value={number(listenersReady.value ? listeners.size : (part?.of ?? 0))}
    >
      {listenersReady.value ? `on ${plural(hosts.all.size, 'host')}` : 'still coming in'}
    </Sounding>
  );
}

function PulseSounding() {
  const counts = pulse.value;
  const sum = counts.reduce((a, b) => a + b, 0);
  const most = Math.max(4, ...counts);
  const points = counts.map((count, i) => `${i},${(24 - (22 * count) / most).toFixed(1)}`).join(' ');
  return (
    <div class="sounding">
      <span class="sounding-title">Changes in a minute</span>
      <span class="sounding-value">{number(sum)}</span>
      <svg
        class="pulse"
        viewBox="0 0 59 26"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${sum} changes in the last minute`}
      >
        <polyline points={points} />
      </svg>
    </div>
  );
}

function Newest() {
  const newest = openFindings.value.toSorted(byUrgency).slice(0, NEWEST);
  const more = openFindings.value.length - newest.length;
  return (
    <section class="panel" aria-labelledby="newest-title">
      <h2 id="newest-title">
        <a href="/findings">Open findings, worst first</a>
      </h2>
      {newest.length === 0 ? (
        <Calm />
      ) : (
        <ol class="newest">
          {newest.map((finding) => (
            <FindingLine key={finding.id} finding={finding} />
          ))}
        </ol>
      )}
      {more > 0 && (
        <p class="more">
          <a href="/findings">{plural(more, 'more finding')}</a>
        </p>
      )}
    </section>
  );
}

function Calm() {
  const past = [...findings.all.values()].filter(({ state }) => state === 'resolved');
  return (
    <Empty title={doubt.value ? 'Nothing was wrong when this was last known.' : 'Clear water: nothing is wrong.'}>
      A collision shows here the moment two services claim or use one port, on whichever hosts.
      {past.length > 0 && (
        <>
          {' '}
          <a href="/findings?state=resolved">{plural(past.length, 'finding')} of the past</a>
        </>
      )}
    </Empty>
  );
}

/** What became of findings, those that are over among them. */
function Lately() {
  const moved = Array.from(findings.all.values(), ({ lastChanged }) => lastChanged)
    .sort()
    .at(-1);
  const events = useAsked(async (client) => (await client.findingHistory({ limit: LATELY })).items, moved);
  if (!events || events.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="lately-title">
      <h2 id="lately-title">Lately</h2>
      <ol class="history">
        {events.map(({ id, at, change, by, finding }) => (
          <li key={id}>
            <Ago at={at} />
            <span>
              <a href={findingPath(finding.id)}>{titleOf(finding)}</a> {changeWords[change]}
              {by !== null && `, by ${by}`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function RangesPanel() {
  void cellsVersion.value;
  const known = [...ranges.all.values()].filter(({ policy }) => policy !== 'blocked');
  const shown = known.length > 0 ? known : [DEFAULT_RANGE];
  const filled = shown.map((range) => ({ range, used: usedOf(range) }));
  filled.sort((a, b) => b.used / sizeOf(b.range) - a.used / sizeOf(a.range));
  return (
    <section class="panel" aria-labelledby="ranges-title">
      <h2 id="ranges-title">
        <a href="/ranges">Ranges, fullest first</a>
      </h2>
      <ul class="fills">
        {filled.slice(0, RANGES_SHOWN).map(({ range, used }) => (
          <li key={range.name}>
            <span class="fill-name">{range.name}</span>
            <span class="fill-ports">{formatInterval(range)}</span>
            <Fill used={used} size={sizeOf(range)} />
          </li>
        ))}
      </ul>
    </section>
  );
}
