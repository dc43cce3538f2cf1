import { Icon } from './icon.tsx';
import { useQuery } from './query.ts';
import { number } from './words.ts';

/** Finds as one types; the words stand in the address. */
export function SearchBox({ label, found, of }: { label: string; found?: number; of?: number }) {
  const [{ q = '' }, change] = useQuery();
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={q}
        spellcheck={false}
        onInput={(event) => change({ q: event.currentTarget.value })}
      />
      {of !== undefined && (
        <span class="found" role="status">
          {found === of || found === undefined ? number(of) : `${number(found)} of ${number(of)}`}
        </span>
      )}
    </div>
  );
}
