import type { PortolanClient, WatchEvent, WatchOptions } from '@portolan/client';
import type { StreamEvent } from '@portolan/model';

/** What a subscriber heard, in order, with the time that it came, milliseconds since 1970. */
export interface Heard {
  readonly events: readonly (WatchEvent & { readonly at: number })[];
  /** The changes alone, each with the time of its commit's arrival. */
  changes(): (StreamEvent & { at: number })[];
  stop(): Promise<void>;
}

/** Subscribes, and resolves once the snapshot is over: what happens from then on is heard. */
export async function listenTo(client: PortolanClient, options: Omit<WatchOptions, 'signal'>): Promise<Heard> {
  const ended = new AbortController();
  const events: (WatchEvent & { at: number })[] = [];
  const live = Promise.withResolvers<void>();
  const following = (async () => {
    for await (const event of client.watch({ ...options, signal: ended.signal })) {
      events.push({ ...event, at: Date.now() });
      if (event.type === 'synced') live.resolve();
    }
  })();
  following.catch(live.reject);
  await live.promise;
  return {
    events,
    changes: () =>
      events.flatMap((event) =>
        event.type === 'change' ? event.events.map((each) => ({ ...each, at: event.at })) : [],
      ),
    stop: async () => {
      ended.abort();
      await following;
    },
  };
}
