import type { Problem } from './problem.ts';

/** Every way to fail, with the HTTP status that it is answered with. */
export const problemStatus = {
  'invalid-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'unknown-host': 404,
  'unknown-range': 404,
  'port-taken': 409,
  'port-blocked': 409,
  'range-exhausted': 409,
  quota: 409,
  'range-overlap': 409,
  'name-taken': 409,
  ambiguous: 409,
  'endpoint-elsewhere': 409,
  'assignment-lost': 409,
  fenced: 409,
  'plan-conflict': 409,
  'plan-changed': 409,
  contention: 409,
  'members-missing': 409,
  'not-permitted': 403,
  protected: 403,
  'other-service': 409,
  'in-container': 409,
  'process-changed': 409,
  'still-bound': 409,
  'file-changed': 409,
  abandoned: 408,
  'no-agent': 503,
  'too-large': 413,
  misdirected: 421,
  'too-many': 429,
  internal: 500,
  'store-unavailable': 503,
  'durability-unknown': 503,
  'not-ready': 503,
  unreachable: 503,
  stranger: 503,
} as const;

export type ProblemCode = keyof typeof problemStatus;

/**
 * The one error of Portolan. `message` says what happened and why in a sentence; `data` holds what a program or a
 * person needs to go on, such as `port`, `owner`, `suggestions`.
 */
export class PortolanError extends Error {
  override readonly name = 'PortolanError';
  readonly code: ProblemCode;
  readonly data: Record<string, unknown>;

  constructor(code: ProblemCode, message: string, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.data = data;
  }

  static from(problem: Problem): PortolanError {
    const { type: _type, title: _title, status: _status, detail, code, ...data } = problem;
    return new PortolanError(code, detail, data);
  }

  /** With its message, which JSON would leave out, and without its stack. */
  toJSON(): object {
    const { name, code, message, data } = this;
    return { name, code, message, data };
  }

  toProblem(): Problem {
    return {
      ...this.data,
      type: `urn:portolan:problem:${this.code}`,
      title: titleOf(this.code),
      status: problemStatus[this.code],
      detail: this.message,
      code: this.code,
    };
  }
}

function titleOf(code: ProblemCode): string {
  const words = code.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
