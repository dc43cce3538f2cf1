import { z } from 'zod';
import { type ProblemCode, problemStatus } from './portolan-error.ts';

/** RFC 9457 problem details, with a stable `code` and whatever data helps to act on it. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(problemStatus) as [ProblemCode, ...ProblemCode[]]),
    /** Of an answer with status 408 or from 500 on: false when surely nothing of what was asked has been done. */
    mayHaveBeenDone: z.boolean().optional(),
  })
  .loose()
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;
