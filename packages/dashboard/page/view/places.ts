import type { IconName } from './icon.tsx';

/** The pages that one goes to by name. */
export const places: readonly { path: string; title: string; icon: IconName }[] = [
  { path: '/', title: 'Overview', icon: 'overview' },
  { path: '/findings', title: 'Findings', icon: 'findings' },
  { path: '/map', title: 'Port map', icon: 'map' },
  { path: '/services', title: 'Services', icon: 'services' },
  { path: '/graph', title: 'Dependencies', icon: 'graph' },
  { path: '/hosts', title: 'Hosts', icon: 'hosts' },
  { path: '/ranges', title: 'Ranges', icon: 'ranges' },
  { path: '/listeners', title: 'Listeners', icon: 'listeners' },
  { path: '/reserve', title: 'Reserve', icon: 'reserve' },
  { path: '/alerts', title: 'Alerts', icon: 'alerts' },
];
