import {
  DEFAULT_RANGE,
  formatInterval,
  HIGHEST_PORT,
  LOWEST_PORT,
  Name,
  Port,
  type Reservation,
  type ReserveInput,
} from '@portolan/model';
import { useEffect, useState } from 'preact/hooks';
import { assignments, cellsVersion, hosts, planned, ranges } from '../data/fleet.ts';
import { looksFree, obstacleOn } from '../data/obstacle.ts';
import { mayHold, session } from '../data/session.ts';
import { CommandLine } from '../view/command.tsx';
import { PortLink } from '../view/links.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';

/** While somebody types, ms. */
const PAUSE = 250;
/** How many ports that are not to be had are told of. */
const TOLD = 8;

interface Wish {
  readonly project: string;
  readonly service: string;
  readonly label: string;
  readonly range: string;
  readonly port: string;
  readonly protocol: 'tcp' | 'udp';
  readonly ttl: string;
  readonly host: string;
  readonly purpose: string;
}

export function Reserve() {
  const [query] = useQuery();
  const [wish, setWish] = useState<Wish>({
    project: query.project ?? '',
    service: query.service ?? '',
    label: '',
    range: '',
    port: query.port ?? '',
    protocol: 'tcp',
    ttl: '',
    host: '',
    purpose: '',
  });
  const [made, setMade] = useState<Reservation | undefined>();
  const set = (name: keyof Wish) => (event: { currentTarget: { value: string } }) => {
    setMade(undefined);
    setWish({ ...wish, [name]: event.currentTarget.value });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    setMade(undefined);
    void attempt(async () => {
      const { reservation } = await session.peek()!.client.reserve(inputOf(wish));
      setMade(reservation);
      const { port, created } = reservation;
      return created ? `port ${port} belongs to ${wish.project}/${wish.service}` : `it had port ${port} already`;
    });
  };
  return (
    <Page title="Reserve" about="Asking again for the same service and label gives the same port.">
      <div class="reserve">
        <form class="form panel" onSubmit={submit}>
          <div class="pair">
            <Field
              label="Project"
              value={wish.project}
              set={set('project')}
              required
              list={projects()}
              placeholder="shop"
            />
            <Field
              label="Service"
              value={wish.service}
              set={set('service')}
              required
              list={servicesOf(wish.project)}
              placeholder="cart"
            />
          </div>
          <div class="pair">
            <Field label="Label of the port" value={wish.label} set={set('label')} placeholder="default" />
            <label>
              <span>Protocol</span>
              <select value={wish.protocol} onChange={set('protocol')}>
                <option value="tcp">tcp</option>
                <option value="udp">udp</option>
              </select>
            </label>
          </div>
          <div class="pair">
            <label>
              <span>From the range</span>
              <select value={wish.range} onChange={set('range')} disabled={wish.port !== ''}>
                <option value="">the right one for the project</option>
                {[...ranges.all.values()]
                  .filter(({ policy }) => policy !== 'blocked')
                  .map((range) => (
                    <option key={range.name} value={range.name}>
                      {range.name} ({formatInterval(range)})
                    </option>
                  ))}
                {!ranges.all.has(`range/${DEFAULT_RANGE.name}`) && (
                  <option value={DEFAULT_RANGE.name}>
                    {DEFAULT_RANGE.name} ({formatInterval(DEFAULT_RANGE)})
                  </option>
                )}
              </select>
            </label>
            <Field
              label="Or this very port"
              value={wish.port}
              set={set('port')}
              type="number"
              min={LOWEST_PORT}
              max={HIGHEST_PORT}
              placeholder="any"
            />
          </div>
          <div class="pair">
            <label>
              <span>For how long</span>
              <select value={wish.ttl} onChange={set('ttl')}>
                <option value="">for good, until it is released</option>
                <option value="3600">an hour</option>
                <option value="28800">a working day (8 hours)</option>
                <option value="86400">a day</option>
              </select>
            </label>
            <Field
              label="Host that it will run on"
              value={wish.host}
              set={set('host')}
              placeholder="any; its agent tests the port"
              list={hostNames()}
            />
          </div>
          <Field label="What it is for" value={wish.purpose} set={set('purpose')} placeholder="the REST interface" />
          <div class="dialog-actions">
            <button type="submit" class="primary" disabled={!mayHold.value}>
              Reserve
            </button>
          </div>
          {!mayHold.value && <p class="quiet-text">Your token may look, and not reserve.</p>}
        </form>
        <div class="column">
          {made ? (
            <Made made={made} wish={wish} />
          ) : (
            <Suggestion wish={wish} take={(port) => setWish({ ...wish, port: String(port) })} />
          )}
          <section class="panel">
            <h2>In a terminal</h2>
            <CommandLine command={commandOf(wish)} />
          </section>
        </div>
      </div>
    </Page>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly set: (event: { currentTarget: { value: string } }) => void;
  readonly required?: boolean;
  readonly placeholder?: string;
  readonly list?: readonly string[];
  readonly type?: 'number';
  readonly min?: number;
  readonly max?: number;
}

function Field({ label, set, list, ...input }: FieldProps) {
  const id = list && `list-${label.replaceAll(' ', '-')}`;
  return (
    <label>
      <span>{label}</span>
      <input {...input} list={id} spellcheck={false} autocomplete="off" onInput={set} />
      {list && (
        <datalist id={id}>
          {list.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  );
}

/** What would be given, and why not another: asked anew when the wish changes or the port is gone. */
function Suggestion({ wish, take }: { wish: Wish; take: (port: number) => void }) {
  const { project, range, port } = wish;
  const wanted = port === '' ? undefined : Number(port);
  const impossible = wanted !== undefined && !Port.safeParse(wanted).success;
  const [look, setLook] = useState<{ ports: readonly number[]; error?: string }>({ ports: [] });
  void cellsVersion.value;
  const gone = look.ports[0] !== undefined && !looksFree(look.ports[0]);
  useEffect(() => {
    if (impossible) return;
    let current = true;
    const timer = setTimeout(() => {
      const known = Name.safeParse(project).success;
      session
        .peek()!
        .client.freePorts({
          count: 4,
          order: 'lowest',
          ...(known && { project }),
          ...(wanted !== undefined
            ? { range: { from: wanted, to: Math.min(HIGHEST_PORT, wanted + 500) } }
            : range !== '' && { range }),
        })
        .then(
          (ports) => current && setLook({ ports }),
          (error: Error) => current && setLook({ ports: [], error: error.message }),
        );
    }, PAUSE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [project, range, wanted, gone]);

  if (impossible) {
    return (
      <section class="panel" aria-live="polite">
        <h2>What you would get</h2>
        <p class="refusal">Ports are numbers from 1 to 65535.</p>
      </section>
    );
  }
  const [first, ...others] = look.ports;
  const from = wanted ?? startOf(wish);
  const passed = from === undefined ? [] : passedOver(from, first ?? from + 200);
  return (
    <section class="panel" aria-live="polite">
      <h2>What you would get</h2>
      {look.error !== undefined && <p class="refusal">{look.error}</p>}
      {first !== undefined && wanted === undefined && (
        <p class="suggested">
          <PortLink port={first} /> <span>is the next free one; then {others.join(', ') || 'none'}.</span>
        </p>
      )}
      {wanted !== undefined &&
        (first === wanted ? (
          <p class="suggested">
            <PortLink port={wanted} /> <span>is free.</span>
          </p>
        ) : (
          <p class="suggested taken">
            <PortLink port={wanted} /> <span>is not to be had.</span>
            {look.ports.length > 0 && (
              <span class="others">
                Free near it:
                {look.ports.map((each) => (
                  <button key={each} type="button" onClick={() => take(each)}>
                    {each}
                  </button>
                ))}
              </span>
            )}
          </p>
        ))}
      {passed.length > 0 && (
        <>
          <h3>Not to be had</h3>
          <ul class="plain-list passed">
            {passed.slice(0, TOLD).map(({ port, why }) => (
              <li key={port}>
                <PortLink port={port} /> {why}
              </li>
            ))}
            {passed.length > TOLD && <li>and {passed.length - TOLD} more before the first free one</li>}
          </ul>
        </>
      )}
    </section>
  );
}

function Made({ made, wish }: { made: Reservation; wish: Wish }) {
  const { port, obstacle, created, probed, lease, acknowledged } = made;
  return (
    <section class="panel made">
      <h2>{created ? 'Reserved' : 'It had this one already'}</h2>
      <p class="suggested">
        <PortLink port={port} />{' '}
        <span>
          belongs to {wish.project}/{wish.service}
          {lease ? ` for ${lease.ttl} s, unless it is renewed` : ', for good'}.
        </span>
      </p>
      {obstacle && (
        <p>
          Not {obstacle.port}: {obstacle.detail}.
        </p>
      )}
      <p class="quiet-text">
        The promise survives: {acknowledged}. {probed ? 'The agent of the host tested that it can be bound.' : ''}
      </p>
      <CommandLine command={`PORT=${port}`} />
    </section>
  );
}

function passedOver(from: number, until: number): { port: number; why: string }[] {
  const passed: { port: number; why: string }[] = [];
  for (let port = from; port < until && port <= HIGHEST_PORT; port++) {
    const why = obstacleOn(port);
    if (why !== undefined) passed.push({ port, why });
  }
  return passed;
}

/** Where the search begins. */
function startOf({ project, range }: Wish): number | undefined {
  const all = [...ranges.all.values()];
  if (range !== '') return (all.find(({ name }) => name === range) ?? DEFAULT_RANGE).from;
  const own = all.filter(({ owner, policy }) => owner !== null && owner === project && policy === 'allocate');
  const open = all.filter(({ owner, policy }) => owner === null && policy === 'dynamic');
  const field = own.length > 0 ? own : open.length > 0 ? open : [DEFAULT_RANGE];
  return Math.min(...field.map(({ from }) => from));
}

function inputOf({ project, service, label, range, port, protocol, ttl, host, purpose }: Wish): ReserveInput {
  return {
    project: project.trim(),
    service: service.trim(),
    protocol,
    ...(label.trim() !== '' && { label: label.trim() }),
    ...(port !== '' ? { port: Number(port) } : range !== '' ? { range } : {}),
    ...(port === '' && { order: 'lowest' }),
    ...(ttl !== '' && { ttl: Number(ttl) }),
    ...(host.trim() !== '' && { host: host.trim() }),
    ...(purpose.trim() !== '' && { purpose: purpose.trim() }),
  };
}

function commandOf({ project, service, label, range, port, protocol, ttl, host, purpose }: Wish): string {
  const quoted = (text: string) => (/^[\w.,:/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const options: [string, string][] = [
    ['--label', label],
    [port === '' ? '--range' : '--port', port === '' ? range : port],
    ['--protocol', protocol === 'tcp' ? '' : protocol],
    ['--ttl', ttl === '' ? '' : `${ttl}s`],
    ['--host-name', host],
    ['--purpose', purpose],
  ];
  const given = options
    .filter(([, value]) => value.trim() !== '')
    .map(([name, value]) => `${name} ${quoted(value.trim())}`);
  return [
    'portolan reserve',
    `${project || 'PROJECT'}/${service || 'SERVICE'}`,
    ...given,
    ...(port === '' ? ['--lowest'] : []),
  ].join(' ');
}

function projects(): string[] {
  const names = new Set<string>();
  for (const { endpoint } of assignments.all.values()) names.add(endpoint.project);
  for (const { owner } of ranges.all.values()) if (owner !== null) names.add(owner);
  for (const { project } of planned.all.values()) names.add(project);
  return [...names].sort();
}

function servicesOf(project: string): string[] {
  const names = new Set<string>();
  for (const { endpoint } of assignments.all.values()) if (endpoint.project === project) names.add(endpoint.service);
  for (const plan of planned.all.values()) if (plan.project === project) names.add(plan.name);
  return [...names].sort().slice(0, 200);
}

function hostNames(): string[] {
  return Array.from(hosts.all.values(), ({ name }) => name)
    .sort()
    .slice(0, 200);
}
