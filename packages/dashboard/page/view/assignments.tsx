import { formatEndpoint } from '@portolan/model';
import { cells, cellsVersion, nameOfHost, type Promised } from '../data/fleet.ts';
import { cell } from '../data/port-cells.ts';
import { mayHold, session } from '../data/session.ts';
import { Confirm } from './confirm.tsx';
import { PortLink } from './links.tsx';
import { attempt } from './notice.tsx';
import { Ago } from './time.tsx';

/** What is promised, with a way to give it back. */
export function Assignments({ promised }: { promised: readonly Promised[] }) {
  void cellsVersion.value;
  return (
    <ul class="promises">
      {promised.map((each) => (
        <li key={`${each.protocol}/${each.port}`}>
          <p class="promise-head">
            <PortLink port={each.port} protocol={each.protocol} />
            <span class="endpoint">{formatEndpoint(each.endpoint)}</span>
            <span class="badge quiet">{each.lease ? `lease, ${each.lease.ttl} s` : 'for good'}</span>
            {!(cells.bytes[each.port]! & cell.observed) && <span class="badge quiet">nobody listens yet</span>}
            {each.unattended && <span class="badge warning">{each.unattended.replace('-', ' ')}</span>}
          </p>
          <p class="promise-facts">
            granted <Ago at={each.grantedAt} />
            {each.holder !== undefined && ` to ${each.holder}`}
            {each.host !== undefined && `, for the host ${nameOfHost(each.host)}`}
            {each.purpose && ` — ${each.purpose}`}
          </p>
          {mayHold.value && <Release promised={each} />}
        </li>
      ))}
    </ul>
  );
}

function Release({ promised: { protocol, port, token, endpoint } }: { promised: Promised }) {
  const release = () =>
    // With its token: what was granted to somebody else in the meantime is not given back.
    attempt(`${protocol} port ${port} is free`, () => session.peek()!.client.release({ protocol, port, token }));
  return (
    <Confirm label="Release" title={`Release ${protocol} port ${port}?`} act={release}>
      {formatEndpoint(endpoint)} loses the promise at once, and anybody may be given the port. What listens there goes
      on until it is stopped.
    </Confirm>
  );
}
