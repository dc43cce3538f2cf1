import { type Interval, Name, type PlanInput, parseInterval, type RangeChoice } from '@portolan/model';
import type { z } from 'zod';
import { flatRanges } from '../manifest/range-set.ts';
import type { Manifest, ManifestEndpoint, ManifestService } from '../manifest/schema.ts';

/** What a manifest says to the registry. */
export function declarationOf(manifest: Manifest): PlanInput {
  const { project, blocked, services } = manifest;
  return {
    ranges: flatRanges(manifest).map(({ name, ports, range: { purpose, owner, policy, reserved } }) => {
      const kept = reserved.flatMap((part) => within(ports, part));
      return { name, ...ports, purpose, owner, policy, ...(kept.length > 0 && { reserved: kept }) };
    }),
    blocks: blocked.map(({ ports, protocol, reason }) => ({ ...ports, protocol, reason })),
    services: Object.entries(services).map(([name, service]) => serviceOf(project, name, service)),
  };
}

/** What of a reserved part lies in these ports. */
function within(
  { from, to }: Interval,
  { ports, reason }: { readonly ports: Interval; readonly reason: string },
): (Interval & { reason: string })[] {
  const part = { from: Math.max(from, ports.from), to: Math.min(to, ports.to) };
  return part.from <= part.to ? [{ ...part, reason: reason.slice(0, 500) }] : [];
}

function serviceOf(
  project: string,
  name: string,
  service: ManifestService,
): NonNullable<PlanInput['services']>[number] {
  const { description, runtime, status, hosts, placement, internalOnly, aliases, replicas, dependencies, endpoints } =
    service;
  return {
    name,
    ...(description !== undefined && { description }),
    ...(runtime !== undefined && { runtime: runtime.slice(0, 100) }),
    ...(status !== undefined && { status }),
    hosts,
    ...(placement !== undefined && { placement: placement.slice(0, 100) }),
    internalOnly,
    aliases: aliases.filter((alias) => Name.safeParse(alias).success),
    replicas,
    dependencies: dependencies.map((needed) => (needed.includes('/') ? needed : `${project}/${needed}`)),
    endpoints: Object.entries(endpoints).flatMap(([label, endpoint]) => endpointOf(label, endpoint)),
  };
}

/** A port that nobody knows cannot be declared. */
function endpointOf(label: string, { port, protocol, range, health, transport, purpose }: ManifestEndpoint) {
  if (port === 'unknown') return [];
  return [
    {
      label,
      protocol,
      port,
      ...(range !== undefined && { range: rangeChoice(range) }),
      ...(health !== undefined && { health }),
      ...(transport !== undefined && { transport: transport.slice(0, 100) }),
      ...(purpose !== undefined && { purpose }),
    },
  ];
}

function rangeChoice(range: NonNullable<ManifestEndpoint['range']>): z.input<typeof RangeChoice> {
  return typeof range === 'string' ? (parseInterval(range) ?? range) : range;
}
