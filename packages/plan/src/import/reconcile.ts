import type { Fact } from '../fact.ts';
import { settleComposeVariables } from './compose-variable.ts';
import { settleDocumentNames } from './document-name.ts';
import { drawEndpoints, type SurveyedEndpoint } from './endpoint.ts';
import { Identities } from './identity.ts';
import type { Note } from './importer.ts';
import { isGeneric, slugOf } from './service-name.ts';

/** A service that files speak of, by one or several names. */
export interface SurveyedService {
  /** Of the manifest. */
  name: string;
  /** How else files call it: compose services, containers, folders. */
  aliases: string[];
  /** Of these, those that are only parts of its folder's path. */
  implied: string[];
  /** Folder of its sources, from the root on. */
  directory?: string;
  /** Why all these names were taken for one service, a sentence each. */
  reasons: string[];
  endpoints: SurveyedEndpoint[];
}

export interface Reconciled {
  services: SurveyedService[];
  /** As they were given, in that order, with `service`, `reason` and `label` where those could be told. */
  facts: Fact[];
  notes: Note[];
}

/**
 * Tells which facts are of one service: by folder, by compose, container, package and target name. Names that are alike
 * and no more are never taken for one; names that differ by the project or by the word "service" are when they have one port, too.
 *
 * @param homes folders that have a package or an image of their own
 */
export function reconcile(
  given: readonly Fact[],
  { project, homes }: { project: string; homes: readonly string[] },
): Reconciled {
  const read = settleComposeVariables(given);
  const files = new Identities(
    read.filter(({ importer }) => importer !== 'markdown'),
    { project, homes },
  );
  const settled = settleDocumentNames(read, files, project);
  const identities = new Identities(settled, { project, homes });
  const facts = settled.map((fact) => identities.attach(fact));
  const { facts: labelled, endpoints, notes } = drawEndpoints(facts);
  const services = identities.services().map(({ name, aliases, told, directory, reasons }) => ({
    name,
    aliases: [...new Set(aliases.values())].filter((alias) => alias !== name && !isGeneric(slugOf(alias))),
    implied: [...aliases.values()].filter((alias) => !told.has(alias)),
    ...(directory === undefined ? {} : { directory }),
    reasons,
    endpoints: endpoints.get(name) ?? [],
  }));
  // A package alone may be a library, and a Dockerfile one way to build what goes by another name; whatever runs
  // somewhere is a service, with or without a port.
  const spoken = new Set(labelled.filter(runs).map(({ service }) => service));
  const running = services.filter(({ name }) => spoken.has(name));
  return { services: running, facts: labelled, notes };
}

function runs({ kind, importer, names, sure }: Fact): boolean {
  if (sure === 'unsure' || kind === 'refers') return false;
  if (importer === 'dockerfile') return names.some(({ from }) => from !== 'image');
  return kind !== 'named' || importer !== 'package';
}
