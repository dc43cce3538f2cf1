import { setTimeout as sleep } from 'node:timers/promises';
import type { Body, LeaseRef } from '../world/http.ts';
import { Random } from '../world/random.ts';
import { revisionOf } from '../world/version.ts';
import type { Client, Insisted } from './client.ts';
import { FIRST_PORT, LAST_PORT, PORTS } from './options.ts';
import type { Span, Trail } from './trail.ts';

interface Hold {
  readonly ports: Record<string, number>;
  readonly token: string;
  readonly lease: { readonly id: string; readonly ttl: number } | null;
  /** Seconds that were asked for. */
  readonly ttl: number | undefined;
  readonly spans: readonly Span[];
}

/** What it had before. */
interface Past {
  readonly hold: Hold;
  /** It may be assigned to it yet: it was let lapse, or it is not known whether its release was done. */
  lapsed: boolean;
}

/**
 * A program that has one service, and does at random what programs do: reserve a port, some ports or a certain one, for good
 * or by a lease; renew; ask again; read; release; sleep through its lease; re-assert. It asks until it has a definite answer.
 */
export class Holder {
  readonly project: string;
  readonly name: string;
  /** `project/name` */
  readonly service: string;
  readonly #labels: { labels?: string[] };
  readonly #client: Client;
  readonly #trail: Trail;
  readonly #random: Random;
  /** Number of another coordinator than this one; the same when there is only one. */
  readonly #other: (target: number) => number;
  #working = true;
  #hold: Hold | undefined;
  #past: Past | undefined;

  constructor(index: number, seed: number, client: Client, trail: Trail, other: (target: number) => number) {
    this.project = `p${index % 7}`;
    this.name = `s${index}`;
    this.service = `${this.project}/${this.name}`;
    this.#labels = index % 8 === 0 ? { labels: ['a', 'b', 'c'] } : {};
    this.#client = client;
    this.#trail = trail;
    this.#random = new Random(seed, index);
    this.#other = other;
  }

  async work(): Promise<void> {
    while (this.#working) {
      await this.#act(this.#random.next());
      const hurried = this.#hold?.lease && this.#deadline - performance.now() < 3500;
      await sleep(hurried ? 20 : 40 + this.#random.next() * 260);
    }
  }

  /** It ends what it is at, and keeps what it has. */
  stop(): void {
    this.#working = false;
  }

  #act(dice: number): Promise<void> {
    const hold = this.#hold;
    if (!hold) return this.#reserve();
    if (hold.lease && dice < 0.55) return this.#renew(hold, hold.lease);
    if (dice < 0.7) return this.#askAgain(hold);
    if (hold.lease && dice < 0.76) return this.#sleepThrough();
    if (dice < 0.9) return this.#release();
    return this.#read();
  }

