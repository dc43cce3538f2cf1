import type { GossipEvent, Member, SheetCluster } from '@portolan/gossip';
import { isAgent } from '@portolan/model';

/** A coordinator's part in the gossip of its fleet: there is none until it is attached, or at all. */
export class FleetGossip {
  readonly #listeners = new Set<(event: GossipEvent) => void>();
  readonly #waiting = new Set<(cluster: SheetCluster) => void>();
  #label = '';
  #api = '';
  #cluster: Pick<SheetCluster, 'gossip' | 'sheets' | 'onEvent'> | undefined;

  get cluster(): Pick<SheetCluster, 'gossip' | 'sheets' | 'onEvent'> | undefined {
    return this.#cluster;
  }

  /** For whoever asks over HTTP. */
  get view(): { label: string; api: string; members(): Member[] } | undefined {
    const { gossip } = this.#cluster ?? {};
    if (!gossip) return undefined;
    return { label: this.#label, api: this.#api, members: () => gossip.members() };
  }

  /** @param api where others reach this coordinator by HTTP */
  attach(cluster: SheetCluster, { label, api }: { readonly label: string; readonly api: string }): void {
    this.#cluster = cluster;
    this.#label = label;
    this.#api = api;
    cluster.onEvent((event) => {
      for (const listener of this.#listeners) listener(event);
    });
    for (const call of this.#waiting) call(cluster);
    this.#waiting.clear();
  }

  onEvent(listener: (event: GossipEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls when there is gossip: now, or as soon as there is. @returns what ends the waiting */
  onceAttached(call: (cluster: Pick<SheetCluster, 'gossip' | 'sheets' | 'onEvent'>) => void): () => void {
    if (this.#cluster) call(this.#cluster);
    else this.#waiting.add(call);
    return () => this.#waiting.delete(call);
  }

  /** The agents that take part, by the ids of their hosts. */
  agents(): Member[] {
    return this.#cluster?.gossip.members().filter(({ tags }) => isAgent(tags)) ?? [];
  }

  /** Whether gossip says that the agent of a host lives, so that the agent need not say so itself. */
  vouchesFor(host: string): boolean {
    const member = this.#cluster?.gossip.member(host);
    return member?.status === 'alive' && isAgent(member.tags);
  }
}
