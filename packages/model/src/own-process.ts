import type { Process } from './listener.ts';

/** Whether a process is called as Portolan's agent or coordinator is. Anybody can be called so: it proves nothing. */
export function isCalledPortolan({ commandLine }: Pick<Process, 'commandLine'>): boolean {
  return /(^|[\s/])portolan(\.js)? (.* )?(up|server|agent)( |$)/.test(commandLine);
}
