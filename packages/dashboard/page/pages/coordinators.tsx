import { readiness } from '../data/readiness.ts';
import { Moment } from '../view/time.tsx';

/** Who answers for the fleet, who of them leads, and which one this page is of. */
export function Coordinators() {
  const said = readiness.value;
  if (!said) return null;
  const { coordinator: own, leader, coordinators, store } = said;
  return (
    <section class="panel" aria-labelledby="coordinators-title">
      <h2 id="coordinators-title">Coordinators</h2>
      <ul class="coordinators">
        {coordinators.map(({ id, host, api, version, state, stateSince }) => (
          <li key={id}>
            <span class="name">{host}</span>
            {state === 'missing' ? (
              <span class="badge warning">gone</span>
            ) : (
              leader.coordinator === id && <span class="badge quiet">leads</span>
            )}
            {id === own && <span class="badge quiet">this page</span>}
            <code>{api}</code>
            <span class="quiet-text">
              {version}, {state === 'missing' ? 'gone since' : 'up since'} <Moment at={stateSince} />
            </span>
          </li>
        ))}
      </ul>
      <p class="quiet-text">
        {store.reachable ? 'The store answers since' : 'The store is unreachable since'} <Moment at={store.since} />.
      </p>
    </section>
  );
}
