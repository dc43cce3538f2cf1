import type { Case } from './case.ts';
import { clock } from './clocks/clock.ts';
import { massExpiry } from './clocks/mass-expiry.ts';
import { laptopSleep } from './clocks/sleep.ts';
import { config } from './durability/config.ts';
import { partition } from './durability/partition.ts';
import { planned, plannedOne } from './durability/planned.ts';
import { sentinel } from './durability/sentinel.ts';
import { sqlite } from './durability/sqlite.ts';
import { volatile } from './durability/volatile.ts';
import { ghost } from './history/ghost.ts';
import { rewind, rewindStalled } from './history/rewind.ts';
import { trail } from './history/trail.ts';
import { again } from './requests/again.ts';
import { reassert } from './requests/reassert.ts';
import { sdk } from './requests/sdk.ts';
import { stale } from './requests/stale.ts';
import { zombie } from './requests/zombie.ts';
import { resubscribe } from './streams/resubscribe.ts';
import { resume } from './streams/resume.ts';
import { resumeReset } from './streams/resume-reset.ts';

/** By the name that they are asked for by. */
export const CASES: Readonly<Record<string, Case>> = {
  rewind,
  'rewind-stalled': rewindStalled,
  ghost,
  trail,
  clock,
  sleep: laptopSleep,
  'mass-expiry': massExpiry,
  planned,
  'planned-one': plannedOne,
  partition,
  sentinel,
  config,
  volatile,
  sqlite,
  resume,
  resubscribe,
  resumereset: resumeReset,
  stale,
  sdk,
  zombie,
  again,
  reassert,
};
