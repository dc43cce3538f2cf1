/** What was looked at, and how it is. */
export interface Check {
  name: string;
  /** `warning`: it works, but not as it could. */
  status: 'ok' | 'warning' | 'failure';
  detail: string;
  /** What to do about it. */
  remedy?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

export function warning(name: string, detail: string, remedy: string): Check {
  return { name, status: 'warning', detail, remedy };
}

export function failure(name: string, detail: string, remedy: string): Check {
  return { name, status: 'failure', detail, remedy };
}
