import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  type Enrolment,
  type EnrolmentMade,
  type EnrolmentRequest,
  type EnrolRequest,
  enrolmentIdOf,
  formatEnrolmentCode,
  key,
  PortolanError,
  type Position,
  type StoredEnrolment,
  type StoredToken,
  type TokenView,
} from '@portolan/model';
import { alternative, put } from '../commands/entries.ts';
import { guardOf } from '../commands/host-names.ts';
import type { Executor } from '../executor.ts';
import { type Act, acting } from './act.ts';
import { digestOf, newTokenId, TOKENS_MAX, viewOf } from './tokens.ts';

/** How many a fleet may have. */
const ENROLMENTS_MAX = 100;

/**
 * Lets new hosts in. The code lies on every machine of a cluster, so it is made to be worth little: whoever has it gets
 * the rights of one agent for a host that nobody knows, as often as the enrolment has places left. It is no token: it
 * reads nothing, is not gossiped, and opens no stream.
 */
export class Enrolments {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  create({ name, hosts, ttl }: EnrolmentRequest, createdBy: string): Promise<EnrolmentMade> {
    const id = newTokenId();
    const code = formatEnrolmentCode(id, randomBytes(32).toString('base64url'));
    const now = Date.now();
    const expiresAt = ttl === undefined ? null : new Date(now + ttl * 1000).toISOString();
    const made: Enrolment = { id, name, left: hosts, createdAt: new Date(now).toISOString(), createdBy, expiresAt };
    return this.#executor.execute(() => {
      if (this.#executor.fleet.count('enrolment') >= ENROLMENTS_MAX) {
        throw new PortolanError(
          'too-many',
          `there are ${ENROLMENTS_MAX} enrolments already: revoke those that are used up`,
        );
      }
      const entryKey = key.enrolment(id);
      const only = alternative({
        conditions: [{ key: entryKey, version: null }],
        puts: [put<'enrolment'>(entryKey, { ...made, digest: digestOf(code) })],
      });
      return { alternatives: [only], answer: () => ({ ...made, code }) };
    });
  }

  /** Nobody is let in with it any more; the hosts that were stay. @throws PortolanError `not-found` */
  revoke(id: string): Promise<{ enrolment: Enrolment; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#executor.fleet.get('enrolment', key.enrolment(id));
      if (!held) throw new PortolanError('not-found', `there is no enrolment with the id ${id}`);
      const only = alternative({ conditions: [{ key: held.key, version: held.version }], deletes: [held.key] });
      return { alternatives: [only], answer: ({ position }) => ({ enrolment: shown(held.value), position }) };
    });
  }

  /**
   * Makes the token of an agent for a host that is new.
   *
   * @param act of whoever shows the code, by `actOf`
   * @throws PortolanError `unauthorized` for a code that is none; `forbidden` when it is used up, or the host is known
   */
  enrol({ code, host, token }: EnrolRequest, act: Act): Promise<TokenView> {
    const { name } = act.principal;
    return acting({ ...act, action: 'enrol' }, () =>
      this.#executor.execute<TokenView>(() => {
        const { fleet } = this.#executor;
        const held = this.#admit(code);
        const tokenKey = key.token(token.id);
        const before = fleet.get('token', tokenKey)?.value;
        // Its answer was lost.
        if (before?.digest === token.digest && before.host === host) {
          return { result: viewOf(before) };
        }
        if (before || fleet.host(host) || Array.from(fleet.all('token')).some(({ value }) => value.host === host)) {
          throw new PortolanError(
            'forbidden',
            `the host ${host} has been in the fleet before, and an enrolment lets in new ones alone: an admin lets it in again with "portolan hosts --forget ${host}" (and "portolan token revoke", if it has one), or gives it a token with "portolan token create"; a copy of another machine starts with --host-id`,
            { host },
          );
        }
        if (held.value.left === 0) {
          throw new PortolanError(
            'forbidden',
            `the enrolment "${name}" has let in as many hosts as it may; make another`,
          );
        }
        if (fleet.count('token') - fleet.loginCount >= TOKENS_MAX)
          throw new PortolanError('too-many', `there are ${TOKENS_MAX} tokens already`);
        const made: StoredToken = {
          id: token.id,
          name: `enrolled ${host}`.slice(0, 100),
          role: 'agent',
          projects: null,
          host,
          createdAt: new Date().toISOString(),
          createdBy: name,
          expiresAt: null,
          digest: token.digest,
        };
        const only = alternative({
          // Its version makes two at once take turns, so that a place, or a host, is not given twice.
          conditions: [
            { key: held.key, version: held.version },
            { key: tokenKey, version: null },
            { key: key.host(host), version: null },
            { key: guardOf(host), version: fleet.version('guard', guardOf(host)) },
          ],
          puts: [
            put<'guard'>(guardOf(host), { by: host }),
            put<'token'>(tokenKey, made),
            put<'enrolment'>(held.key, { ...held.value, left: held.value.left - 1 }),
          ],
        });
        return { alternatives: [only], answer: () => viewOf(made) };
      }),
    );
  }

  /**
   * Who shows a code, for the audit trail: the enrolment.
   *
   * @param address where the request came from
   * @throws PortolanError `unauthorized`
   */
  actOf({ code }: EnrolRequest, address: string | null): Act {
    const { id, name, expiresAt } = this.#admit(code).value;
    // Bound to nothing: what is committed for it is decided here alone.
    return { principal: { id, name, role: 'agent', projects: null, host: null, expiresAt }, address };
  }

  #admit(code: string) {
    const held = this.#executor.fleet.get('enrolment', key.enrolment(enrolmentIdOf(code)));
    if (!held || !timingSafeEqual(Buffer.from(digestOf(code)), Buffer.from(held.value.digest))) {
      throw new PortolanError('unauthorized', 'the code of the enrolment is not valid here, or it was revoked');
    }
    const { name, expiresAt } = held.value;
    if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) {
      throw new PortolanError('unauthorized', `the enrolment "${name}" expired at ${expiresAt}`);
    }
    return held;
  }
}

export function shown({ digest: _digest, ...enrolment }: StoredEnrolment): Enrolment {
  return enrolment;
}
