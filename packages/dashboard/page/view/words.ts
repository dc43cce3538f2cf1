import { type Finding, type FindingEvent, severities } from '@portolan/model';

const format = new Intl.NumberFormat('en');
export const number = (value: number): string => format.format(value);

export function plural(count: number, word: string): string {
  return `${number(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** `Active collision on 3050` */
export function titleOf({ kind, class: bite, protocol, port, parties }: Finding): string {
  const [host] = kind === 'host-unreachable' && parties.length === 1 ? parties : [];
  const who = host?.host ? `: ${host.host.name}` : '';
  const where = port === null ? who : ` on ${protocol === 'udp' ? 'udp ' : ''}${port}`;
  const title = `${bite ? `${bite} ` : ''}${kind.replaceAll('-', ' ')}${where}`;
  return title.charAt(0).toUpperCase() + title.slice(1);
}

/** What is open before what was seen, collisions first among equals, then the newest. */
export function byUrgency(a: Finding, b: Finding): number {
  const acknowledged = Number(a.state !== 'open') - Number(b.state !== 'open');
  const weight = severities.indexOf(a.severity) - severities.indexOf(b.severity);
  const collisions = Number(a.kind !== 'collision') - Number(b.kind !== 'collision');
  return acknowledged || weight || collisions || (a.firstSeen < b.firstSeen ? 1 : -1);
}

/** Each once; those that nobody could tell as one. A host by itself is no service. */
export function servicesOf({ parties }: Finding): string[] {
  const meant = parties.filter(({ service, address, endpoint }) => (service ?? address ?? endpoint) !== null);
  return [...new Set(meant.map(({ service }) => service ?? 'not identified'))];
}

/** Names of the hosts that it is about, each once. */
export function hostsOf({ parties }: Finding): string[] {
  return [...new Set(parties.flatMap(({ host }) => host?.name ?? []))];
}

/** What happened to a finding, after its name. */
export const changeWords: Record<FindingEvent['change'], string> = {
  opened: 'came up',
  worsened: 'got worse',
  eased: 'got better',
  changed: 'other services are in it',
  acknowledged: 'was acknowledged',
  reopened: 'was opened again',
  noted: 'a note was written',
  resolved: 'was resolved',
};
