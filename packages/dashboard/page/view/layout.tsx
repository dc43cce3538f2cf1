import { signal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { ErrorBoundary, useLocation } from 'preact-iso';
import { line, listenersReady, loading } from '../data/feed.ts';
import { openFindings } from '../data/fleet.ts';
import { leave, session } from '../data/session.ts';
import { doubt } from '../data/trouble.ts';
import { Banner } from './banner.tsx';
import { Icon } from './icon.tsx';
import { Notices } from './notice.tsx';
import { fetchParts, part } from './part.ts';
import { places } from './places.ts';
import { theme, toggleTheme } from './theme.ts';

const Palette = part(() => import('./palette.tsx').then(({ Palette }) => Palette));

const searching = signal(false);

export function Layout({ children }: { children: ComponentChildren }) {
  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') return;
      event.preventDefault();
      searching.value = true;
    };
    addEventListener('keydown', open);
    return () => removeEventListener('keydown', open);
  }, []);
  useSignalEffect(() => {
    if (line.value === 'live') fetchParts();
  });
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <div class="frame">
        <Side />
        <div class="body">
          <Top />
          <Banner />
          <main id="content" tabIndex={-1}>
            {children}
          </main>
        </div>
      </div>
      <Notices />
      <ErrorBoundary>{searching.value && <Palette close={() => (searching.value = false)} />}</ErrorBoundary>
    </>
  );
}

function Side() {
  const { path } = useLocation();
  const count = openFindings.value.filter(({ state }) => state === 'open').length;
  useEffect(() => {
    // Where they stand in a row, the current one may be out of sight.
    document.querySelector('.side a[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [path, count > 0]);
  return (
    <nav class="side" aria-label="Pages">
      <a class="brand" href="/">
        <Rose />
        <span>Portolan</span>
      </a>
      <ul>
        {places.map((place) => {
          const here = place.path === '/' ? path === '/' : path.startsWith(place.path);
          return (
            <li key={place.path}>
              <a href={place.path} aria-current={here ? 'page' : undefined}>
                <Icon name={place.icon} />
                <span>{place.title}</span>
                {place.path === '/findings' && count > 0 && (
                  <span class="count">
                    {count}
                    <span class="unseen"> open</span>
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
      <p class="side-foot">
        <a href="/reference">API reference</a>
      </p>
    </nav>
  );
}

function Rose() {
  return (
    <svg class="rose" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="12.5" />
      <path class="point" d="M3 16 16 13.6 29 16 16 18.4z" />
      <path class="point" d="M16 3 18.6 16 16 29 13.4 16z" />
      <path class="north" d="M16 3 18.6 16h-5.2z" />
    </svg>
  );
}

function Top() {
  const { caller } = session.value!;
  return (
    <header class="top">
      <button type="button" class="search-button" onClick={() => (searching.value = true)} aria-haspopup="dialog">
        <Icon name="search" />
        <span>Go to a port, a service, a host…</span>
        <kbd>{/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'} K</kbd>
      </button>
      <Line />
      <span class="caller" title={`The token "${caller.name}" (${caller.role})`}>
        {caller.name} <span class="role">{caller.role}</span>
      </span>
      <button
        type="button"
        class="plain"
        onClick={toggleTheme}
        aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
      >
        <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
      </button>
      <button type="button" class="plain" onClick={() => leave()} aria-label="Forget the token and leave">
        <Icon name="leave" />
      </button>
    </header>
  );
}

function Line() {
  const unsure = doubt.value;
  const now = unsure ? 'lost' : line.value;
  const part = loading.value;
  const loaded = listenersReady.value && !part;
  const share = part && part.of > 0 ? Math.floor((100 * part.loaded) / part.of) : 0;
  return (
    <span class={`line ${now}`}>
      <i aria-hidden="true" />
      {unsure?.word ?? (line.value === 'live' ? 'live' : 'connecting')}
      {now === 'live' && !loaded && <span class="share"> · listeners {share} %</span>}
    </span>
  );
}
