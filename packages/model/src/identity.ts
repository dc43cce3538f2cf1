import { z } from 'zod';

/** A name in an identity: letters, digits, `.`, `_`, `-`; starts with a letter or digit; at most 63 characters. */
export const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
  error: 'a name has 1 to 63 letters, digits, dots, underscores or hyphens, and starts with a letter or digit',
});

/** The label of an endpoint that nobody labelled. */
export const DEFAULT_LABEL = 'default';

/** The project of a service that was identified by its command alone, so that its project is not known. */
export const UNKNOWN_PROJECT = 'unknown';

/** Whether it is what stands where no project is known. However it is written, nobody should take it for one. */
export function isUnknownProject(project: string): boolean {
  return project.toLowerCase() === UNKNOWN_PROJECT;
}

/**
 * A project as a request names it. A token or an assignment of the project `unknown` would be about everybody's processes
 * that are known by their names alone, so there is no such project. What a store has of it from earlier loads all the same.
 */
export const ProjectName = Name.refine((name) => !isUnknownProject(name), {
  error:
    '"unknown" is no project: it stands for services known by their command alone; name the project they belong to',
});

/** `project/name`, for example `mana/mana-sync`. */
export const ServiceId = z
  .string()
  .max(127)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'a service is written project/name' });
export type ServiceId = z.infer<typeof ServiceId>;

/** The number of a service's instance. */
export const HIGHEST_INSTANCE = 65_535;
export const Instance = z.int().min(1).max(HIGHEST_INSTANCE);

/** A labelled port of a service; a further instance of the service has a number from 2 on. */
export const Endpoint = z
  .object({
    project: Name,
    service: Name,
    label: Name,
    instance: Instance,
  })
  .meta({ id: 'Endpoint' });
export type Endpoint = z.infer<typeof Endpoint>;

export function serviceId(of: { project: string; service: string }): ServiceId {
  return `${of.project}/${of.service}`;
}

export function parseServiceId(id: ServiceId): { project: string; service: string } {
  const slash = id.indexOf('/');
  return { project: id.slice(0, slash), service: id.slice(slash + 1) };
}

/** `mana/mana-sync:api`, or `mana/mana-sync:api#2` for a further instance. */
export function formatEndpoint(endpoint: Endpoint): string {
  const suffix = endpoint.instance === 1 ? '' : `#${endpoint.instance}`;
  return `${serviceId(endpoint)}:${endpoint.label}${suffix}`;
}

/** Reads what `formatEndpoint` writes. @returns `undefined` when the text is no endpoint */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, project, service, label, number] = /^([^/:#]+)\/([^/:#]+):([^/:#]+)(?:#(\d{1,5}))?$/.exec(text) ?? [];
  return Endpoint.safeParse({ project, service, label, instance: Number(number ?? 1) }).data;
}

/**
 * Whether two identities name one service. A service whose project is unknown is the same as any of that name:
 * its identity rests on its command alone, and a wrong alarm costs more trust than a missed one.
 */
export function sameService(a: ServiceId, b: ServiceId): boolean {
  if (a === b) return true;
  const left = parseServiceId(a);
  const right = parseServiceId(b);
  return left.service === right.service && (left.project === UNKNOWN_PROJECT || right.project === UNKNOWN_PROJECT);
}

/** Runs of ports that are written; a line of them is to be read, and a service may have thousands. */
const RUNS_WRITTEN = 12;

/**
 * How people write a process and its ports: `process:5554`, `process (cdp:5556,health:5557)`. Neighbours of one label are
 * a run: `process (tcp:40000-41999)`; of very many runs the first are written, and how many ports the others have.
 *
 * @param ports in ascending order
 * @param unlisted ports that it has besides
 */
export function formatPorts(process: string, ports: readonly { label: string; port: number }[], unlisted = 0): string {
  const [only] = ports;
  if (!only) return process;
  const runs: { label: string; from: number; to: number }[] = [];
  for (const { label, port } of ports) {
    const last = runs.at(-1);
    if (last?.label === label && last.to === port - 1) last.to = port;
    else runs.push({ label, from: port, to: port });
  }
  const written = runs.slice(0, RUNS_WRITTEN);
  const texts = written.map(({ label, from, to }) => `${label}:${from === to ? from : `${from}-${to}`}`);
  const shown = written.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const rest = ports.length - shown + unlisted;
  const text = ports.length === 1 ? `${process}:${only.port}` : `${process} (${texts.join(',')})`;
  return rest > 0 ? `${text} and ${rest} more` : text;
}
