import { signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

const KEY = 'portolan-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<Theme>(kept() ?? systemTheme());

/** Follows the system until the reader chooses otherwise. */
export function applyTheme(): void {
  system.addEventListener('change', () => {
    if (!kept()) show(systemTheme());
  });
  show(theme.peek());
}

export function toggleTheme(): void {
  const next = theme.peek() === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, next);
  show(next);
}

function show(next: Theme): void {
  document.documentElement.dataset.theme = next;
  theme.value = next;
}

function kept(): Theme | undefined {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : undefined;
}

function systemTheme(): Theme {
  return system.matches ? 'dark' : 'light';
}
