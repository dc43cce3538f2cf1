import { HIGHEST_PORT, LOWEST_PORT } from '@portolan/model';
import { useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { hosts, openFindings, ranges } from '../data/fleet.ts';
import { hasWords } from '../data/found-words.ts';
import { services } from '../data/services.ts';
import { Dialog } from './dialog.tsx';
import { findingPath, hostPath, servicePath } from './links.tsx';
import { places } from './places.ts';
import { toggleTheme } from './theme.ts';
import { titleOf } from './words.ts';

/** Of each sort. */
const SHOWN = 6;

interface Goal {
  readonly sort: string;
  readonly title: string;
  readonly go: string | (() => void);
}

/** Goes anywhere by a few letters. */
export function Palette({ close }: { close: () => void }) {
  const { route } = useLocation();
  const [words, setWords] = useState('');
  const [chosen, choose] = useState(0);
  const goals = useMemo(() => goalsFor(words), [words]);
  const go = (goal: Goal | undefined) => {
    if (!goal) return;
    close();
    if (typeof goal.go === 'string') route(goal.go);
    else goal.go();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') choose(Math.min(chosen + 1, goals.length - 1));
    else if (event.key === 'ArrowUp') choose(Math.max(chosen - 1, 0));
    else if (event.key === 'Enter') go(goals[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" close={close} wide>
      <input
        class="palette-input"
        role="combobox"
        aria-expanded="true"
        aria-controls="goals"
        aria-activedescendant={goals[chosen] && `goal-${chosen}`}
        aria-label="A port, a service, a host, a finding, a page"
        placeholder="3050, a service, a host, a page…"
        autofocus
        spellcheck={false}
        value={words}
        onInput={(event) => {
          setWords(event.currentTarget.value);
          choose(0);
        }}
        onKeyDown={key}
      />
      {goals.length === 0 && <p class="quiet-text">Nothing is called that.</p>}
      <div role="listbox" id="goals" class="goals" aria-label="Found">
        {goals.map((goal, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys go to the input, which names the chosen one
          <div
            key={`${goal.sort} ${goal.title}`}
            id={`goal-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === chosen}
            ref={(element) => {
              if (i === chosen) element?.scrollIntoView({ block: 'nearest' });
            }}
            onClick={() => go(goal)}
            onPointerMove={() => choose(i)}
          >
            <span class="goal-sort">{goal.sort}</span>
            {goal.title}
          </div>
        ))}
      </div>
    </Dialog>
  );
}

function goalsFor(words: string): Goal[] {
  const port = /^\s*\d{1,5}\s*$/.test(words) ? Number(words) : Number.NaN;
  const ports: Goal[] =
    port >= LOWEST_PORT && port <= HIGHEST_PORT
      ? [
          { sort: 'port', title: `Port ${port}`, go: `/ports/${port}` },
          { sort: 'map', title: `Port ${port} on the map`, go: `/map?port=${port}` },
          { sort: 'reserve', title: `Reserve port ${port}`, go: `/reserve?port=${port}` },
        ]
      : [];
  const acts: Goal[] = [
    ...places.map(({ title, path }) => ({ sort: 'page', title, go: path })),
    { sort: 'do', title: 'Light or dark colours', go: toggleTheme },
  ];
  return [
    ...ports,
    ...first(openFindings.value, (finding) => [finding.summary, titleOf(finding)], words).map((finding) => ({
      sort: 'finding',
      title: titleOf(finding),
      go: findingPath(finding.id),
    })),
    ...(words.trim() === '' ? [] : first(services.value, ({ id }) => [id], words)).map(({ id }) => ({
      sort: 'service',
      title: id,
      go: servicePath(id),
    })),
    ...(words.trim() === '' ? [] : first(hosts.all.values(), ({ name, addresses }) => [name, ...addresses], words)).map(
      ({ id, name }) => ({ sort: 'host', title: name, go: hostPath(id) }),
    ),
    ...(words.trim() === '' ? [] : first(ranges.all.values(), ({ name, purpose }) => [name, purpose], words)).map(
      ({ name }) => ({
        sort: 'range',
        title: name,
        go: `/ranges?q=${encodeURIComponent(name)}`,
      }),
    ),
    ...acts.filter(({ title }) => hasWords(words, [title])),
  ];
}

function first<T>(items: Iterable<T>, texts: (item: T) => readonly string[], words: string): T[] {
  const found: T[] = [];
  for (const item of items) {
    if (!hasWords(words, texts(item))) continue;
    if (found.push(item) >= SHOWN) break;
  }
  return found;
}
