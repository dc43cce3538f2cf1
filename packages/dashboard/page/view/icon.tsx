/** Paths on a grid of 16, drawn with a line of 1.5. */
const paths = {
  overview: 'M2.5 9.5 8 3l5.5 6.5M4 8v5.5h8V8',
  findings: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2',
  map: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6 3.5v9M10 3.5v9',
  services: 'M3 3h4v4H3zM9 9h4v4H9zM9 3h4v4H9zM3 9h4v4H3z',
  graph: 'M4 4.5h.01M12 4.5h.01M8 12h.01M4 4.5h8M4 4.5 8 12l4-7.5',
  hosts: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  ranges: 'M2.5 12.5v-9M13.5 12.5v-9M2.5 8h11M5 6.5 3 8l2 1.5M11 6.5 13 8l-2 1.5',
  listeners: 'M3 6.5v3M5.5 4.5v7M8 2.5v11M10.5 5v6M13 7v2',
  reserve: 'M8 3v10M3 8h10',
  search: 'M7 11.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9M10.5 10.5l3 3',
  sun: 'M8 10.8a2.8 2.8 0 1 1 0-5.6 2.8 2.8 0 0 1 0 5.6M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5 6.5 12 13 4.5',
  close: 'M4 4l8 8M12 4l-8 8',
  leave: 'M6.5 3h-4v10h4M6 8h7.5M11 5.5 13.5 8 11 10.5',
  arrow: 'M3 8h10M9.5 4.5 13 8l-3.5 3.5',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3',
  alerts: 'M4 11.5V7.5a4 4 0 0 1 8 0v4l1 1H3zM6.8 14.2h2.4',
} as const;
export type IconName = keyof typeof paths;

/** Says nothing to who cannot see it: a text stands beside it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