  /** Until then it surely has what it has, ms. */
  get #deadline(): number {
    return Math.min(...(this.#hold?.spans.map(({ to }) => to) ?? []));
  }

  async #reserve(): Promise<void> {
    const random = this.#random;
    const ttl = random.next() < 0.65 ? random.whole(5, 8) : undefined;
    const where = random.next();
    const port = FIRST_PORT + random.whole(0, PORTS - 4);
    const past = this.#past && random.next() < 0.3 ? this.#past : undefined;
    const range = `${FIRST_PORT}-${LAST_PORT}`;
    const lowest = random.next() < 0.5 && { order: 'lowest' };
    const wish = where < 0.25 ? { port } : where < 0.5 ? { preferred: port, range } : { range, ...lowest };
    const who = { project: this.project, service: this.name, ...(ttl && { ttl }) };
    const result = past
      ? await this.#client.insist('POST', '/v1/assignments/reassert', {
          ...who,
          ports: past.hold.ports,
          token: past.hold.token,
        })
      : await this.#client.insist('POST', '/v1/assignments', { ...who, ...this.#labels, ...wish });
    this.#attempted(past ? 'reassert' : 'reserve', result);
    const { outcome, body } = result;
    if (outcome === 'ok') {
      if (result.tries > 1) this.#trail.count('retried');
      if (!body.created && !result.unsure && !past && !this.#past?.lapsed) {
        this.#trail.violation('reserve not sent twice found ports already there', { service: this.service, body });
      }
      this.#begin(result, ttl);
      this.#past = undefined;
      if (random.next() < 0.2) await this.#readOwn(result);
    } else if (outcome === 'fail') {
      this.#trail.count(`refusal:${body.code}`);
      if (past) this.#past = undefined;
    } else {
      this.#trail.note('unresolved', this.service);
    }
  }

  /** What it wrote, at another coordinator, by the position of the write. */
  async #readOwn({ body, target }: Insisted): Promise<void> {
    const { service } = this;
    const [port = 0] = Object.values(body.ports ?? {});
    const path = `/v1/assignments/tcp/${port}?position=${body.position}`;
    const read = await this.#client.request('GET', path, undefined, { target: this.#other(target) });
    if (read.doneAt >= this.#deadline) return;
    const { code, endpoint } = read.body;
    if (read.outcome === 'fail') this.#trail.violation('own write not read by its position', { service, port, code });
    if (read.outcome !== 'ok' || `${endpoint?.project}/${endpoint?.service}` === service) return;
    this.#trail.violation('own write shows another owner', { service, port, read: read.body });
  }

  async #renew(hold: Hold, { id }: { id: string }): Promise<void> {
    const lease: LeaseRef = { id, token: hold.token };
    // Nobody is harmed when it is carried out late, so a coordinator that does not answer need not cost the lease.
    const timeout = () => Math.min(10_000, Math.max(1000, (this.#deadline - performance.now()) / 2));
    const result = await this.#client.insist('POST', '/v1/leases/renew', { leases: [lease] }, timeout);
    if (result.outcome !== 'ok') return;
    if (result.body.renewed?.length === 1) return this.#extend(hold, result.sentAt);
    const { service } = this;
    const left = Math.round(this.#deadline - result.doneAt);
    const code = result.body.lost?.[0]?.code;
    if (left > 0) {
      const { ports, token } = hold;
      this.#trail.violation('lease lost before its time', { service, code, left, ports, token, target: result.target });
    } else {
      // The client waits longer for a frozen coordinator than its lease lasts, in all but renewals; the SDK does not.
      this.#trail.note('lease lost while its holder could not renew', { service, code, late: -left });
    }
    this.#end(performance.now(), true);
  }

  async #askAgain(hold: Hold): Promise<void> {
    const { service } = this;
    const body = { project: this.project, service: this.name, ...this.#labels, ...(hold.lease && { ttl: hold.ttl }) };
    const result = await this.#client.insist('POST', '/v1/assignments', body);
    const inTime = result.doneAt < this.#deadline;
    if (result.outcome === 'fail' && inTime) {
      const { code, detail } = result.body;
      this.#trail.violation('asked again, refused', { service, code, detail });
    }
    if (result.outcome !== 'ok') return;
    const same = JSON.stringify(result.body.ports) === JSON.stringify(hold.ports);
    if (!same && inTime) {
      this.#trail.violation('asked again, other ports', { service, held: hold.ports, got: result.body.ports });
    }
    if (same && result.body.token === hold.token) return this.#extend(hold, result.sentAt);
    this.#attempted('reserve', result);
    this.#end(result.first, false);
    this.#begin(result, hold.ttl);
  }

  async #sleepThrough(): Promise<void> {
    const to = this.#deadline;
    this.#end(to, true);
    const until = to + this.#random.whole(0, 18_000);
    while (this.#working && performance.now() < until) await sleep(200);
  }

  async #release(): Promise<void> {
    const { service } = this;
    const sure = this.#deadline;
    const past = this.#end(performance.now(), false);
    const { lease, token } = past.hold;
    const byLease = lease && this.#random.next() < 0.5;
    const body = byLease ? { lease: lease.id, token } : { project: this.project, service: this.name, token };
    const result = await this.#client.insist('POST', '/v1/assignments/release', body);
    this.#attempted('release', result);
    const { outcome, unsure, doneAt, target } = result;
    const { code, detail } = result.body;
    const early = outcome === 'fail' && doneAt < sure;
    if (early && !unsure) {
      this.#trail.violation('release of what is held refused', { service, code, detail, target });
    }
    past.lapsed = outcome !== 'ok' && !(early && code === 'not-found');
  }

  async #read(): Promise<void> {
    const consistent = this.#random.next() < 0.6;
    const result = await this.#client.request(
      'GET',
      `/v1/assignments?limit=10000${consistent ? '&consistent=true' : ''}`,
    );
    if (result.outcome !== 'ok') return;
    const { sentAt, doneAt, target } = result;
    const revision = revisionOf(result.body.position ?? '');
    this.#trail.reads.push({ sentAt, doneAt, consistent, target, revision, owners: ownersIn(result.body) });
  }

  #begin({ body, sentAt, doneAt }: Insisted, ttl: number | undefined): void {
    const { ports = {}, token = '', lease = null } = body;
    const to = lease ? sentAt + lease.ttl * 1000 : Number.POSITIVE_INFINITY;
    const spans = Object.values(ports).map((port): Span => ({ service: this.service, port, token, from: doneAt, to }));
    this.#trail.spans.push(...spans);
    this.#hold = { ports, token, lease, ttl, spans };
  }

  #extend({ lease, spans }: Hold, sentAt: number): void {
    if (lease) for (const span of spans) span.to = sentAt + lease.ttl * 1000;
  }

  #end(time: number, lapsed: boolean): Past {
    const hold = this.#hold as Hold;
    for (const span of hold.spans) span.to = Math.min(span.to, time);
    this.#hold = undefined;
    this.#past = { hold, lapsed };
    return this.#past;
  }

  #attempted(kind: 'reserve' | 'reassert' | 'release', { outcome, body, unsure, first }: Insisted): void {
    const { created, token } = body;
    this.#trail.attempts.push({ service: this.service, kind, ok: outcome === 'ok', created, unsure, token, first });
  }
}

/** Port to service of a list of assignments. */
export function ownersIn({ items = [] }: Body): Map<number, string> {
  const assignments = items as readonly { port: number; endpoint: { project: string; service: string } }[];
  return new Map(assignments.map(({ port, endpoint }) => [port, `${endpoint.project}/${endpoint.service}`]));
}
