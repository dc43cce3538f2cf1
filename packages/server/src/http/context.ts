import type { Logger } from 'pino';
import type { Coordinator } from '../coordinator.ts';
import type { Gate } from './gate.ts';

/** What routes are made of: a coordinator, and who may reach it. */
export interface Context extends Coordinator {
  readonly gate: Gate;
  readonly logger: Logger;
  /** False from the moment the coordinator begins to stop. */
  serving(): boolean;
}
