import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';

interface Props {
  readonly label: string;
  readonly title: string;
  /** What will happen, exactly. */
  readonly children: ComponentChildren;
  readonly act: () => Promise<unknown>;
  readonly dangerous?: boolean;
}

/** A button for what cannot be taken back: it asks first. */
export function Confirm({ label, title, children, act, dangerous = true }: Props) {
  const [asked, ask] = useState(false);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    await act();
    setBusy(false);
    ask(false);
  };
  return (
    <>
      <button type="button" class={dangerous ? 'danger' : undefined} onClick={() => ask(true)} aria-haspopup="dialog">
        {label}
      </button>
      {asked && (
        <Dialog title={title} close={() => ask(false)}>
          <p>{children}</p>
          <div class="dialog-actions">
            <button type="button" onClick={() => ask(false)}>
              Cancel
            </button>
            <button type="button" class={dangerous ? 'danger' : 'primary'} disabled={busy} onClick={() => void go()}>
              {label}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
