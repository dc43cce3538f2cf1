import { type HostListener, key } from '@portolan/model';
import { HostLink, PortLink, ServiceLink } from './links.tsx';
import { Ago } from './time.tsx';

/** Listeners with all that is known of them, one below the other. */
export function ListenerList({
  listeners,
  withHost,
  withPort,
  withService = true,
}: {
  listeners: readonly HostListener[];
  withHost?: boolean;
  withPort?: boolean;
  withService?: boolean;
}) {
  return (
    <ul class="sightings">
      {listeners.map((listener) => (
        <li key={key.listener(listener.host, listener)}>
          <p class="sighting-head">
            {withPort && <PortLink port={listener.port} protocol={listener.protocol} />}
            {withService && <ServiceLink id={listener.identity?.service ?? null} />}
            {withHost && (
              <span>
                on <HostLink id={listener.host} />
              </span>
            )}
            <code>
              {listener.address}
              {listener.netns !== 'host' && ` ${listener.netns}`}
            </code>
            <span class="sighting-since">
              seen since <Ago at={listener.since} />
            </span>
          </p>
          <ListenerFacts listener={listener} />
        </li>
      ))}
    </ul>
  );
}

export function ListenerFacts({ listener: { process, container, identity } }: { listener: HostListener }) {
  return (
    <dl class="facts">
      {process && (
        <>
          <dt>process</dt>
          <dd>
            <code class="command-line">{process.commandLine || process.command}</code>
            <span>
              pid {process.pid}
              {process.user !== null && `, ${process.user}`}
              {process.cwd !== null && (
                <>
                  , in <code>{process.cwd}</code>
                </>
              )}
            </span>
          </dd>
        </>
      )}
      {container && (
        <>
          <dt>container</dt>
          <dd>
            {container.name ?? container.id} {container.image !== null && <span>({container.image})</span>}
            {container.publishes !== null && ` publishes its port ${container.publishes}`}
          </dd>
        </>
      )}
      <dt>known by</dt>
      <dd>
        {identity ? `${identity.evidence.kind}: ${identity.evidence.detail}` : 'nothing: nobody could tell who it is'}
      </dd>
    </dl>
  );
}
