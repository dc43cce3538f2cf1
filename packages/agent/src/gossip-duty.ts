import { randomBytes } from 'node:crypto';
import {
  answerNudges,
  type GossipOptions,
  isSignedWith,
  keySeals,
  type Member,
  type Sheet,
  type SheetChange,
  type SheetCluster,
  type SigningKey,
  startSheetCluster,
} from '@portolan/gossip';
import {
  type CoordinatorProof,
  GOSSIP_PORT,
  type GossipAccess,
  isCoordinator,
  isLoopback,
  MEMBER_KIND,
  type MemberView,
  memberView,
  PortolanError,
  type ProofRequest,
  type ProvisionalRequest,
  type ProvisionalResponse,
  proofStatement,
  REGISTRY_SHEET,
  sheetSizeOf,
} from '@portolan/model';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { FleetCopy } from './fleet-copy.ts';
import { type Access, findAccess, type GivenAccess, keepAccess, keptAccess } from './gossip-access.ts';
import { type KeptRegistry, keepRegistry, readRegistry } from './kept-registry.ts';
import type { OwnSheet } from './own-sheet.ts';

export interface AgentGossipOptions extends GivenAccess {
  /** Address to listen on; 127.0.0.1 unless told otherwise. */
  readonly host?: string | undefined;
  /** 7679 unless told otherwise; where that is taken the next free one of ten. 0: any. */
  readonly port?: number | undefined;
  /** Where members reach this one, when that is not what it listens on. */
  readonly advertise?: { readonly host: string; readonly port: number } | undefined;
  readonly profile?: GossipOptions['profile'];
  /** Records of sheets that are kept, of all hosts together; 200,000 unless told otherwise. */
  readonly recordLimit?: number | undefined;
  /** That of a coordinator in this process, which is this agent's then, too. */
  readonly cluster?: SheetCluster | undefined;
  readonly coordinator: {
    /** @throws PortolanError */
    access(): Promise<GossipAccess>;
    settle(host: string, request: ProvisionalRequest): Promise<ProvisionalResponse>;
    /** There may be coordinators at these URLs, too. They are shown a token once they have proved to be of this fleet. */
    learn(urls: readonly string[], isOurs: IsOurs): void;
  };
}

/** @param ask whoever answers there, without a token */
export type IsOurs = (url: string, ask: (request: ProofRequest) => Promise<CoordinatorProof>) => Promise<boolean>;

export interface GossipDutyOptions {
  readonly gossip: AgentGossipOptions;
  readonly hostId: string;
  readonly hostKey: SigningKey;
  readonly hostName: string;
  readonly version: string;
  readonly stateDirectory: string;
  readonly copy: FleetCopy;
  readonly own: OwnSheet;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>;
}

const PORTS = 10;
/** How often to look for a way in while there is none, and whether the way in has changed while nobody answers, ms. */
const SEEK_EVERY = 5_000;
const REJOIN_EVERY = 10_000;
/** After something happened, so that what happens together is looked at together, ms. */
const NOTICE_AFTER = 20;
/** While there are so few members, their addresses are kept for the next start. */
const PEERS_KEPT = 20;

/** Takes part in the gossip of the fleet as soon as it knows how, and keeps the copy of the fleet up to date by it. */
export class GossipDuty {
  readonly #options: GossipDutyOptions;
  readonly #stopping = new AbortController();
  #cluster: SheetCluster | undefined;
  #access: Access | undefined;
  /** From an earlier life, until it is told to others. */
  #kept: KeptRegistry | undefined;
  /** Something was not signed with the key that the coordinators had when one was asked last. */
  #isIdentityDoubtful = false;
  #running: Promise<unknown> | undefined;
  #told = '';
  #noticing: NodeJS.Timeout | undefined;

  constructor(options: GossipDutyOptions) {
    this.#options = options;
  }

