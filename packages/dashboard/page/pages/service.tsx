import { useRoute } from 'preact-iso';
import { useListeners } from '../data/close-look.ts';
import { aliases, healths, openFindings } from '../data/fleet.ts';
import { serviceOf, services } from '../data/services.ts';
import { mayHold, mayOperate, session } from '../data/session.ts';
import { Assignments } from '../view/assignments.tsx';
import { CommandLine } from '../view/command.tsx';
import { Empty } from '../view/empty.tsx';
import { FindingLines } from '../view/finding-lines.tsx';
import { HostLink, ServiceLink } from '../view/links.tsx';
import { ListenerList } from '../view/listener-list.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { Ago } from '../view/time.tsx';

const SHOWN = 200;

export function ServicePage() {
  const { project = '', name = '' } = useRoute().params;
  const id = `${project}/${name}`;
  const service = serviceOf(id);
  const { listeners, ready } = useListeners({ service: id });
  const findings = openFindings.value.filter(({ parties }) => parties.some((party) => party.service === id));
  const checks = [...healths.all.values()].filter((check) => check.service === id);
  const dependents = services.value.filter(({ plan }) => plan?.dependencies.includes(id));
  const { plan, promised } = service;
  const alias = aliases.all.get(`alias/${id}`);
  const others = [...aliases.all.values()].filter(({ of }) => of === id);
  return (
    <Page
      title={id}
      about={plan?.description ?? (plan ? undefined : 'No plan names it.')}
      actions={
        mayHold.value && (
          <a
            class="button"
            href={`/reserve?project=${encodeURIComponent(project)}&service=${encodeURIComponent(name)}`}
          >
            Reserve a port for it
          </a>
        )
      }
    >
      {findings.length > 0 && <FindingLines findings={findings} />}
      {(alias || others.length > 0) && (
        <section class="panel">
          <h2>The same service</h2>
          {alias && (
            <p class="prose">
              It counts as <ServiceLink id={alias.of} />: {alias.by} said so, <Ago at={alias.at} />.
            </p>
          )}
          {alias && mayOperate.value && (
            <div class="ways-here">
              <button
                type="button"
                onClick={() =>
                  void attempt(`${id} is a service of its own`, () => session.peek()!.client.removeAlias(id))
                }
              >
                Take that back
              </button>
            </div>
          )}
          {others.length > 0 && (
            <p class="prose list">
              Seen as{' '}
              {others.map(({ service: each }) => (
                <ServiceLink key={each} id={each} />
              ))}{' '}
              too.
            </p>
          )}
        </section>
      )}
      <section class="panel">
        <h2>Promised</h2>
        {promised.length === 0 ? (
          <Empty title="No port is promised to it." command={`portolan reserve ${id}`}>
            What it listens on may be given to somebody else. To keep one for it:
          </Empty>
        ) : (
          <Assignments promised={promised} />
        )}
      </section>
      {plan && (
        <section class="panel">
          <h2>Planned</h2>
          <dl class="facts">
            <dt>status</dt>
            <dd>
              {plan.status}
              {plan.internalOnly && ', internal only'}
              {plan.replicas !== 1 && `, ${plan.replicas} of it`}
            </dd>
            {plan.runtime && (
              <>
                <dt>runtime</dt>
                <dd>{plan.runtime}</dd>
              </>
            )}
            {plan.hosts.length > 0 && (
              <>
                <dt>hosts</dt>
                <dd>{plan.hosts.join(', ')}</dd>
              </>
            )}
            <dt>endpoints</dt>
            <dd>
              {plan.endpoints
                .map(({ label, port, protocol }) => `${label}: ${port}${protocol === 'udp' ? '/udp' : ''}`)
                .join(', ') || 'none'}
            </dd>
            {plan.dependencies.length > 0 && (
              <>
                <dt>needs</dt>
                <dd class="list">
                  {plan.dependencies.map((each) => (
                    <ServiceLink key={each} id={each} />
                  ))}
                </dd>
              </>
            )}
            {dependents.length > 0 && (
              <>
                <dt>needed by</dt>
                <dd class="list">
                  {dependents.map((each) => (
                    <ServiceLink key={each.id} id={each.id} />
                  ))}
                </dd>
              </>
            )}
          </dl>
        </section>
      )}
      {checks.length > 0 && (
        <section class="panel">
          <h2>Health</h2>
          <ul class="plain-list">
            {checks.map(({ host, label, state, detail, code, ms, since }) => (
              <li key={`${host} ${label}`}>
                <span class={`badge ${state === 'passing' ? 'ok' : state === 'failing' ? 'error' : 'quiet'}`}>
                  {state}
                </span>{' '}
                {label} on <HostLink id={host} />
                {code !== null && `, answered ${code}`}
                {ms !== null && ` in ${ms} ms`}
                {detail !== '' && `: ${detail}`}, <Ago at={since} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="panel">
        <h2>Seen{ready && ` (${listeners.length})`}</h2>
        {ready && listeners.length === 0 ? (
          <Empty title="Nobody sees it listen." command={`portolan run ${id} -- npm start`}>
            If it runs, its agent may know it by another name: look for its port. This starts it with its port and name:
          </Empty>
        ) : (
          <ListenerList listeners={listeners.slice(0, SHOWN)} withHost withPort withService={false} />
        )}
      </section>
      <section class="panel">
        <h2>In a terminal</h2>
        <CommandLine command={`portolan ls --project ${project}`} />
      </section>
    </Page>
  );
}
