import {
  type Assignment,
  type Finding,
  HOST_LISTENERS_MAX,
  type HostInfo,
  PortolanError,
  type ProvisionalRequest,
  type Task,
  type TaskAnswer,
} from '@portolan/model';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import type { Coordinator } from './coordinator.ts';
import { FleetCopy } from './fleet-copy.ts';
import { type AgentGossipOptions, GossipDuty } from './gossip-duty.ts';
import { HealthChecker } from './health-checker.ts';
import {
  defaultStateDirectory,
  describeHost,
  distinctName,
  hostIdentity,
  kernelPorts,
  ownAddresses,
} from './host-identity.ts';
import { hostKey } from './host-key.ts';
import type { Manifest } from './identity.ts';
import { forget, keep } from './kept-file.ts';
import type { KillScope } from './kill-scope.ts';
import { localApiFile, startLocalApi } from './local-api.ts';
import { OwnSheet } from './own-sheet.ts';
import { namingOwn } from './own-sockets.ts';
import { probe } from './prober.ts';
import { endProcesses } from './process-action.ts';
import { ProvisionalBook } from './provisional-book.ts';
import { isNameTaken, Reporter } from './reporter.ts';
import { createScanner, type Scan, type Scanner } from './scanner.ts';

export interface AgentOptions {
  readonly coordinator: Coordinator;
  /** Milliseconds from the start of one scan to that of the next; 1000 unless told otherwise. */
  readonly scanInterval?: number | undefined;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>;
  readonly hostId?: string | undefined;
  readonly hostName?: string | undefined;
  readonly stateDirectory?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly dockerSocket?: string | null | undefined;
  readonly manifests?: readonly Manifest[] | undefined;
  /** Whose processes it ends when a coordinator asks; `own` unless told otherwise. */
  readonly allowKill?: KillScope | undefined;
  /** Whether it asks the services of this host how they are, as plans want it; unless told otherwise it does. */
  readonly health?: boolean | undefined;
  /** Between two questions to one service, ms; 10 s unless told otherwise. */
  readonly healthInterval?: number | undefined;
  /** How it takes part in the gossip of its fleet; without it, it does not. */
  readonly gossip?: AgentGossipOptions | undefined;
  /** Where it answers on this machine while no coordinator does, and its own token; without it, it does not. */
  readonly localApi?: { readonly port?: number | undefined; readonly token: string } | undefined;
  /** Instead of the platform's own. */
  readonly scanner?: Scanner | undefined;
}

export interface Agent {
  readonly hostId: string;
  /** Of its local API; `undefined` when there is none. */
  readonly localUrl: string | undefined;
  /** Ends scanning and says goodbye to the coordinator, if that answers within a few seconds. */
  stop(): Promise<void>;
}

/** A scan may take this share of one processor's time; on a machine where it takes long, it is done less often. */
const SCAN_SHARE = 0.25;
/** How often to look whether the host's name or addresses changed, ms. */
const DESCRIBE_AGAIN = 30_000;
const RETRY_TASKS = 1_000;
const GOODBYE = 3_000;

