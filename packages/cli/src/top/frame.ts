import { doubtOf, type Finding, formatInterval, nameOfCoordinator } from '@portolan/model';
import { plain } from '../output.ts';
import type { View } from './view.ts';

export type Paint = (style: Style, text: string) => string;
export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'cyan' | 'green' | 'inverse';

export interface Frame {
  readonly columns: number;
  readonly rows: number;
  readonly url: string;
  /** ms since 1970 */
  readonly now: number;
  readonly paint: Paint;
}

const RANGES_MAX = 6;
const BAR = 20;

/** One screen, as many lines as fit, none longer than the screen is wide. */
export function frame(view: View, { columns, rows, url, now, paint }: Frame): string[] {
  const findings = view.standing();
  const cut = (text: string) => (text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text);
  const above = banner(view, { now, cut, paint });
  // What is not read yet must not be called fine.
  if (!view.synced) return above.slice(0, rows);
  const head = [...above, headline(view, findings, { url, now, cut, paint }), '', ...rangeLines(view, cut, paint)];
  const left = Math.max(0, rows - head.length - 1);
  const most = Math.ceil(left * 0.6);
  const found = findingLines(findings, most, now, cut, paint);
  const recent = recentLines(view, left - found.length - 1, cut, paint);
  return [...head, ...found, '', ...recent].slice(0, rows);
}

type Cut = (text: string) => string;

function banner(view: View, { now, cut, paint }: { now: number; cut: Cut; paint: Paint }): string[] {
  if (view.lostAt !== null) {
    const text = ` The stream is lost: this is as of ${age(now - view.lostAt)} ago. Trying again. `;
    return [paint('inverse', paint('yellow', cut(text)))];
  }
  if (!view.synced) return [paint('dim', cut('Reading the fleet …'))];
  const { readiness } = view;
  const doubt = readiness && doubtOf(readiness);
  const missing = (readiness?.coordinators ?? []).filter(({ state }) => state === 'missing');
  return [
    ...(doubt ? [` ${doubt.title} This is as of ${age(now - Date.parse(doubt.since))} ago. ${doubt.text} `] : []),
    ...missing.map(
      (each) =>
        ` Coordinator ${plain(nameOfCoordinator(each))} was last seen ${age(now - Date.parse(each.stateSince))} ago. `,
    ),
  ].map((text) => paint('inverse', paint(doubt ? 'red' : 'yellow', cut(text))));
}

function headline(
  view: View,
  findings: readonly Finding[],
  { url, now, cut, paint }: { url: string; now: number; cut: Cut; paint: Paint },
): string {
  const count = (severity: Finding['severity']) => findings.filter((each) => each.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const hosts = Array.from(view.hosts.values());
  const alive = hosts.filter(({ state }) => state === 'alive').length;
  const away = hosts.filter(({ state }) => state === 'unreachable').length;
  const leases = Array.from(view.assignments.values()).filter(({ lease }) => lease !== null).length;
  // Cut before it is painted: what colours a text has no width.
  const text = cut(
    [
      `portolan  ${url}`,
      `${errors} error${errors === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}`,
      `hosts ${alive} alive${away > 0 ? `, ${away} unreachable` : ''}`,
      `ports ${view.assignments.size} (${leases} leased)`,
      `${view.rate(now).toFixed(1)} changes/s`,
    ].join('   '),
  );
  const doubtful = view.lostAt !== null || (view.readiness && doubtOf(view.readiness)) !== undefined;
  const style = errors > 0 ? 'red' : warnings > 0 || away > 0 || doubtful ? 'yellow' : 'green';
  return paint('bold', paint(style, text));
}

function rangeLines(view: View, cut: Cut, paint: Paint): string[] {
  const fill = view.fill();
  const ranges = Array.from(view.ranges.values())
    .filter(({ policy }) => policy !== 'blocked')
    .map((range) => ({ range, used: fill.get(range.name) ?? 0, size: range.to - range.from + 1 }))
    .sort((a, b) => b.used / b.size - a.used / a.size);
  if (ranges.length === 0) return [];
  const lines = ranges.slice(0, RANGES_MAX).map(({ range, used, size }) => {
    const full = Math.round((used / size) * BAR);
    const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
    return cut(`${range.name.padEnd(16)} ${formatInterval(range).padEnd(12)} ${bar} ${used} of ${size}`);
  });
  const more = ranges.length - lines.length;
  return [paint('dim', cut('RANGES')), ...lines, ...(more > 0 ? [paint('dim', cut(`and ${more} more`))] : []), ''];
}

const colours = { error: 'red', warning: 'yellow', info: 'cyan' } as const;

function findingLines(findings: readonly Finding[], most: number, now: number, cut: Cut, paint: Paint): string[] {
  if (findings.length === 0) return [paint('dim', cut('FINDINGS')), cut('Nothing is wrong.')];
  const shown = findings.slice(0, Math.max(0, most - 2)).map((finding) => {
    const { severity, kind, class: bite, state, summary, firstSeen } = finding;
    const mark = state === 'acknowledged' ? '(seen) ' : '';
    const text = `${age(now - Date.parse(firstSeen)).padStart(4)}  ${mark}${bite ? `${bite} ` : ''}${kind}: ${plain(summary)}`;
    return paint(colours[severity], cut(text));
  });
  const more = findings.length - shown.length;
  return [paint('dim', cut('FINDINGS')), ...shown, ...(more > 0 ? [paint('dim', cut(`and ${more} more`))] : [])];
}

function recentLines(view: View, most: number, cut: Cut, paint: Paint): string[] {
  if (most < 2) return [];
  const lines = view.recent.slice(0, most - 1).map(({ at, op, text }) => {
    const time = new Date(at).toTimeString().slice(0, 8);
    return cut(`${time}  ${op === 'put' ? '+' : '-'} ${plain(text)}`);
  });
  return [paint('dim', cut('CHANGES')), ...(lines.length > 0 ? lines : [cut('None since this was started.')])];
}

/** `12s`, `5m`, `3h`, `2d` */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
