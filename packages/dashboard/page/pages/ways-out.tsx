import {
  type Finding,
  HIGHEST_PORT,
  type Party,
  PortolanError,
  parseServiceId,
  type Reservation,
  readRemedy,
  UNKNOWN_PROJECT,
} from '@portolan/model';
import { useState } from 'preact/hooks';
import { assignments } from '../data/fleet.ts';
import { mayHold, mayOperate, session } from '../data/session.ts';
import { CommandLine } from '../view/command.tsx';
import { Confirm } from '../view/confirm.tsx';
import { Dialog } from '../view/dialog.tsx';
import { attempt } from '../view/notice.tsx';

/** What can be done about a finding: in a terminal, or here. */
export function WaysOut({ finding }: { finding: Finding }) {
  const ways = finding.remedies.map(readRemedy);
  const services = [...new Set(finding.parties.flatMap(({ service }) => service ?? []))];
  const seen = finding.parties.filter(({ claim, pid, host }) => claim === 'observed' && pid !== null && host);
  const { port } = finding;
  return (
    <section class="panel">
      <h2>Ways out</h2>
      <ol class="ways">
        {ways.map(({ command, text }) => (
          <li key={`${command} ${text}`}>
            {command && <CommandLine command={command} />}
            {text && <p>{sentence(text)}</p>}
          </li>
        ))}
      </ol>
      {port !== null && (
        <div class="ways-here">
          {mayHold.value &&
            services.map((service) => <Keep key={`keep ${service}`} finding={finding} service={service} />)}
          {mayHold.value &&
            finding.kind !== 'blocked-port' &&
            services.map((service) => <Move key={`move ${service}`} finding={finding} service={service} />)}
          {mayOperate.value &&
            seen
              .slice(0, 4)
              .map((party) => <End key={`end ${party.host?.id} ${party.pid}`} finding={finding} party={party} />)}
          {mayOperate.value && services.length === 2 && <Same finding={finding} services={services} />}
          {mayOperate.value && finding.kind !== 'blocked-port' && <BlockIt finding={finding} />}
        </div>
      )}
    </section>
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

interface Of {
  readonly finding: Finding;
  readonly service: string;
}

/** Promises the port to one of them, so that it stays with it. */
function Keep({ finding: { port, protocol }, service }: Of) {
  const owner = assignments.all.get(`assignment/${protocol ?? 'tcp'}/${port}`);
  if (owner) return null;
  return (
    <ForService
      label={`Reserve ${port} for ${service}`}
      service={service}
      done={(made) => `${made.port} belongs to ${service} now`}
    >
      {(project, name) =>
        session.peek()!.client.reserve({
          project,
          service: name,
          port: port!,
          protocol: protocol ?? 'tcp',
          purpose: 'settled from the dashboard',
        })
      }
    </ForService>
  );
}

/** Gives one of them another port; to restart it there is its people's affair. */
function Move({ finding: { port, protocol }, service }: Of) {
  const held = [...assignments.all.values()].find(
    (each) =>
      each.port === port &&
      each.protocol === protocol &&
      `${each.endpoint.project}/${each.endpoint.service}` === service,
  );
  return (
    <ForService
      label={`Another port for ${service}`}
      service={service}
      done={(made) => `${service} has port ${made.port} now: restart it there`}
      note={held && `${port} is promised to it. That promise is given back, and another port reserved in its place.`}
    >
      {async (project, name) => {
        const { client } = session.peek()!;
        const preferred = Math.min(port! + 1, HIGHEST_PORT);
        const about = { project, service: name, protocol: protocol ?? ('tcp' as const) };
        if (!held) return client.reserve({ ...about, preferred });
        const { endpoint, token, lease, purpose } = held;
        if (lease) {
          throw new PortolanError(
            'port-taken',
            `${service} holds ${port} by a lease, which is its own to give back: stop it, then reserve another port`,
          );
        }
        const same = {
          ...about,
          label: endpoint.label,
          instance: endpoint.instance,
          ...(purpose !== undefined && { purpose }),
        };
        await client.release({ protocol: held.protocol, port: held.port, token });
        try {
          return await client.reserve({ ...same, preferred });
        } catch (error) {
          // Nothing half-done: it keeps what it had.
          await client.reserve({ ...same, port: held.port });
          throw error;
        }
      }}
    </ForService>
  );
}

interface ForServiceProps {
  readonly label: string;
  readonly service: string;
  readonly note?: string | undefined;
  readonly done: (made: Reservation) => string;
  readonly children: (project: string, name: string) => Promise<{ reservation: Reservation }>;
}

/** A service that is known by its command alone needs a project before anything can be promised to it. */
function ForService({ label, service, note, done, children }: ForServiceProps) {
  const { project: known, service: name } = parseServiceId(service);
  const unknown = known === UNKNOWN_PROJECT;
  const [asked, ask] = useState(false);
  const [project, setProject] = useState(unknown ? '' : known);
  const go = async (event?: Event) => {
    event?.preventDefault();
    const ok = await attempt(async () => done((await children(project, name)).reservation));
    if (ok) ask(false);
  };
  return (
    <>
      <button type="button" onClick={() => (unknown || note ? ask(true) : void go())}>
        {label}
      </button>
      {asked && (
        <Dialog title={label} close={() => ask(false)}>
          <form class="form" onSubmit={(event) => void go(event)}>
            {note && <p>{note}</p>}
            {unknown && (
              <label>
                <span>Project of {name}</span>
                <input required value={project} onInput={(event) => setProject(event.currentTarget.value)} />
              </label>
            )}
            <div class="dialog-actions">
              <button type="button" onClick={() => ask(false)}>
                Cancel
              </button>
              <button type="submit" class="primary">
                {label}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}

function End({ finding: { port, protocol }, party }: { finding: Finding; party: Party }) {
  const { host, pid, service, command } = party;
  const who = service ?? command ?? 'the process';
  const end = () =>
    attempt(`${who} on ${host!.name} has ended, and port ${port} is free there`, () =>
      session.peek()!.client.endListener({
        host: host!.id,
        protocol: protocol ?? 'tcp',
        port: port!,
        ...(service === null ? { force: true } : { service }),
      }),
    );
  return (
    <Confirm label={`End ${who} on ${host!.name}`} title={`End pid ${pid} on ${host!.name}?`} act={end}>
      The agent of {host!.name} sends SIGTERM to {who} (pid {pid}), after five seconds SIGKILL, and waits until port{' '}
      {port} is free. Whatever keeps it running (systemd, PM2, Docker) may start it again.
    </Confirm>
  );
}

/** Somebody may know that the two are one: the better known name stays. */
function Same({ finding, services }: { finding: Finding; services: readonly string[] }) {
  const promised = new Set(
    finding.parties.flatMap(({ claim, service }) => (claim === 'declared' ? (service ?? []) : [])),
  );
  const weight = (service: string) =>
    Number(promised.has(service)) * 2 + Number(parseServiceId(service).project !== UNKNOWN_PROJECT);
  const [of = '', alias = ''] = services.toSorted((a, b) => weight(b) - weight(a));
  const say = () => attempt(`${alias} counts as ${of} from now on`, () => session.peek()!.client.setAlias(alias, of));
  return (
    <Confirm label="They are the same service" title={`Is ${alias} the same as ${of}?`} act={say} dangerous={false}>
      {alias} counts as {of} then, on every port and host, and the two no longer collide. It can be taken back on the
      page of {alias}.
    </Confirm>
  );
}

function BlockIt({ finding: { port, summary } }: { finding: Finding }) {
  const block = () =>
    attempt(`port ${port} is blocked`, () =>
      session.peek()!.client.block({ from: port!, to: port!, protocol: null, reason: summary.slice(0, 500) }),
    );
  return (
    <Confirm label={`Block ${port}`} title={`Block port ${port}?`} act={block}>
      Nobody is assigned it any more. Those who use it go on, and are findings of another kind until they have moved.
    </Confirm>
  );
}
