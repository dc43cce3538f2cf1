import type { Chart } from '../check/chart.ts';
import { rangeAt } from '../check/range.ts';

const head = ['project', 'service', 'label', 'protocol', 'port', 'range', 'status', 'runtime', 'hosts', 'description'];

/** RFC 4180, a row for each endpoint. */
export function csv({ endpoints, manifest }: Chart): string {
  const rows = endpoints.map(({ service, label, protocol, port, plan, of }) => [
    manifest.project,
    service,
    label,
    protocol,
    port === null ? plan.port : port,
    (port !== null && rangeAt(manifest, port)?.[0]) || '',
    of.status ?? '',
    of.runtime ?? '',
    of.hosts.join(' '),
    plan.purpose ?? of.description ?? '',
  ]);
  return [head, ...rows].map((row) => `${row.map((value) => field(String(value))).join(',')}\r\n`).join('');
}

function field(text: string): string {
  // A spreadsheet takes these for formulas.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
