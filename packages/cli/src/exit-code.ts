import type { ProblemCode } from '@portolan/model';

/** What the exit codes of the command mean: part of its interface, shown by `--help`. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed' },
  usage: { code: 2, meaning: 'the command was not written right' },
  notFound: { code: 3, meaning: 'nothing there: nobody has the port, no such thing' },
  refused: { code: 4, meaning: 'refused: the port is taken or blocked, the range is full, no permission' },
  unreachable: { code: 5, meaning: 'no coordinator could serve it' },
  findings: { code: 6, meaning: 'there are findings ("check", "findings --exit-code"); out of date ("docs --check")' },
} as const;

export type Exit = keyof typeof exitCodes;

/** How each problem of the coordinator ends the command. */
const exits: Record<ProblemCode, Exit> = {
  'invalid-request': 'usage',
  unauthorized: 'refused',
  forbidden: 'refused',
  'not-found': 'notFound',
  'unknown-host': 'notFound',
  'unknown-range': 'notFound',
  'port-taken': 'refused',
  'port-blocked': 'refused',
  'range-exhausted': 'refused',
  quota: 'refused',
  'range-overlap': 'refused',
  'name-taken': 'refused',
  ambiguous: 'usage',
  'endpoint-elsewhere': 'refused',
  'assignment-lost': 'refused',
  fenced: 'refused',
  'plan-conflict': 'refused',
  'plan-changed': 'refused',
  contention: 'refused',
  'members-missing': 'refused',
  'not-permitted': 'refused',
  protected: 'refused',
  'other-service': 'refused',
  'in-container': 'refused',
  'process-changed': 'refused',
  'still-bound': 'refused',
  'file-changed': 'refused',
  abandoned: 'unreachable',
  'no-agent': 'unreachable',
  'too-large': 'failed',
  misdirected: 'failed',
  'too-many': 'failed',
  internal: 'failed',
  'store-unavailable': 'unreachable',
  'durability-unknown': 'failed',
  'not-ready': 'unreachable',
  unreachable: 'unreachable',
  stranger: 'unreachable',
};

export function exitCodeOf(code: ProblemCode): number {
  return exitCodes[exits[code]].code;
}

export function exitCodesHelp(): string {
  const lines = Object.values(exitCodes).map(({ code, meaning }) => `  ${code}  ${meaning}`);
  return `\nExit codes:\n${lines.join('\n')}\n  run passes the code of its command on, 128 + signal when a signal ended it\n`;
}
