import {
  DEFAULT_LABEL,
  HealthCheck,
  Name,
  Port,
  ProjectName,
  Protocol,
  parseInterval,
  policies,
} from '@portolan/model';
import { z } from 'zod';

const Text = z.string().trim().min(1).max(500);

/** `3006-3009`, or `3006` for one. @returns the closed interval */
const Ports = z
  .union([z.string().regex(/^\d{1,5}(-\d{1,5})?$/, { error: 'ports are written 3006-3009, or 3006 for one' }), Port])
  .transform((written, context) => {
    const interval = parseInterval(String(written));
    if (interval) return interval;
    context.addIssue({ code: 'custom', message: 'ports run from the lower to the higher, each from 1 to 65535' });
    return z.NEVER;
  });

const ReservedPorts = z.strictObject({ ports: Ports, reason: Text.default('room for growth') });

const ManifestRange = z.strictObject({
  ports: Ports.describe('The interval of the range, such as 3000-3099.'),
  purpose: z.string().trim().max(500).default('').describe('What the range is for.'),
  owner: Name.nullable().default(null).describe('The project that owns it; null for anybody.'),
  policy: z
    .enum(policies)
    .default('allocate')
    .describe('allocate: for its owner; dynamic: for whoever asks; blocked: for nobody.'),
  reserved: z.array(ReservedPorts).default([]).describe('Parts kept for growth: nothing is placed there.'),
  contiguous: z
    .boolean()
    .default(false)
    .describe('true: no gaps between the ports in use, save reserved and blocked ones.'),
});

const BlockedPorts = z.strictObject({
  ports: Ports,
  protocol: Protocol.nullable().default(null).describe('null for both.'),
  reason: Text.describe('Why nobody may have them.'),
});

const ManifestEndpoint = z.strictObject({
  port: z
    .union([Port, z.literal('auto'), z.literal('none'), z.literal('unknown')])
    .default('auto')
    .describe(
      'The port it has; auto: choose one for me; none: it has no port (stdio, a daemon); unknown: it has one that nobody has written down.',
    ),
  planned: Port.optional().describe('The port that it shall have after a reorganisation.'),
  protocol: Protocol.default('tcp'),
  transport: Text.optional().describe('Of an endpoint without a port: how it is spoken to (stdio, MCP, process).'),
  range: z
    .union([Ports, Name])
    .optional()
    .describe('Where a port is chosen: the name of a range, or an interval such as 65001-65100.'),
  health: HealthCheck.optional().describe('Health check: a URL, a path on the port, or tcp.'),
  purpose: Text.optional(),
});

export const ManifestService = z.strictObject({
  description: Text.optional(),
  runtime: Text.optional().describe('What it runs on: Go, Hono/Bun, Python.'),
  status: z.enum(['required', 'optional']).optional().describe('required: it is a finding when nobody listens.'),
  directory: z.string().min(1).max(1000).optional().describe('Where its sources are, from the manifest on.'),
  aliases: z
    .array(z.string().min(1).max(255))
    .default([])
    .describe('Names that files give it: compose service, container, Prometheus target.'),
  hosts: z.array(z.string().min(1).max(255)).default([]).describe('Hosts that it runs on; none named: wherever.'),
  placement: Text.optional().describe('Where it runs, where hosts have no names: "gpu", "edge".'),
  internalOnly: z
    .boolean()
    .default(false)
    .describe('It must not be reachable from outside: publishing it is a finding.'),
  replicas: z.int().min(0).max(65_535).default(1).describe('How many of it run.'),
  endpoints: z
    .record(Name, ManifestEndpoint)
    .default({})
    .describe(`Its ports by label; "${DEFAULT_LABEL}" for the only one.`),
  dependencies: z
    .array(z.string().min(1).max(127))
    .default([])
    .describe('Services that it needs: by name, or project/name for one of another project.'),
  files: z.array(z.string().min(1).max(1000)).default([]).describe('Files that mention its ports.'),
});

/** Ports of `first` and of `second` that belong together share their last digits. */
const Pairing = z.strictObject({
  first: Ports,
  second: Ports,
  digits: z.int().min(1).max(4).default(2).describe('How many last digits are shared.'),
  strict: z.boolean().default(true).describe('false: where possible; a broken pair is then only information.'),
  pairs: z
    .array(z.tuple([Name, Name]))
    .default([])
    .describe(
      'Services that belong together: [one in first, one in second]. Others pair by name: chat-server, chat-web.',
    ),
});

/** The plan of one project, `portolan.yaml`. */
export const Manifest = z
  .strictObject({
    $schema: z.string().optional(),
    project: ProjectName.describe('The project that the services belong to.'),
    description: Text.optional(),
    blockSize: z.int().min(1).max(65_535).default(100).describe('How many ports a project is given at a time.'),
    ranges: z.record(Name, ManifestRange).default({}),
    blocked: z.array(BlockedPorts).default([]),
    services: z.record(Name, ManifestService).default({}),
    pairings: z.array(Pairing).default([]),
    files: z
      .array(z.string().min(1).max(1000))
      .default([])
      .describe('Files to edit when ports change: paths or patterns.'),
    ignore: z
      .array(z.string().min(1).max(1000))
      .default([])
      .describe('What import and check pass over, as in .gitignore.'),
    unsure: z
      .record(z.string(), Text)
      .default({})
      .describe(
        'Findings that the files leave open, by their id, and why: they count for nothing. Take out what is decided.',
      ),
  })
  .meta({ title: 'Portolan manifest' });
export type Manifest = z.infer<typeof Manifest>;
export type ManifestInput = z.input<typeof Manifest>;

export type ManifestService = z.infer<typeof ManifestService>;
export type ManifestEndpoint = ManifestService['endpoints'][string];
export type ManifestRange = Manifest['ranges'][string];
