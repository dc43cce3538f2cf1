import {
  type AuditEvent,
  contains,
  type FindingEvent,
  formatEndpoint,
  formatInterval,
  HIGHEST_PORT,
  type HostListener,
  LOWEST_PORT,
  parseServiceId,
  SYSTEM_BLOCK,
  UNKNOWN_PROJECT,
} from '@portolan/model';
import { useEffect, useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { useListeners } from '../data/close-look.ts';
import { assignments, blocks, cells, cellsVersion, findings, ranges, resting } from '../data/fleet.ts';
import { stateOf } from '../data/port-cells.ts';
import { mayHold, mayOperate, session } from '../data/session.ts';
import { Assignments } from '../view/assignments.tsx';
import { PortStateChip } from '../view/badge.tsx';
import { CommandLine } from '../view/command.tsx';
import { Empty } from '../view/empty.tsx';
import { FindingLines } from '../view/finding-lines.tsx';
import { Icon } from '../view/icon.tsx';
import { ListenerList } from '../view/listener-list.tsx';
import { Page } from '../view/page.tsx';
import { At, untilText } from '../view/time.tsx';
import { titleOf } from '../view/words.ts';

const SHOWN = 200;

export function PortPage() {
  const text = useRoute().params.port ?? '';
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= LOWEST_PORT && port <= HIGHEST_PORT)) {
    return (
      <Page title={`Port ${text}`}>
        <Empty title="Ports are numbers from 1 to 65535." />
      </Page>
    );
  }
  return <Shown key={port} port={port} />;
}

