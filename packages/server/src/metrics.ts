import { coordinatorStates, type Fleet, findingKinds, hostStates, type Readiness, severities } from '@portolan/model';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { waitingAlerts } from './alerts/queue.ts';
import type { CommittedGroup } from './committer.ts';

/** What `/metrics` shows, beside what every Node process does. No port, host or service is ever a label. */
export class Metrics {
  readonly registry = new Registry();
  /** For the committer: what a group cost and what became of it. */
  readonly observeGroup = ({ seconds, applied, conflicts }: CommittedGroup): void => {
    this.groups.observe(applied + conflicts);
    this.commitSeconds.observe(seconds);
    this.transactions.inc({ outcome: 'applied' }, applied);
    this.transactions.inc({ outcome: 'conflict' }, conflicts);
  };
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #requestsBy = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>();
  readonly groups: Histogram;
  readonly transactions: Counter<'outcome'>;
  readonly commitSeconds: Histogram;

  constructor(
    fleet: Fleet,
    live: {
      subscribers(): number;
      leading(): boolean;
      freshAt(): number;
      lowered(): boolean;
      readiness(): Readiness;
    },
  ) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Histogram({
      name: 'portolan_http_request_duration_seconds',
      help: 'Time to answer a request.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.groups = new Histogram({
      name: 'portolan_commit_group_transactions',
      help: 'Transactions that went to the store in one group.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200],
      registers,
    });
    this.commitSeconds = new Histogram({
      name: 'portolan_commit_duration_seconds',
      help: 'Time that the store took for a group.',
      buckets: [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.transactions = new Counter({
      name: 'portolan_transactions_total',
      help: 'Transactions by what became of them.',
      labelNames: ['outcome'],
      registers,
    });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name: `portolan_${name}`,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    gauge(
      'durability_lowered',
      '1 while commits are acknowledged with less durability than the store should provide.',
      () => (live.lowered() ? 1 : 0),
    );
    gauge('store_reachable', '1 while the store answers this coordinator.', () =>
      Number(live.readiness().store.reachable),
    );
    gauge('store_unreachable_seconds', 'How long the store has not answered this coordinator; 0 while it does.', () => {
      const { reachable, since } = live.readiness().store;
      return reachable ? 0 : Math.max(0, (Date.now() - Date.parse(since)) / 1000);
    });
    gauge('led', '1 while some coordinator leads, as far as this one knows.', () =>
      Number(live.readiness().leader.coordinator !== null),
    );
    gauge('copy_current', "1 while this coordinator's copy of the fleet keeps up with the store.", () =>
      Number(live.readiness().copy.current),
    );
    gauge('assignments', 'Ports that are assigned.', () => fleet.count('assignment'));
    gauge('leases', 'Leases that stand.', () => fleet.leaseCount);
    gauge('listeners', 'Sockets that agents observe.', () => fleet.count('listener'));
    gauge('subscribers', 'Streams that are open here.', live.subscribers);
    gauge('leader', 'Whether this coordinator computes findings and reaps leases.', () => Number(live.leading()));
    gauge(
      'replica_age_seconds',
      'Time since the change feed last moved.',
      () => (performance.now() - live.freshAt()) / 1000,
    );
    const deliveries = () => Array.from(fleet.all('delivery'), ({ value }) => value);
    gauge('alerts_delivered', 'Events that receivers of alerts have taken.', () =>
      deliveries().reduce((sum, { delivered }) => sum + delivered, 0),
    );
    gauge('alerts_dropped', 'Events that no receiver took for a day.', () =>
      deliveries().reduce((sum, { dropped }) => sum + dropped, 0),
    );
    gauge('alerts_waiting', 'Events that wait to be taken, over all receivers.', () => waitingAlerts(fleet));
    new Gauge({
      name: 'portolan_hosts',
      help: 'Hosts by state.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of hostStates) this.set({ state }, 0);
        for (const { value } of fleet.all('host')) this.inc({ state: value.state });
      },
    });
    new Gauge({
      name: 'portolan_coordinators',
      help: 'Coordinators by state.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of coordinatorStates) this.set({ state }, 0);
        for (const { value } of fleet.all('coordinator')) this.inc({ state: value.state });
      },
    });
    new Gauge({
      name: 'portolan_findings',
      help: 'Findings that are not resolved.',
      labelNames: ['kind', 'severity'],
      registers,
      collect() {
        for (const kind of findingKinds) for (const severity of severities) this.set({ kind, severity }, 0);
        for (const { value } of fleet.all('finding'))
          if (value.state !== 'resolved') this.inc({ kind: value.kind, severity: value.severity });
      },
    });
  }

  observeRequest(method: string, route: string, status: number, seconds: number): void {
    const id = `${method} ${route} ${status}`;
    let observed = this.#requestsBy.get(id);
    if (!observed) {
      observed = this.#requests.labels({ method, route, status: String(status) });
      this.#requestsBy.set(id, observed);
    }
    observed.observe(seconds);
  }
}
