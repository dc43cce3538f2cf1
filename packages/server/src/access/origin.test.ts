import { expect, test } from 'vitest';
import { NameCheck } from './origin.ts';

const check = (bound: string, hosts: string[] = [], origins: string[] = []) => new NameCheck({ bound, hosts, origins });
const answers = (names: NameCheck, host: string | undefined) => {
  try {
    names.checkHost(host);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'misdirected' });
    return false;
  }
};
const lets = (names: NameCheck, origin: string | undefined, host: string, secure = false) => {
  try {
    names.checkOrigin(origin, host, secure);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'forbidden' });
    return false;
  }
};

test('answers to loopback, to its own address and to the names it was given, with any port', () => {
  const names = check('10.1.2.3', ['Ports.example.net']);
  for (const host of [
    'localhost',
    'LOCALHOST:7678',
    '127.0.0.1:1',
    '127.1.2.3',
    '[::1]:7678',
    '10.1.2.3',
    'ports.EXAMPLE.net:443',
  ]) {
    expect(answers(names, host), host).toBe(true);
  }
});

test('does not answer to a name that somebody else pointed at it, nor to what is no name', () => {
  const names = check('127.0.0.1', ['ports.example.net']);
  const wrong = [
    'evil.example',
    'ports.example.net.evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.1.2.3',
    '127.999.999.999',
    '127.0.1',
  ];
  for (const host of [
    undefined,
    '',
    ...wrong,
    'a b',
    'localhost@evil.example',
    'localhost:x',
    '[::1',
    '[evil.example]',
  ]) {
    expect(answers(names, host), String(host)).toBe(false);
    expect(answers(names, host), `${host}, again`).toBe(false);
  }
});

test('bound to all addresses it answers to any of them, and still to no unknown name', () => {
  for (const bound of ['0.0.0.0', '::']) {
    expect(answers(check(bound), '192.0.2.7:7678')).toBe(true);
    expect(answers(check(bound), '[2001:db8::1]:7678')).toBe(true);
    expect(answers(check(bound), 'evil.example')).toBe(false);
  }
});

test('a page may use it from its own origin and from those that were allowed', () => {
  const names = check('127.0.0.1', [], ['https://board.example.net']);
  expect(lets(names, undefined, '127.0.0.1:7678')).toBe(true);
  expect(lets(names, 'http://127.0.0.1:7678', '127.0.0.1:7678')).toBe(true);
  expect(lets(names, 'http://localhost:7678', 'LOCALHOST:7678')).toBe(true);
  expect(lets(names, 'https://board.example.net', '127.0.0.1:7678')).toBe(true);
  // A proxy ends TLS in front of it.
  expect(lets(names, 'https://ports.example.net', 'ports.example.net')).toBe(true);
  expect(lets(names, 'https://ports.example.net', 'ports.example.net', true)).toBe(true);
});

test('a page of another origin may not: another port, another scheme on TLS, a sandbox', () => {
  const names = check('127.0.0.1', [], ['https://board.example.net']);
  for (const origin of [
    'http://127.0.0.1:9999',
    'http://evil.example',
    'null',
    '',
    'https://board.example.net.evil.example',
    'chrome-extension://127.0.0.1:7678',
    'http://evil@127.0.0.1:7678',
    'http://127.0.0.1:7678/',
  ]) {
    expect(lets(names, origin, '127.0.0.1:7678'), origin).toBe(false);
  }
  expect(lets(names, 'http://ports.example.net', 'ports.example.net', true)).toBe(false);
});