function Shown({ port }: { port: number }) {
  void cellsVersion.value;
  const { path } = useLocation();
  const { listeners, ready } = useListeners({ ports: { from: port, to: port } });
  const promised = (['tcp', 'udp'] as const).flatMap(
    (protocol) => assignments.all.get(`assignment/${protocol}/${port}`) ?? [],
  );
  const rests = (['tcp', 'udp'] as const).flatMap((protocol) => resting.all.get(`resting/${protocol}/${port}`) ?? []);
  const about = [...findings.all.values()].filter((finding) => finding.port === port);
  const standing = about.filter(({ state }) => state !== 'resolved');
  const rules = [
    ...[...ranges.all.values()]
      .filter((range) => contains(range, port))
      .map((range) => ({
        ports: formatInterval(range),
        text: `${range.name}, ${range.policy === 'blocked' ? 'blocked' : range.owner === null ? 'for anybody' : `of ${range.owner}`}${range.purpose && `: ${range.purpose}`}`,
      })),
    ...[SYSTEM_BLOCK, ...blocks.all.values()]
      .filter((block) => contains(block, port))
      .map((block) => ({
        ports: formatInterval(block),
        text: `blocked${block.protocol === null ? '' : ` on ${block.protocol}`}: ${block.reason}`,
      })),
  ];
  return (
    <Page
      title={`Port ${port}`}
      about={<PortStateChip state={stateOf(cells.bytes[port]!)} />}
      actions={
        <>
          <Step to={port - 1} label="Previous port" />
          <Step to={port + 1} label="Next port" forward />
          <a class="button" href={`/map?port=${port}`}>
            On the map
          </a>
          {mayHold.value && promised.length === 0 && (
            <a class="button primary" href={`/reserve?port=${port}`}>
              Reserve it
            </a>
          )}
        </>
      }
    >
      {standing.length > 0 && <FindingLines findings={standing} />}
      <section class="panel">
        <h2>Owner</h2>
        {promised.length > 0 ? (
          <Assignments promised={promised} />
        ) : rests.length > 0 ? (
          rests.map((rest) => (
            <p key={rest.protocol} class="prose">
              It rests: the lease of {formatEndpoint(rest.endpoint)} ended ({rest.reason}). It may be given again{' '}
              {untilText(rest.until)}, if nobody is seen on it.
            </p>
          ))
        ) : (
          <Unpromised port={port} listeners={listeners} />
        )}
      </section>
      {rules.length > 0 && (
        <section class="panel">
          <h2>Rules</h2>
          <ul class="plain-list">
            {rules.map((rule) => (
              <li key={rule.text}>
                <code>{rule.ports}</code> {rule.text}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="panel">
        <h2>Listeners{ready && ` (${listeners.length})`}</h2>
        {ready && listeners.length === 0 ? (
          <p class="prose">Nobody listens on it, on any host that has an agent.</p>
        ) : (
          <ListenerList listeners={listeners.slice(0, SHOWN)} withHost />
        )}
        {listeners.length > SHOWN && (
          <p class="more">
            <a href={`/listeners?q=${port}`}>All {listeners.length} in the table of listeners</a>
          </p>
        )}
      </section>
      <History
        key={path}
        port={port}
        ids={about.map(({ id }) => id)}
        when={`${promised.map(({ token }) => token)}${about.map(({ lastChanged }) => lastChanged)}`}
      />
      <section class="panel">
        <h2>In a terminal</h2>
        <CommandLine command={`portolan who ${port}`} />
      </section>
    </Page>
  );
}

/** A command is shown where it works as it is: for a service whose project is known. */
function Unpromised({ port, listeners }: { port: number; listeners: readonly HostListener[] }) {
  const own = listeners.find(({ identity }) => identity?.evidence.own)?.identity?.service;
  if (own !== undefined) return <p class="prose">It is Portolan's {parseServiceId(own).service}.</p>;
  const services = new Set(listeners.flatMap(({ identity }) => identity?.service ?? []));
  const named = [...services].filter((service) => parseServiceId(service).project !== UNKNOWN_PROJECT);
  const [service] = services.size === 1 ? named : [];
  if (service === undefined) return <Empty title="It is promised to nobody." />;
  return (
    <Empty title="It is promised to nobody." command={`portolan reserve ${service} --port ${port}`}>
      To keep it for {service}:
    </Empty>
  );
}

function Step({ to, label, forward }: { to: number; label: string; forward?: boolean }) {
  if (to < LOWEST_PORT || to > HIGHEST_PORT) return null;
  return (
    <a class={`button step ${forward ? 'forward' : ''}`} href={`/ports/${to}`} aria-label={`${label}, ${to}`}>
      <Icon name="arrow" />
    </a>
  );
}

interface Happened {
  readonly id: string;
  readonly at: string;
  readonly text: string;
}

/** What was done to it and what became of it, newest first, as far as it is kept. */
function History({ port, ids, when }: { port: number; ids: readonly string[]; when: string }) {
  const [happened, setHappened] = useState<readonly Happened[] | undefined>();
  const operator = mayOperate.value;
  useEffect(() => {
    let wanted = true;
    const { client } = session.peek()!;
    const trail = operator ? client.audit({ port, limit: 100 }).then(({ items }) => items.map(ofAudit)) : [];
    const stories = ids.map((finding) =>
      client.findingHistory({ finding, limit: 50 }).then(({ items }) => items.map(ofFinding)),
    );
    Promise.all([trail, ...stories]).then(
      (all) => wanted && setHappened(all.flat().sort((a, b) => (a.at < b.at ? 1 : -1))),
      () => wanted && setHappened([]),
    );
    return () => {
      wanted = false;
    };
  }, [port, when, operator]);
  return (
    <section class="panel">
      <h2>History</h2>
      {happened?.length === 0 && (
        <p class="prose">Nothing is kept of it{!operator && '; who did what is for operators to see'}.</p>
      )}
      <ol class="history">
        {happened?.map(({ id, at, text }) => (
          <li key={id}>
            <At at={at} />
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function ofAudit({ id, at, action, actor, targets }: AuditEvent): Happened {
  const of = [...new Set(targets.flatMap((target) => target.of ?? []))].join(', ');
  return { id, at, text: `${action.replaceAll('-', ' ')}${of && `: ${of}`}, by ${actor.name}` };
}

function ofFinding({ id, at, change, by, finding }: FindingEvent): Happened {
  return { id, at, text: `${titleOf(finding)}: ${change}${by === null ? '' : `, by ${by}`}` };
}