/** Scans this machine, and reports what changed. Begins with a scan; whether the coordinator answers does not matter. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { coordinator, logger, scanInterval = 1000 } = options;
  const clock = systemClock;
  const hostId = hostIdentity(options.hostId, options.stateDirectory);
  let locally: Awaited<ReturnType<typeof startLocally>>;
  const scanner = namingOwn(options.scanner ?? createScanner(options), () => ({
    coordinators: coordinator.urls?.() ?? [],
    localUrl: locally?.url,
    addresses: ownAddresses(),
  }));
  const stopping = new AbortController();

  const first = bounded(await scanner.scan());
  const signing = hostKey(options.stateDirectory);
  const describe = (blindSpots: readonly string[]) => ({
    ...describeHost(blindSpots, hostName),
    key: signing.publicKey,
  });
  let hostName = options.hostName;
  let described: HostInfo = describe(first.blindSpots);
  let inTouch = () => false;
  const reporter = new Reporter({
    host: hostId,
    inTouch: () => inTouch(),
    info: described,
    coordinator,
    clock,
    random: Math.random,
    renamed: (info) => {
      // Whoever gave it a name is told that it is taken; what a system is called by default, others are called, too.
      if (options.hostName !== undefined || hostName !== undefined) return null;
      hostName = distinctName(info.name, hostId);
      described = { ...info, name: hostName };
      logger.warn(
        { host: hostId, name: hostName },
        `another host is called ${info.name}, so this one joins as ${hostName}: give it a name of its own by the option --name of "portolan agent"; if it is this machine, installed anew, let go of the former entry ("portolan hosts" has its id, "portolan hosts --forget" with that) and start this agent again`,
      );
      locally?.own.describe(described);
      return described;
    },
    onTrouble: (error) => {
      if (isNameTaken(error)) logger.error({ host: hostId }, `this host is not in the fleet: ${error.message}`);
      else if (error === null) logger.info('reports are accepted again');
      else logger.warn({ err: error }, 'the coordinator did not take a report; trying again');
    },
  });
  reporter.update(first.listeners);
  reporter.start();
  logger.info({ host: hostId, listeners: first.listeners.length, blindSpots: first.blindSpots }, 'agent started');

  locally = await startLocally();
  // It may have been given another name meanwhile.
  locally?.own.describe(described);
  let listening = first.listeners;
  const scanning = scanOn();
  const checker = healthChecker();
  const working = doTasks(options, hostId, clock, checker, stopping.signal);
  const checking = checker?.run(stopping.signal);
  return {
    hostId,
    localUrl: locally?.url,
    async stop() {
      stopping.abort();
      const said = new AbortController();
      await Promise.race([
        Promise.all([scanning, working, checking, reporter.stop()]).then(() => coordinator.leave(hostId)),
        clock.wait(GOODBYE, said.signal),
      ]).catch((error: unknown) => logger.warn({ err: error }, 'the coordinator was not told that this host leaves'));
      said.abort();
      await locally?.stop();
    },
  };

  /** What it knows of the fleet, and tells on this machine. */
  async function startLocally() {
    const { gossip, localApi, stateDirectory = defaultStateDirectory() } = options;
    if (!gossip && !localApi) return undefined;
    const { name, agentVersion: version } = described;
    const found = (finding: Finding) =>
      logger.warn({ finding: finding.id, severity: finding.severity }, `without a coordinator: ${finding.summary}`);
    const copy = new FleetCopy({ now: clock.now, found });
    const own = new OwnSheet(hostId, described, copy);
    own.update(first.listeners);
    const settle = async (request: ProvisionalRequest) => {
      if (gossip) return gossip.coordinator.settle(hostId, request);
      throw new PortolanError('unreachable', 'this agent knows no coordinator');
    };
    const tell = (assignments: readonly Assignment[]) => own.promise(assignments);
    const random = Math.random;
    const book = new ProvisionalBook({
      host: hostId,
      hostName: name,
      copy,
      stateDirectory,
      tell,
      isAttended: () => coordinator.isReady(),
      settle,
      clock,
      random,
      logger,
    });
    const duty =
      gossip &&
      new GossipDuty({
        gossip,
        hostId,
        hostKey: signing,
        hostName: name,
        version,
        stateDirectory,
        copy,
        own,
        clock,
        logger,
      });
    duty?.start();
    inTouch = () => duty?.inTouch ?? false;
    const settling = book.run(stopping.signal);
    const api =
      localApi &&
      (await startLocalApi({
        ...localApi,
        host: hostId,
        copy,
        members: () => duty?.members ?? [],
        leftOut: () => duty?.leftOut ?? [],
        promise: (request, token) => book.give(request, token),
        logger,
      }).catch((error: unknown) => {
        logger.warn({ err: error }, 'the local API could not be started: "portolan" here needs a coordinator');
        return undefined;
      }));
    if (api) {
      logger.info({ url: api.url }, 'answering on this machine, too');
      keep(localApiFile(stateDirectory), { url: api.url, host: hostId });
    }
    return {
      own,
      url: api?.url,
      async stop() {
        copy.stop();
        if (api) forget(localApiFile(stateDirectory));
        await Promise.all([duty?.stop(), settling, api?.stop()]);
      },
    };
  }

  function healthChecker(): HealthChecker | undefined {
    if (options.health === false) return undefined;
    return new HealthChecker({
      clock,
      random: Math.random,
      listeners: () => listening,
      report: (report) => coordinator.reportHealth(hostId, report),
      onTrouble: (error) => logger.debug({ err: error }, 'the coordinator did not take what health checks found'),
      interval: options.healthInterval,
    });
  }

  async function scanOn(): Promise<void> {
    let took = 0;
    let blindSpots = first.blindSpots;
    let describeAt = clock.now() + DESCRIBE_AGAIN;
    let kernel = JSON.stringify(kernelPorts());
    while (!stopping.signal.aborted) {
      await clock.wait(Math.max(scanInterval - took, took / SCAN_SHARE - took), stopping.signal);
      if (stopping.signal.aborted) return;
      const begun = performance.now();
      try {
        const scan = bounded(await scanner.scan());
        listening = scan.listeners;
        if (scan.changed) {
          reporter.update(scan.listeners);
          locally?.own.update(scan.listeners);
        }
        // At once: whoever has just reserved ports in the kernel, as a note told them to, must not be told so again.
        const kernelNow = JSON.stringify(kernelPorts());
        if (clock.now() >= describeAt || scan.blindSpots.join() !== blindSpots.join() || kernelNow !== kernel) {
          kernel = kernelNow;
          blindSpots = scan.blindSpots;
          describeAt = clock.now() + DESCRIBE_AGAIN;
          const info = describe(blindSpots);
          if (JSON.stringify(info) !== JSON.stringify(described)) {
            reporter.describe(info);
            locally?.own.describe(info);
          }
          described = info;
        }
      } catch (error) {
        logger.error({ err: error }, 'a scan failed; trying again');
      }
      took = performance.now() - begun;
    }
  }
}

