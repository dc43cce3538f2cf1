import type { ComponentChildren } from 'preact';
import { CommandLine } from './command.tsx';

/** Says why nothing is there, and how something would be. */
export function Empty({ title, children, command }: { title: string; children?: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
      {command !== undefined && <CommandLine command={command} />}
    </div>
  );
}
