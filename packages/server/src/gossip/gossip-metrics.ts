import { memberStatuses } from '@portolan/model';
import { Gauge, type Registry } from 'prom-client';
import type { FleetGossip } from './fleet-gossip.ts';

/** What `/metrics` shows of gossip: nothing where this coordinator takes no part in it. */
export function addGossipMetrics(registry: Registry, gossip: FleetGossip): void {
  const registers = [registry];
  const metrics = () => gossip.cluster?.gossip.metrics();
  new Gauge({
    name: 'portolan_gossip_members',
    help: 'Members of the cluster as this coordinator sees them, itself too.',
    labelNames: ['status'],
    registers,
    collect() {
      const { members } = metrics() ?? {};
      if (members) for (const status of memberStatuses) this.set({ status }, members[status]);
    },
  });
  new Gauge({
    name: 'portolan_gossip_health',
    help: 'How late this coordinator is itself: 0 is healthy, 7 is the worst.',
    registers,
    collect() {
      this.set(metrics()?.health ?? 0);
    },
  });
  new Gauge({
    name: 'portolan_gossip_sheet_records',
    help: 'Records of sheets that this coordinator keeps.',
    registers,
    collect() {
      this.set(gossip.cluster?.sheets.size ?? 0);
    },
  });
}
