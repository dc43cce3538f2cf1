import type { HealthReport, HostInfo, ReportRequest, ReportResponse, Task, TaskAnswer } from '@portolan/model';
import type { HealthNews } from './health-checker.ts';

/**
 * What an agent needs of a coordinator. Each call settles in bounded time, with a `PortolanError` when it fails, and
 * need not be tried again by whoever implements it: the agent does that.
 */
export interface Coordinator {
  join(host: string, info: HostInfo): Promise<unknown>;
  /** @throws PortolanError `unknown-host` when the coordinator has no such host: join first */
  report(host: string, report: ReportRequest): Promise<ReportResponse>;
  /** The host goes on purpose: its listeners are no longer kept. */
  leave(host: string): Promise<unknown>;
  /**
   * Tasks for the host as they are given, unanswered ones only, until the signal aborts. May end or throw: it is called
   * again. On the same line it hears of the health checks that are wanted of the host, each time from the beginning.
   */
  tasks(host: string, signal: AbortSignal, onHealth?: (news: HealthNews) => void): AsyncIterable<Task>;
  answerTask(id: string, answer: TaskAnswer): Promise<unknown>;
  reportHealth(host: string, report: HealthReport): Promise<unknown>;
  /** Where those are that the agent knows. */
  urls?(): readonly string[];
  /** Whether one answers that can take commands. Does not throw. */
  isReady(): Promise<boolean>;
}