  start(): void {
    const { gossip, copy, stateDirectory } = this.#options;
    if (gossip.cluster) {
      this.#attach(gossip.cluster);
      return;
    }
    this.#kept = readRegistry(stateDirectory, gossip.identity ?? keptAccess(stateDirectory)?.identity);
    if (this.#kept) copy.restore(this.#kept.sheet, this.#kept.asOf);
    this.#running = Promise.all([this.#run(), this.#keep()]);
  }

  get members(): MemberView[] {
    return this.#cluster?.gossip.members().map(memberView) ?? [];
  }

  /** Whether a coordinator hears of this host by gossip. */
  get inTouch(): boolean {
    return this.#cluster?.gossip.members().some(isAliveCoordinator) ?? false;
  }

  get leftOut(): string[] {
    return this.#cluster?.sheets.overflow ?? [];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    // Who came last is kept for the next start, too.
    if (this.#noticing && this.#cluster) this.#notice(this.#cluster);
    if (this.#options.gossip.cluster === undefined) await this.#cluster?.stop();
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        // With other agents alone there may be a way to a coordinator again, or other keys by now.
        // And a store that was lost has another key since.
        if (this.#isIdentityDoubtful || !this.#cluster?.gossip.members().some(isAliveCoordinator)) await this.#seek();
      } catch (error) {
        this.#tell(`no part in gossip yet: ${error instanceof Error ? error.message : error}`);
        logger.debug({ err: error }, 'no way into gossip');
      }
      const alive = this.#cluster?.gossip.members().filter(({ status }) => status === 'alive').length ?? 0;
      await clock.wait(alive > 1 ? REJOIN_EVERY : SEEK_EVERY, this.#stopping.signal);
    }
  }

  /** What it has of the registry is on disk, too. A coordinator in this process has all of it in its store. */
  #keep(): Promise<void> {
    const { stateDirectory, copy, clock, logger } = this.#options;
    const current = () => {
      const sheet = this.#cluster?.sheets.get(REGISTRY_SHEET);
      const { asOf } = copy;
      if (!sheet || !this.#access || asOf === null) return undefined;
      return { sheet, asOf, label: this.#access.label };
    };
    let isTold = false;
    const onTrouble = (error: unknown) => {
      logger[isTold ? 'debug' : 'warn']({ err: error }, 'the registry could not be kept for the next start');
      isTold = true;
    };
    return keepRegistry({ stateDirectory, current, clock, onTrouble }, this.#stopping.signal);
  }

  /** Finds the way in, or another one where the keys are others by now. */
  async #seek(): Promise<void> {
    const { gossip, hostId, stateDirectory, copy } = this.#options;
    const access = await findAccess(gossip, gossip.coordinator.access, stateDirectory);
    if (!access || this.#stopping.signal.aborted) return;
    this.#isIdentityDoubtful = false;
    if (access.keys.length === 0) refuseOpen(gossip.host);
    let known: readonly Sheet[] = this.#kept ? [this.#kept.sheet] : [];
    const label = this.#kept?.label ?? this.#access?.label;
    if (this.#cluster && this.#access && !this.#follow(this.#cluster, this.#access, access)) {
      known = [...this.#cluster.sheets.all()].filter(({ owner }) => owner !== hostId);
      await this.#cluster.stop();
      this.#cluster = undefined;
    }
    this.#access = access;
    if (!this.#cluster) {
      const cluster = await this.#join(access);
      for (const sheet of known) {
        const { owner, records } = sheet;
        if (label === access.label) cluster.sheets.restore(sheet);
        if (cluster.sheets.get(owner)) continue;
        copy.take({ owner, puts: new Map(), deletes: [...records.keys()], gone: true });
      }
      this.#kept = undefined;
      cluster.onEvent(answerNudges(cluster.gossip, () => this.#refresh(cluster)));
      this.#attach(cluster);
    }
    const { address } = this.#cluster!.gossip;
    const seeds = access.seeds.filter((seed) => seed !== `${address.host}:${address.port}`);
    const reachable = isLoopback(address.host) ? seeds.filter((seed) => isLoopback(hostOf(seed))) : seeds;
    if (reachable.length > 0) await this.#cluster!.gossip.join(reachable);
    else if (seeds.length > 0) this.#tell(ONLY_HERE);
    if (access.identity === undefined) this.#tell(UNKNOWN_IDENTITY);
    if (!isLoopback(address.host) && seeds.every((seed) => isLoopback(hostOf(seed)))) this.#tell(ONLY_THERE);
  }

  #join({ label, keys }: Access): Promise<SheetCluster> {
    const { gossip, hostId, hostKey, hostName, version, copy, logger } = this.#options;
    const { host = '127.0.0.1', port = GOSSIP_PORT, advertise, recordLimit } = gossip;
    const accepts = (owner: string) => owner === REGISTRY_SHEET || copy.hasSheet(owner);
    const seals = keySeals(
      (owner) => (owner === hostId ? hostKey : undefined),
      (owner) => (owner === REGISTRY_SHEET ? this.#access?.identity : copy.keyOf(owner)),
    );
    const refused = (owner: string) => {
      if (owner === REGISTRY_SHEET) this.#isIdentityDoubtful = true;
    };
    return startSheetCluster({
      name: hostId,
      host,
      ports: port === 0 ? [0] : [...Array.from({ length: PORTS }, (_, i) => port + i), 0],
      ...(advertise && { advertise }),
      label,
      keyring: keys,
      tags: { kind: MEMBER_KIND, role: 'agent', host: hostName.slice(0, 64), version },
      kindTag: 'kind',
      keyQueries: false,
      isKnown: (member) => copy.fleet.host(member) !== undefined,
      defaultPort: GOSSIP_PORT,
      profile: gossip.profile ?? (isLoopback(host) ? 'local' : 'lan'),
      // An agent that could not have its port again comes back at another one.
      reclaimTime: 5_000,
      sheets: {
        seals,
        accepts,
        refused,
        sizeOf: sheetSizeOf,
        ...(recordLimit !== undefined && { limit: recordLimit }),
      },
      log: (level, text) => logger.debug({ gossip: level }, text),
    });
  }

  /** Takes other keys. @returns false when that is no matter of keys: the node has to be another one */
  #follow({ gossip }: SheetCluster, before: Access, { label, keys }: Access): boolean {
    if (before.label !== label || before.keys.length === 0 || keys.length === 0) {
      return before.label === label && before.keys.length === keys.length;
    }
    gossip.setKeys(keys);
    return true;
  }

  /** Gets the keys from a coordinator: they are for whoever has a token, and never go by gossip. */
  async #refresh(cluster: SheetCluster): Promise<void> {
    const { gossip, stateDirectory } = this.#options;
    if (gossip.keys) throw new Error('its keys were given to it by hand');
    const { label, keys } = await gossip.coordinator.access();
    if (this.#cluster !== cluster || this.#access?.label !== label) throw new Error('it joins another fleet');
    cluster.gossip.setKeys(keys);
    this.#access = { ...this.#access, keys };
    keepAccess(stateDirectory, { keys });
  }

  #attach(cluster: SheetCluster): void {
    const { copy, own, hostId, logger } = this.#options;
    const { gossip, sheets } = cluster;
    this.#cluster = cluster;
    // What this agent says itself its copy has already; a coordinator in this process has more to say.
    cluster.onChange((change) => {
      if (change.owner === this.#options.hostId) return;
      copy.take(change);
      if (change.owner === REGISTRY_SHEET) this.#dropUnknown(cluster, change);
    });
    cluster.onEvent((event) => {
      if (event.type === 'conflict' && event.lost) this.#tell(SAME_NAME);
      if (event.type === 'reap') copy.forget(event.member.name);
      if (!this.#stopping.signal.aborted)
        this.#noticing ??= setTimeout(() => this.#notice(cluster), NOTICE_AFTER).unref();
    });
    for (const { owner, records } of sheets.all()) {
      if (owner !== hostId) copy.take({ owner, puts: records, deletes: [], gone: false });
    }
    copy.attend(gossip.members());
    own.attach(sheets);
    logger.info({ address: memberView(gossip.member(gossip.name)!).address }, 'taking part in gossip');
    this.#told = '';
  }

  /** What a host said goes when the registry says that it left, or no longer has it. */
  #dropUnknown({ sheets }: SheetCluster, { puts, deletes }: SheetChange): void {
    const { copy, hostId } = this.#options;
    for (const entryKey of [...puts.keys(), ...deletes]) {
      const [kind, id = ''] = entryKey.split('/', 2);
      if (kind === 'host' && id !== hostId && !copy.hasSheet(id)) sheets.drop(id);
    }
  }

  #notice(cluster: SheetCluster): void {
    const { copy, stateDirectory, gossip: settings } = this.#options;
    clearTimeout(this.#noticing);
    this.#noticing = undefined;
    const members = cluster.gossip.members();
    copy.attend(members);
    this.#learn(cluster);
    if (settings.cluster !== undefined || members.length > PEERS_KEPT) return;
    const seeds = members.flatMap((member) => (member.status === 'alive' ? [memberView(member).address] : []));
    keepAccess(stateDirectory, { seeds });
  }

  /**
   * Coordinators that gossip names are tried, too, when those named by hand fail; one that it cannot hear may still answer
   * calls. Any member may name one, so it counts only after it has proved to be of the fleet. What another machine calls
   * its loopback, or all its addresses, is none here.
   */
  #learn({ gossip }: SheetCluster): void {
    if (this.#options.gossip.cluster !== undefined) return;
    const urls = gossip.members().flatMap(({ status, tags, address }) => {
      const url = (status === 'alive' || status === 'failed') && isCoordinator(tags) ? URL.parse(tags.api ?? '') : null;
      if (!url || !/^https?:$/.test(url.protocol) || /^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) return [];
      return isLoopback(url.hostname) && !isLoopback(address.host) && address.host !== gossip.address.host
        ? []
        : [url.origin];
    });
    this.#options.gossip.coordinator.learn(urls, this.#isOurs);
  }

  readonly #isOurs: IsOurs = async (url, ask) => {
    const request = { origin: url, nonce: randomBytes(32).toString('base64url') };
    const { signature } = await ask(request);
    return isSignedWith(this.#access?.identity, proofStatement(request), Buffer.from(signature, 'base64url'));
  };

  /** Says each trouble once. */
  #tell(text: string): void {
    if (this.#told === text) return;
    this.#told = text;
    this.#options.logger.warn(text);
  }
}

const UNKNOWN_IDENTITY =
  'no coordinator has told its public key yet, so nothing of the registry is taken from gossip: either none answers, or they are of an earlier release; --gossip-identity gives the key by hand';

const SAME_NAME =
  'another member of gossip goes by the name of this host, and most hold the other for it: either the host was copied with its state, or somebody has the key of gossip who should not';

const ONLY_HERE =
  'gossip stays on this machine: the coordinators are on others; say --gossip-host ADDRESS to take part from this one';

const ONLY_THERE =
  'the coordinators gossip on their own machine alone, so this agent cannot join them: start them with --gossip-host ADDRESS';

function isAliveCoordinator({ status, tags }: Member): boolean {
  return status === 'alive' && isCoordinator(tags);
}

/** @throws PortolanError `forbidden`: without a key anybody who reaches the port could speak for any host, and hear all */
function refuseOpen(host = '127.0.0.1'): void {
  if (isLoopback(host)) return;
  throw new PortolanError(
    'forbidden',
    `It will not gossip on ${host} without a key: whoever reaches that network could speak for any host. ` +
      'It asks its coordinators, which have the key, until one answers; --gossip-key FILE gives it one by hand.',
  );
}

function hostOf(seed: string): string {
  return seed.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