const TOO_MANY = `sockets beyond the first ${HOST_LISTENERS_MAX}: a coordinator keeps no more of one host`;

function bounded(scan: Scan): Scan {
  if (scan.listeners.length <= HOST_LISTENERS_MAX) return scan;
  const { listeners, blindSpots } = scan;
  return { ...scan, listeners: listeners.slice(0, HOST_LISTENERS_MAX), blindSpots: [...blindSpots, TOO_MANY] };
}

async function doTasks(
  options: AgentOptions,
  host: string,
  clock: Clock,
  checker: HealthChecker | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { coordinator, logger } = options;
  // To end a process takes seconds, in which others want to know whether they can bind a port. And a task is told again
  // when the connection was lost meanwhile.
  const underWay = new Map<string, Promise<void>>();
  const perform = async (task: Task) => {
    try {
      await coordinator.answerTask(task.id, await answerTo(task, options));
    } catch (error) {
      logger.warn({ err: error, task: task.kind }, 'a task could not be done, or its answer was not taken');
    } finally {
      underWay.delete(task.id);
    }
  };
  while (!signal.aborted) {
    try {
      for await (const task of coordinator.tasks(host, signal, (news) => checker?.heed(news))) {
        if (task.host !== host || task.answer !== null || underWay.has(task.id)) continue;
        underWay.set(task.id, perform(task));
      }
    } catch (error) {
      if (!signal.aborted) logger.debug({ err: error }, 'tasks are not heard of for a moment');
    }
    await clock.wait(RETRY_TASKS, signal);
  }
  await Promise.all(underWay.values());
}

async function answerTo(task: Task, { allowKill = 'own', manifests, logger }: AgentOptions): Promise<TaskAnswer> {
  if (task.kind === 'probe') return { unavailable: await probe(task.protocol, task.ports) };
  const answer = await endProcesses(task, { allowKill, manifests });
  const { endings, refusal } = answer;
  const ports = task.targets.map(({ port }) => port);
  logger.info({ ports, endings, refusal, force: task.force, dryRun: task.dryRun }, 'asked to end processes');
  return answer;
}
