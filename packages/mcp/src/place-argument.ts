import { z } from 'zod';

/** Of a call that is for one working copy. */
export const Instance = z
  .int()
  .min(1)
  .max(65_535)
  .optional()
  .describe('Which instance of the service. Left out: that of your working copy; 1 where none is known.');

export const Workspace = z
  .string()
  .max(4_096)
  .optional()
  .describe(
    'Absolute path of a directory in your working copy. Left out: your root, else where this server was started.',
  );
