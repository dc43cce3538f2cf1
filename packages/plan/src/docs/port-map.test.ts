import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { visit } from 'unist-util-visit';
import { describe, expect, test } from 'vitest';
import { chartOf } from '../check/chart.ts';
import { check } from '../check/check.ts';
import { subjectOfTree } from '../check/tree-subject.ts';
import { dependencyGraph } from './graph.ts';
import { embedded } from './markers.ts';
import { portMap } from './port-map.ts';

const plan = `project: shop
ranges:
  core: { ports: 4000-4009, purpose: "Core | of *all*", reserved: [{ ports: 4008-4009 }] }
  games: { ports: 5100-5199, purpose: Games }
blocked:
  - { ports: 8080, reason: "<script>alert(1)</script> & friends" }
services:
  cart:
    description: "takes | what _you_ [like](http://x) \`code\`"
    runtime: C#
    status: required
    endpoints: { api: { port: 4002, health: /health }, dns: { port: 4001, protocol: udp } }
    dependencies: [pay, bank/till]
  pay: { endpoints: { default: { port: 4000, health: tcp } } }
  clock: { endpoints: { default: { port: none, transport: stdio } } }
  stray: { endpoints: { default: { port: 7000 } } }
`;

const mapOf = (text: string) => {
  const subject = subjectOfTree({ 'portolan.yaml': text });
  return portMap(chartOf(subject), check(subject), 2);
};

function rendered(markdown: string) {
  const root = unified().use(remarkParse).use(remarkGfm).parse(markdown);
  const headings: string[] = [];
  const tables: string[][][] = [];
  const code: string[] = [];
  let html = 0;
  const textOf = (node: unknown) => {
    let text = '';
    visit(node as typeof root, (each) => {
      if ('value' in each && each.type !== 'html') text += each.value;
      if (each.type === 'html' || each.type === 'emphasis' || each.type === 'inlineCode') html++;
    });
    return text;
  };
  for (const node of root.children) {
    if (node.type === 'heading') headings.push(textOf(node));
    else if (node.type === 'table') tables.push(node.children.map((row) => row.children.map(textOf)));
    else if (node.type === 'code') code.push(`${node.lang} ${node.value}`);
    else textOf(node);
  }
  return { headings, tables, code, html };
}

test('the map has the ports by range, what is kept, blocked and needed, and what is wrong', () => {
  const { headings, tables, code, html } = rendered(mapOf(plan));
  expect(headings).toEqual([
    'Ports',
    '4000-4009: Core | of *all*',
    '5100-5199: Games',
    'Other ports',
    'Without a port',
    'Dependencies',
    'Health checks',
    'Blocked ports',
    'Findings',
  ]);
  const [core, other, portless, health, blocked] = tables;
  expect(core!.slice(1)).toEqual([
    ['4000', 'pay', '', '', ''],
    ['4001/udp', 'cart:dns', 'C#', 'required', 'takes | what _you_ [like](http://x) `code`'],
    ['4002', 'cart:api', 'C#', 'required', 'takes | what _you_ [like](http://x) `code`'],
    ['4008-4009', '(reserved)', '', '', 'room for growth'],
  ]);
  expect(other![1]!.slice(0, 2)).toEqual(['7000', 'stray']);
  expect(portless![1]).toEqual(['clock', 'stdio', '']);
  expect(health!.slice(1)).toEqual([
    ['cart:api', 'http://localhost:4002/health'],
    ['pay', 'TCP connection to port 4000'],
  ]);
  expect(blocked![1]).toEqual(['8080', '<script>alert(1)</script> & friends']);
  expect(code).toEqual([expect.stringMatching(/^mermaid graph LR\n/)]);
  // Nothing of what others wrote is taken for Markdown or HTML.
  expect(html).toBe(0);
  expect(mapOf(plan)).toContain('out-of-range');
});

test('the graph shows services with their ports, and those of others in another shape', () => {
  const { manifest } = subjectOfTree({ 'portolan.yaml': plan });
  expect(dependencyGraph(manifest)).toBe(
    [
      'graph LR',
      '  s0(["bank/till"])',
      '  s1["cart :4002, :4001"]',
      '  s2["pay :4000"]',
      '  s1 --> s2',
      '  s1 --> s0',
    ].join('\n'),
  );
  expect(dependencyGraph({ ...manifest, services: {} })).toBeNull();
});

describe('between the markers of a document', () => {
  const begin = '<!-- portolan:begin -->';
  const end = '<!-- portolan:end -->';

  test('the map is put, again and again the same, and the rest stays as it is', () => {
    const once = embedded(`# Mine\r\n${begin}\r\nold\r\n${end}\r\nlast`, 'a\nb', 'x.md');
    expect(once).toBe(`# Mine\r\n${begin}\r\n\r\na\r\nb\r\n\r\n${end}\r\nlast`);
    expect(embedded(once, 'a\nb', 'x.md')).toBe(once);
    const made = embedded(null, 'a', 'x.md');
    expect(embedded(made, 'a', 'x.md')).toBe(made);
  });

  test.each([
    ['none', 'text', /Put these two lines/],
    ['only one', begin, /once each/],
    ['the wrong order', `${end}\n${begin}`, /once each/],
    ['two pairs', `${begin}${end}${begin}${end}`, /once each/],
  ])('%s is told', (_, text, message) => {
    expect(() => embedded(text, 'a', 'x.md')).toThrow(message);
  });

  test('what was made is no source of a plan: it is not read again', () => {
    const files = {
      'portolan.yaml': plan,
      'PORTS.md': embedded(null, '| Service | Port |\n| --- | --- |\n| pay | 4999 |', 'PORTS.md'),
    };
    expect(check(subjectOfTree(files)).filter(({ kind }) => kind === 'drift')).toEqual([]);
    const source = { ...files, 'PORTS.md': '| Service | Port |\n| --- | --- |\n| pay | 4999 |\n' };
    expect(check(subjectOfTree(source)).filter(({ kind }) => kind === 'drift')).toHaveLength(1);
  });
});
