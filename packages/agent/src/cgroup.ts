/** What the control group of a process tells of who runs it. */
export interface ControlGroup {
  readonly containerId: string | null;
  /** `mana-sync.service`; the innermost one that is a service. */
  readonly unit: string | null;
}

/**
 * Reads /proc/<pid>/cgroup, of version 1 (a line per controller) or 2 (one line `0::/path`).
 *
 * Containers are told by the id of 64 hexadecimal digits that Docker, Podman, containerd and CRI-O alike put into the
 * path, whatever stands around it.
 */
export function parseControlGroup(text: string): ControlGroup {
  let containerId: string | null = null;
  let unit: string | null = null;
  for (const line of text.split('\n')) {
    const [, controllers = '', ...rest] = line.split(':');
    const path = rest.join(':');
    containerId ??= containerIn(path);
    if (controllers === '' || controllers === 'name=systemd') unit ??= unitIn(path);
  }
  return { containerId, unit };
}

function containerIn(path: string): string | null {
  for (const part of path.split('/').reverse()) {
    const match = /^(?:[a-z-]+-)?([0-9a-f]{64})(?:\.scope)?$/.exec(part);
    // `libpod-conmon-<id>` is the process that watches over the container, on the host's side.
    if (match?.[1] && !part.includes('conmon')) return match[1];
  }
  return null;
}

function unitIn(path: string): string | null {
  const unit = path.split('/').findLast((part) => part.endsWith('.service'));
  // `user@1000.service` holds whatever the user started.
  return unit === undefined || unit.startsWith('user@') ? null : unescapeUnit(unit);
}

/** systemd writes what may not stand in a name as `\x2d`. */
function unescapeUnit(unit: string): string {
  return unit.replace(/\\x([0-9a-f]{2})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
