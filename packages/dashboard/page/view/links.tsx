import { type Protocol, parseServiceId } from '@portolan/model';
import { hosts } from '../data/fleet.ts';

export const findingPath = (id: string): string => `/findings/${encodeURIComponent(id)}`;
export const hostPath = (id: string): string => `/hosts/${encodeURIComponent(id)}`;
export function servicePath(id: string): string {
  const { project, service } = parseServiceId(id);
  return `/services/${encodeURIComponent(project)}/${encodeURIComponent(service)}`;
}

export function PortLink({ port, protocol }: { port: number; protocol?: Protocol | null }) {
  return (
    <a class="port" href={`/ports/${port}`}>
      {port}
      {protocol && protocol !== 'tcp' && <span class="protocol">/{protocol}</span>}
    </a>
  );
}

export function ServiceLink({ id }: { id: string | null }) {
  return id === null ? <span class="nobody">not identified</span> : <a href={servicePath(id)}>{id}</a>;
}

export function HostLink({ id, name }: { id: string; name?: string }) {
  const known = hosts.all.get(`host/${id}`);
  return <a href={hostPath(id)}>{name ?? known?.name ?? id}</a>;
}
