import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { AuditDuty, AuditWriter } from './access/audit.ts';
import { Endings } from './commands/endings.ts';
import { Hosts } from './commands/hosts.ts';
import { Leases } from './commands/leases.ts';
import { Prober } from './commands/probe.ts';
import { Ranges } from './commands/ranges.ts';
import { Reserver } from './commands/reserve.ts';
import { Takeovers } from './commands/takeover.ts';
import { Tasks } from './commands/tasks.ts';
import { Committer } from './committer.ts';
import { Executor } from './executor.ts';
import { FindingsDuty } from './findings.ts';
import type { Fleet } from './fleet.ts';
import { Leadership } from './leader.ts';
import { Metrics } from './metrics.ts';
import { ReaperDuty } from './reaper.ts';
import { Replica } from './replica.ts';
import type { Store } from './store/store.ts';
import { Hub } from './stream/hub.ts';

/** A coordinator without its network: the fleet's state, the commands on it, and the duties of a leader. */
export interface Coordinator {
  readonly fleet: Fleet;
  readonly replica: Replica;
  readonly executor: Executor;
  readonly reserver: Reserver;
  readonly leases: Leases;
  readonly takeovers: Takeovers;
  readonly endings: Endings;
  readonly hosts: Hosts;
  readonly ranges: Ranges;
  readonly hub: Hub;
  readonly metrics: Metrics;
  readonly audit: AuditWriter;
  /** Ends streams and duties, lets commits under way finish, then closes the store. */
  stop(): Promise<void>;
}

/** @throws PortolanError `store-unavailable` when the state cannot be loaded; the store is closed then */
export async function startCoordinator(store: Store, logger: Logger): Promise<Coordinator> {
  const replica = new Replica(store, logger);
  try {
    await replica.start();
  } catch (error) {
    await store.close();
    throw error;
  }
  const metrics: Metrics = new Metrics(replica.fleet, {
    subscribers: () => hub.subscribers,
    leading: () => leadership.leading,
    freshAt: () => replica.freshAt,
  });
  const committer = new Committer(store, { committed: replica.committed, measured: metrics.observeGroup });
  const executor = new Executor(store, replica, committer);
  const tasks = new Tasks(committer, executor, replica);
  const prober = new Prober(tasks);
  const reserver = new Reserver(executor, prober);
  const leases = new Leases(executor, reserver);
  const endings = new Endings(executor, tasks);
  const hub = new Hub(replica, store, logger);
  const duties = [new FindingsDuty(replica, logger), new ReaperDuty(store, replica, logger), new AuditDuty(replica)];
  const audit = new AuditWriter(committer, logger);
  const leadership = new Leadership(nanoid(10), committer, replica, duties, logger);

  hub.start();
  leadership.start();
  return {
    fleet: replica.fleet,
    replica,
    executor,
    reserver,
    leases,
    takeovers: new Takeovers(executor, reserver, leases, prober, endings),
    endings,
    hosts: new Hosts(executor),
    ranges: new Ranges(executor),
    hub,
    metrics,
    audit,
    async stop() {
      hub.stop();
      await audit.flush();
      await leadership.stop();
      await committer.drained();
      await replica.stop();
      await store.close();
    },
  };
}
