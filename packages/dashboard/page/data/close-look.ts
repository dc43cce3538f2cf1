import { type Filter, type HostListener, key } from '@portolan/model';
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { Collection } from './collection.ts';
import { session } from './session.ts';

/** The listeners of one port, host or service with all that is known of them, live while the page is open. */
export function useListeners(filter: Filter): { listeners: HostListener[]; ready: boolean } {
  const id = JSON.stringify(filter);
  const look = useMemo(() => ({ entries: new Collection<HostListener>(), ready: signal(false) }), [id]);
  useEffect(() => {
    const stop = new AbortController();
    void watchInto(look, JSON.parse(id) as Filter, stop.signal);
    return () => stop.abort();
  }, [look]);
  const listeners = [...look.entries.all.values()].sort(
    (a, b) => a.port - b.port || order(a.host, b.host) || order(key.listener(a.host, a), key.listener(b.host, b)),
  );
  return { listeners, ready: look.ready.value };
}

interface Look {
  readonly entries: Collection<HostListener>;
  readonly ready: { value: boolean };
}

async function watchInto({ entries, ready }: Look, filter: Filter, signal: AbortSignal): Promise<void> {
  const { client } = session.peek()!;
  entries.begin();
  try {
    for await (const event of client.watch({ topics: ['listener'], filter, signal })) {
      if (event.type === 'reset') entries.begin();
      if (event.type === 'synced') {
        entries.settle();
        ready.value = true;
      }
      const events = event.type === 'snapshot' ? event.entries : event.type === 'change' ? event.events : [];
      for (const { op, key: entryKey, value } of events) {
        if (op === 'put') entries.put(entryKey, value as HostListener);
        else entries.delete(entryKey);
      }
    }
  } catch {
    // The token is no longer accepted: the feed hears of it too, and ends the session.
  }
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
