import { useEffect } from 'preact/hooks';
import { LocationProvider, Route, Router } from 'preact-iso';
import { follow } from '../data/feed.ts';
import { beat } from '../data/pulse.ts';
import { entering, session } from '../data/session.ts';
import { Overview } from '../pages/overview.tsx';
import { Layout } from './layout.tsx';
import { Login } from './login.tsx';
import { part } from './part.ts';

const pages = {
  findings: part(() => import('../pages/findings.tsx').then(({ Findings }) => Findings)),
  finding: part(() => import('../pages/finding.tsx').then(({ FindingPage }) => FindingPage)),
  map: part(() => import('../pages/map.tsx').then(({ MapPage }) => MapPage)),
  port: part(() => import('../pages/port.tsx').then(({ PortPage }) => PortPage)),
  services: part(() => import('../pages/services.tsx').then(({ Services }) => Services)),
  service: part(() => import('../pages/service.tsx').then(({ ServicePage }) => ServicePage)),
  graph: part(() => import('../pages/graph.tsx').then(({ GraphPage }) => GraphPage)),
  hosts: part(() => import('../pages/hosts.tsx').then(({ Hosts }) => Hosts)),
  host: part(() => import('../pages/host.tsx').then(({ HostPage }) => HostPage)),
  ranges: part(() => import('../pages/ranges.tsx').then(({ Ranges }) => Ranges)),
  listeners: part(() => import('../pages/listeners.tsx').then(({ Listeners }) => Listeners)),
  reserve: part(() => import('../pages/reserve.tsx').then(({ Reserve }) => Reserve)),
  alerts: part(() => import('../pages/alerts.tsx').then(({ Alerts }) => Alerts)),
  missing: part(() => import('../pages/missing.tsx').then(({ Missing }) => Missing)),
};

export function App() {
  const current = session.value;
  useEffect(() => {
    if (!current) return undefined;
    const stop = new AbortController();
    follow(current, stop.signal);
    beat(stop.signal);
    return () => stop.abort();
  }, [current]);
  if (!current) return entering.value ? <p class="entering">Looking for the coordinator…</p> : <Login />;
  return (
    <LocationProvider scope={/^(?!\/(?:v1|reference|metrics|livez|readyz)(?:\/|$))/}>
      <Layout>
        <Router onRouteChange={() => document.querySelector<HTMLElement>('h1')?.focus()}>
          <Route path="/" component={Overview} />
          <Route path="/findings" component={pages.findings} />
          <Route path="/findings/:id" component={pages.finding} />
          <Route path="/map" component={pages.map} />
          <Route path="/ports/:port" component={pages.port} />
          <Route path="/services" component={pages.services} />
          <Route path="/services/:project/:name" component={pages.service} />
          <Route path="/graph" component={pages.graph} />
          <Route path="/hosts" component={pages.hosts} />
          <Route path="/hosts/:id" component={pages.host} />
          <Route path="/ranges" component={pages.ranges} />
          <Route path="/listeners" component={pages.listeners} />
          <Route path="/reserve" component={pages.reserve} />
          <Route path="/alerts" component={pages.alerts} />
          <Route default component={pages.missing} />
        </Router>
      </Layout>
    </LocationProvider>
  );
}
