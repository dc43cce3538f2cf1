import { expect, test } from 'vitest';
import { formatCommandLine } from './command-line.ts';

test.each([
  [['node', 'server.js', '--port', '3050'], 'node server.js --port 3050'],
  [['app', '--password=hunter2', '-v'], 'app --password=*** -v'],
  [['app', '--db-password', 'hunter2', 'run'], 'app --db-password *** run'],
  [['app', '--token', '--verbose'], 'app --token --verbose'],
  [['env', 'API_KEY=abc', 'DB_PASSWORD=abc', 'node'], 'env API_KEY=*** DB_PASSWORD=*** node'],
  [['app', 'postgres://ada:hunter2@db/mana'], 'app postgres://ada:***@db/mana'],
  [['curl', '-H', 'Authorization: Bearer abc.def'], 'curl -H Authorization: *** ***'],
  [['app', '--url', 'https://x/?access_token=abc&q=1'], 'app --url https://x/?access_token=***&q=1'],
  [['sh', '-c', 'SECRET="a b" TOKEN=c node x'], 'sh -c SECRET=*** TOKEN=*** node x'],
  [['node', 'tokenizer.js'], 'node tokenizer.js'],
])('%j is shown as %s', (argv, shown) => {
  expect(formatCommandLine(argv)).toBe(shown);
  expect(formatCommandLine(argv)).not.toContain('hunter2');
});

test('a command line is cut at 1000 characters', () => {
  expect(formatCommandLine(['node', 'x'.repeat(5000)])).toHaveLength(1000);
});
