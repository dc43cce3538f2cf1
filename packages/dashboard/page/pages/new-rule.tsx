import { PortolanError, parseInterval, type Range } from '@portolan/model';
import { useState } from 'preact/hooks';
import { mayOperate, session } from '../data/session.ts';
import { Dialog } from '../view/dialog.tsx';
import { attempt } from '../view/notice.tsx';
import { useQuery } from '../view/query.ts';

/** Open while the address says `new`, with the ports that it names. */
export function NewRule() {
  const [query, change] = useQuery();
  const [ports, setPorts] = useState(query.ports ?? '');
  const [name, setName] = useState('');
  const [owner, setOwner] = useState('');
  const [purpose, setPurpose] = useState('');
  const [policy, setPolicy] = useState<Range['policy']>('allocate');
  if (query.new === undefined || !mayOperate.value) return null;
  const close = () => change({ new: undefined, ports: undefined });
  const interval = parseInterval(ports);
  const submit = async (event: Event) => {
    event.preventDefault();
    const { client } = session.peek()!;
    const done = await attempt(`${ports} is set`, async () => {
      if (!interval)
        throw new PortolanError('invalid-request', `"${ports}" is neither a port nor a range such as 41000-41399`);
      if (policy === 'blocked') return client.block({ ...interval, protocol: null, reason: purpose });
      return client.putRange({ name, ...interval, owner: owner || null, purpose, policy });
    });
    if (done) close();
  };
  return (
    <Dialog title="Set a range or a block" close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <label>
          <span>Ports</span>
          <input
            required
            value={ports}
            placeholder="41000-41399"
            onInput={(event) => setPorts(event.currentTarget.value)}
          />
        </label>
        <label>
          <span>They are</span>
          <select value={policy} onChange={(event) => setPolicy(event.currentTarget.value as Range['policy'])}>
            <option value="allocate">for their owner alone</option>
            <option value="dynamic">for anybody</option>
            <option value="blocked">for nobody: blocked</option>
          </select>
        </label>
        {policy !== 'blocked' && (
          <label>
            <span>Name</span>
            <input required value={name} placeholder="shop" onInput={(event) => setName(event.currentTarget.value)} />
          </label>
        )}
        {policy === 'allocate' && (
          <label>
            <span>Owner, a project</span>
            <input value={owner} placeholder="shop" onInput={(event) => setOwner(event.currentTarget.value)} />
          </label>
        )}
        <label>
          <span>{policy === 'blocked' ? 'Why' : 'What for'}</span>
          <input
            required={policy === 'blocked'}
            value={purpose}
            onInput={(event) => setPurpose(event.currentTarget.value)}
          />
        </label>
        <div class="dialog-actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Set
          </button>
        </div>
      </form>
    </Dialog>
  );
}
