import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const COPIED_SHOWN = 2_000;

/** A command to run elsewhere, with a button that copies it. */
export function CommandLine({ command }: { command: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_SHOWN);
  };
  return (
    <div class="command">
      <code>{command}</code>
      {/* Without a secure context there is no clipboard: the text can be selected. */}
      {navigator.clipboard && (
        <button type="button" class="plain" onClick={() => void copy()} aria-label={`Copy: ${command}`}>
          <Icon name={copied ? 'check' : 'copy'} />
          <span aria-hidden="true">{copied ? 'Copied' : 'Copy'}</span>
        </button>
      )}
    </div>
  );
}
