import type { Obstacle, ProblemCode } from '@portolan/model';
import { PortolanError } from '@portolan/model/plain';

/** What the refusals of a reservation bring along to go on from; `data` of other codes is told by their message. */
interface RefusalData {
  'port-taken': Taken;
  'port-blocked': Taken;
  'range-exhausted': { attempts?: number; suggestions?: number[] };
  /** `port` is what the service has, `wanted` what was asked for. */
  'endpoint-elsewhere': { port?: number; wanted?: number; held?: Record<string, number> };
  /** Somebody else has the port now; the finding with this id tells the story. */
  'assignment-lost': { port: number; owner: string | null; finding: string | null };
}

interface Taken {
  port: number;
  /** The service in the way, when it is known. */
  owner?: string | null;
  obstacle?: Obstacle;
  /** Ports nearby that could be had, at most 3. */
  suggestions?: number[];
}

type DataOf<C extends ProblemCode> = C extends keyof RefusalData ? RefusalData[C] : Record<string, unknown>;

/**
 * Whether an error is a problem with one of these codes; then its `data` is typed by it.
 *
 * `if (isProblem(error, 'port-taken')) tryInstead(error.data.suggestions);`
 */
export function isProblem<C extends ProblemCode>(
  error: unknown,
  ...codes: readonly C[]
): error is PortolanError & { readonly code: C; readonly data: DataOf<C> } {
  return error instanceof PortolanError && (codes as readonly ProblemCode[]).includes(error.code);
}
