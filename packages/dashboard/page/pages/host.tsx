import { formatInterval } from '@portolan/model';
import { useRoute } from 'preact-iso';
import { useListeners } from '../data/close-look.ts';
import { hosts, openFindings } from '../data/fleet.ts';
import { mayOperate, session } from '../data/session.ts';
import { useAsked } from '../view/asked.ts';
import { HostState } from '../view/badge.tsx';
import { Confirm } from '../view/confirm.tsx';
import { Empty } from '../view/empty.tsx';
import { FindingLines } from '../view/finding-lines.tsx';
import { ListenerList } from '../view/listener-list.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { Ago } from '../view/time.tsx';
import { plural } from '../view/words.ts';

/** More are better looked through in the table of listeners. */
const SHOWN = 200;

export function HostPage() {
  const { id = '' } = useRoute().params;
  const host = hosts.all.get(`host/${id}`);
  const { listeners, ready } = useListeners({ host: id });
  const members = useAsked((client) => client.members(), host?.state);
  const member = members?.find(({ name }) => name === id);
  if (!host) {
    return (
      <Page title={id}>
        <Empty title="There is no such host.">
          It may have been forgotten. <a href="/hosts">All hosts</a>
        </Empty>
      </Page>
    );
  }
  const findings = openFindings.value.filter(({ parties }) => parties.some((party) => party.host?.id === id));
  const forget = () =>
    attempt(`${host.name} is forgotten`, () => session.peek()!.client.forgetHost(id)).then((done) => {
      if (done) history.back();
    });
  return (
    <Page
      title={host.name}
      about={
        <>
          <HostState state={host.state} /> since <Ago at={host.stateSince} />
        </>
      }
      actions={
        mayOperate.value &&
        host.state !== 'alive' && (
          <Confirm label="Forget this host" title={`Forget ${host.name}?`} act={forget}>
            Its {plural(listeners.length, 'listener')} go with it, and findings that rest on them are resolved. If its
            agent comes back, so do they.
          </Confirm>
        )
      }
    >
      <section class="panel">
        <h2>About</h2>
        <dl class="facts">
          <dt>id</dt>
          <dd>
            <code>{host.id}</code>
          </dd>
          <dt>addresses</dt>
          <dd>
            <code>{host.addresses.join(', ') || 'none told'}</code>
          </dd>
          <dt>platform</dt>
          <dd>
            {host.platform}, agent {host.agentVersion}
          </dd>
          <dt>outgoing ports</dt>
          <dd>{host.ephemeral ? formatInterval(host.ephemeral) : 'not known'}</dd>
          {member && (
            <>
              <dt>in gossip</dt>
              <dd>
                {member.status} at <code>{member.address}</code>, <Ago at={member.statusSince} />
              </dd>
            </>
          )}
          {host.blindSpots.length > 0 && (
            <>
              <dt>cannot see</dt>
              <dd>{host.blindSpots.join('; ')}</dd>
            </>
          )}
        </dl>
      </section>
      {findings.length > 0 && <FindingLines findings={findings} />}
      <section class="panel">
        <h2>Listeners{ready && ` (${listeners.length})`}</h2>
        {ready && listeners.length === 0 && <Empty title="Nothing listens there, as far as its agent can see." />}
        <ListenerList listeners={listeners.slice(0, SHOWN)} withPort />
        {listeners.length > SHOWN && (
          <p class="more">
            <a href={`/listeners?q=${encodeURIComponent(host.name)}`}>
              All {listeners.length} in the table of listeners
            </a>
          </p>
        )}
      </section>
    </Page>
  );
}
