import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: 'done' | 'failed';
}

const notices = signal<readonly Notice[]>([]);
let made = 0;
/** A failure stays until it is put away; what went well goes by itself, ms. */
const DONE_SHOWN = 6_000;

function notify(text: string, tone: Notice['tone'] = 'done'): void {
  const notice = { id: made++, text, tone };
  notices.value = [...notices.value.slice(-3), notice];
  if (tone === 'done') setTimeout(() => dismiss(notice.id), DONE_SHOWN);
}

/**
 * Does it and says so, or why not.
 *
 * @param said where it is not given, `act` gives it
 * @returns whether it was done
 */
export function attempt(act: () => Promise<string>): Promise<boolean>;
export function attempt(said: string, act: () => Promise<unknown>): Promise<boolean>;
export async function attempt(said: string | (() => Promise<string>), act?: () => Promise<unknown>): Promise<boolean> {
  try {
    if (typeof said === 'function') notify(await said());
    else {
      await act!();
      notify(said);
    }
    return true;
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), 'failed');
    return false;
  }
}

function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, tone }) => (
        <div key={id} class={`notice ${tone}`}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Put away" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
