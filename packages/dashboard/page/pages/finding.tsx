import { type Finding, formatEndpoint, type HostListener, LOWEST_PORT, type Party } from '@portolan/model';
import { useRoute } from 'preact-iso';
import { useListeners } from '../data/close-look.ts';
import { line } from '../data/feed.ts';
import { findings } from '../data/fleet.ts';
import { mayOperate, session } from '../data/session.ts';
import { useAsked } from '../view/asked.ts';
import { Severity } from '../view/badge.tsx';
import { Empty } from '../view/empty.tsx';
import { HostLink, PortLink, ServiceLink } from '../view/links.tsx';
import { ListenerFacts } from '../view/listener-list.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { Ago, At } from '../view/time.tsx';
import { changeWords, plural, titleOf } from '../view/words.ts';
import { meaningOf } from './finding-meaning.ts';
import { FindingNoteForm } from './finding-note.tsx';
import { WaysOut } from './ways-out.tsx';

/** Of one side; the rest is counted. */
const PARTIES_SHOWN = 6;

export function FindingPage() {
  const { id = '' } = useRoute().params;
  const finding = findings.all.get(`finding/${id}`);
  if (finding) return <Shown key={id} finding={finding} />;
  return (
    <Page title={id}>
      {line.value === 'opening' ? (
        <p class="waiting">Reading…</p>
      ) : (
        <Empty title="There is no such finding.">
          Resolved ones are kept for a while, and then forgotten. <a href="/findings">All that stand</a>
        </Empty>
      )}
    </Page>
  );
}

function Shown({ finding }: { finding: Finding }) {
  const { id, state } = finding;
  const act = (done: string, what: 'acknowledge' | 'reopen') => () =>
    void attempt(done, () => session.peek()!.client[what](id));
  return (
    <Page
      title={titleOf(finding)}
      about={
        <>
          <Severity finding={finding} /> first seen <Ago at={finding.firstSeen} />, last changed{' '}
          <Ago at={finding.lastChanged} />
          {finding.port !== null && (
            <>
              , port <PortLink port={finding.port} protocol={finding.protocol} />
            </>
          )}
        </>
      }
      actions={
        mayOperate.value &&
        state !== 'resolved' &&
        (state === 'open' ? (
          <button type="button" class="primary" onClick={act('acknowledged', 'acknowledge')}>
            Acknowledge
          </button>
        ) : (
          <button type="button" onClick={act('open again', 'reopen')}>
            Reopen
          </button>
        ))
      }
    >
      <p class={`lead ${state === 'resolved' ? 'quiet' : finding.severity}`}>{finding.summary}</p>
      {state === 'resolved' && (
        <p class="resolved">
          Resolved <At at={finding.lastChanged} />: its cause is gone. What follows is how it was.
        </p>
      )}
      {finding.kind === 'host-unreachable' ? <HostsOf finding={finding} /> : <Sides finding={finding} />}
      <section class="panel">
        <h2>Why it matters</h2>
        <p class="prose">{meaningOf(finding)}</p>
      </section>
      {state !== 'resolved' && <WaysOut finding={finding} />}
      <FindingNoteForm finding={finding} />
      <History finding={finding} />
    </Page>
  );
}

/** Where it is of hosts and not of services. */
function HostsOf({ finding: { parties, partyCount = parties.length } }: { finding: Finding }) {
  return (
    <section class="panel">
      <h2>{plural(partyCount, 'host')}</h2>
      <p class="hosts-of">
        {parties.map(({ host }) => host && <HostLink key={host.id} id={host.id} name={host.name} />)}
        {partyCount > parties.length && <span>and {plural(partyCount - parties.length, 'more host')}</span>}
      </p>
    </section>
  );
}

/** The services that are in it, side by side. */
function Sides({ finding }: { finding: Finding }) {
  const byService = Map.groupBy(finding.parties, ({ service }) => service);
  const port = finding.port ?? LOWEST_PORT;
  const { listeners } = useListeners({ ports: { from: port, to: port } });
  return (
    <div class="sides">
      {[...byService].map(([service, parties]) => (
        <section key={service} class="panel side-of" aria-label={service ?? 'not identified'}>
          <h2>
            <ServiceLink id={service} />
          </h2>
          {parties.slice(0, PARTIES_SHOWN).map((party, i) => (
            <PartyCard
              key={`${party.host?.id} ${party.address} ${party.pid} ${i}`}
              party={party}
              finding={finding}
              listeners={listeners}
            />
          ))}
          {parties.length > PARTIES_SHOWN && (
            <p class="more">and {plural(parties.length - PARTIES_SHOWN, 'more place')}</p>
          )}
        </section>
      ))}
      {finding.partyCount !== undefined && (
        <p class="more">and {plural(finding.partyCount - finding.parties.length, 'more place')} in all</p>
      )}
    </div>
  );
}

interface PartyProps {
  readonly party: Party;
  readonly finding: Finding;
  readonly listeners: readonly HostListener[];
}

function PartyCard({ party, finding, listeners }: PartyProps) {
  const { claim, endpoint, host, address, netns, since } = party;
  return (
    <article class="party">
      <p class="party-head">
        <span class={`badge ${claim === 'declared' ? 'info' : 'quiet'}`}>
          {claim === 'declared' ? 'promised' : 'seen'}
        </span>
        {host && (
          <span>
            {claim === 'declared' ? 'for' : 'on'} <HostLink id={host.id} name={host.name} />
          </span>
        )}
        {endpoint && <code>{formatEndpoint(endpoint)}</code>}
        {address && (
          <code>
            {address}:{finding.port}
          </code>
        )}
        {netns && netns !== 'host' && <code>{netns}</code>}
      </p>
      {claim === 'observed' && <Seen party={party} listeners={listeners} />}
      {since && (
        <p class="party-since">
          since <At at={since} />
        </p>
      )}
    </article>
  );
}

/** What is known of the process now; what the finding says of it where it is gone. */
function Seen({ party, listeners }: Pick<PartyProps, 'party' | 'listeners'>) {
  const now = listeners.find(
    (each) =>
      each.host === party.host?.id &&
      each.address === party.address &&
      each.netns === party.netns &&
      (each.process?.pid ?? null) === party.pid,
  );
  if (now) return <ListenerFacts listener={now} />;
  return (
    <dl class="facts">
      <dt>process</dt>
      <dd>
        {party.command ?? 'not known'}
        {party.pid !== null && `, pid ${party.pid}`}
        {party.user !== null && `, ${party.user}`}
      </dd>
      {party.container !== null && (
        <>
          <dt>container</dt>
          <dd>{party.container}</dd>
        </>
      )}
      <dt>known by</dt>
      <dd>
        {party.evidence ? `${party.evidence.kind}: ${party.evidence.detail}` : 'nothing: nobody could tell who it is'}
      </dd>
    </dl>
  );
}

function History({ finding: { id, lastChanged } }: { finding: Finding }) {
  const events = useAsked(
    async (client) => (await client.findingHistory({ finding: id, limit: 100 })).items,
    `${id} ${lastChanged}`,
  );
  return (
    <section class="panel">
      <h2>History</h2>
      {(events === null || events?.length === 0) && <p class="prose">Nothing is kept of it.</p>}
      <ol class="history">
        {events?.map((event) => (
          <li key={event.id}>
            <At at={event.at} />
            <span>
              {changeWords[event.change]}
              {event.by !== null && `, by ${event.by}`}
              {event.change === 'noted' && event.finding.note && `: ${event.finding.note.text}`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
