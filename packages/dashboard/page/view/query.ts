import { useLocation } from 'preact-iso';

/** What the address says after its `?`, and a way to change it: so that a view can be sent to somebody as a link. */
export function useQuery(): [Readonly<Record<string, string>>, (changes: Record<string, string | undefined>) => void] {
  const { query, path, route } = useLocation();
  const change = (changes: Record<string, string | undefined>) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === '') next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString();
    route(text === '' ? path : `${path}?${text}`, true);
  };
  return [query, change];
}
