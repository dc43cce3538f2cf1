import type { Fleet } from '@portolan/model';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { AbsenceDuty } from './absence-duty.ts';
import { AuditWriter } from './access/audit.ts';
import { LoginsDuty } from './access/logins-duty.ts';
import { AlertsDuty } from './alerts/alerts-duty.ts';
import { Webhooks } from './alerts/webhooks.ts';
import { Aliases } from './commands/aliases.ts';
import { Plans } from './commands/declare.ts';
import { Endings } from './commands/endings.ts';
import { HealthReports } from './commands/health.ts';
import { Hosts } from './commands/hosts.ts';
import { Leases } from './commands/leases.ts';
import { Prober } from './commands/probe.ts';
import { Provisionals } from './commands/provisional.ts';
import { Ranges } from './commands/ranges.ts';
import { Reserver } from './commands/reserve.ts';
import { Takeovers } from './commands/takeover.ts';
import { Tasks } from './commands/tasks.ts';
import { Triage } from './commands/triage.ts';
import { Committer } from './committer.ts';
import { DrainingDuty } from './draining-duty.ts';
import { DurabilityDuty } from './durability-duty.ts';
import { Executor } from './executor.ts';
import { FindingsDuty } from './findings.ts';
import { FleetGossip } from './gossip/fleet-gossip.ts';
import { FleetIdentity } from './gossip/fleet-identity.ts';
import { addGossipMetrics } from './gossip/gossip-metrics.ts';
import { Keyrings } from './gossip/keyrings.ts';
import { LivenessDuty } from './gossip/liveness-duty.ts';
import { RegistryDuty } from './gossip/registry-duty.ts';
import { Leadership } from './leader.ts';
import { LossesDuty } from './losses-duty.ts';
import { LostAssignments } from './lost-assignments.ts';
import { Metrics } from './metrics.ts';
import { PlanDuty } from './plan-duty.ts';
import { ReadinessWatch } from './readiness.ts';
import { ReaperDuty } from './reaper.ts';
import { Replica } from './replica.ts';
import type { Store } from './store/store.ts';
import { Hub } from './stream/hub.ts';
import { TrimDuty } from './trim.ts';

/** A coordinator without its network: the fleet's state, the commands on it, and the duties of a leader. */
export interface Coordinator {
  /** Names it among the coordinators. */
  readonly id: string;
  readonly fleet: Fleet;
  readonly committer: Committer;
  readonly gossip: FleetGossip;
  readonly keyrings: Keyrings;
  readonly identity: FleetIdentity;
  readonly provisionals: Provisionals;
  readonly replica: Replica;
  readonly executor: Executor;
  readonly reserver: Reserver;
  readonly prober: Prober;
  readonly leases: Leases;
  readonly takeovers: Takeovers;
  readonly endings: Endings;
  readonly hosts: Hosts;
  readonly ranges: Ranges;
  readonly plans: Plans;
  readonly healthReports: HealthReports;
  readonly triage: Triage;
  readonly aliases: Aliases;
  readonly webhooks: Webhooks;
  readonly hub: Hub;
  readonly readiness: ReadinessWatch;
  readonly metrics: Metrics;
  readonly audit: AuditWriter;
  /** Ends streams and duties, lets commits under way finish, then closes the store. */
  stop(): Promise<void>;
}

export interface CoordinatorSettings {
  /** How long a required service, a host or a coordinator may be away before it is a finding, seconds. */
  readonly grace?: number | undefined;
  /** How long the leases of a host that gossip lost are kept, seconds. */
  readonly lockDelay?: number | undefined;
  /** SHA-256 of the token of the start, for agents to know it by. */
  readonly bootstrap?: string | undefined;
}

/**
 * @throws PortolanError `store-unavailable` when the state cannot be loaded; the store is closed then
 */
export async function startCoordinator(
  store: Store,
  logger: Logger,
  { grace, lockDelay, bootstrap }: CoordinatorSettings = {},
): Promise<Coordinator> {
  const id = nanoid(10);
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
    lowered: () => store.lowered !== null,
    readiness: () => readiness.now,
  });
  const committer = new Committer(store, {
    committed: replica.committed,
    measured: (group) => {
      readiness.answered();
      metrics.observeGroup(group);
    },
  });
  const executor = new Executor(store, replica, committer);
  const tasks = new Tasks(committer, executor, replica);
  const prober = new Prober(tasks);
  const reserver = new Reserver(executor, prober);
  const leases = new Leases(executor, reserver);
  const endings = new Endings(executor, tasks);
  const readiness: ReadinessWatch = new ReadinessWatch({
    id,
    fleet: replica.fleet,
    prove: () => executor.catchUp(),
    leader: () => leadership.leader,
    logger,
  });
  const hub = new Hub(replica, store, readiness, logger);
  const gossip = new FleetGossip();
  addGossipMetrics(metrics.registry, gossip);
  const vouchesFor = (host: string) => gossip.vouchesFor(host);
  const hosts = new Hosts(executor, vouchesFor);
  const identity = new FleetIdentity(executor);
  const duties = [
    new FindingsDuty(replica, logger),
    new PlanDuty(replica, logger, grace),
    new ReaperDuty(store, replica, logger, vouchesFor),
    new LivenessDuty({ replica, gossip, tasks, logger, lockDelay }),
    new RegistryDuty({ replica, gossip, identity, logger, bootstrap }),
    new TrimDuty(replica, 'audit', logger),
    new TrimDuty(replica, 'event', logger),
    new DurabilityDuty(store, replica),
    new LossesDuty(replica),
    new LoginsDuty(replica),
    new DrainingDuty(replica),
    new AbsenceDuty({ replica, outages: readiness.outages, grace }),
    new AlertsDuty(replica, logger),
  ];
  const audit = new AuditWriter(committer, logger);
  const leadership: Leadership = new Leadership(id, committer, replica, duties, logger);

  const lostAssignments = new LostAssignments(executor, replica, logger);

  hub.start();
  lostAssignments.start();
  leadership.start();
  readiness.start();
  return {
    id,
    fleet: replica.fleet,
    committer,
    gossip,
    keyrings: new Keyrings(executor, gossip),
    identity,
    provisionals: new Provisionals(executor, leases),
    replica,
    executor,
    reserver,
    prober,
    leases,
    takeovers: new Takeovers(executor, reserver, leases, prober, endings),
    endings,
    hosts,
    ranges: new Ranges(executor),
    plans: new Plans(executor),
    healthReports: new HealthReports(executor),
    triage: new Triage(executor),
    aliases: new Aliases(executor),
    webhooks: new Webhooks(executor),
    hub,
    readiness,
    metrics,
    audit,
    async stop() {
      hub.stop();
      readiness.stop();
      await audit.flush();
      await leadership.stop();
      await lostAssignments.stop();
      await committer.drained();
      await replica.stop();
      await store.close();
    },
  };
}
