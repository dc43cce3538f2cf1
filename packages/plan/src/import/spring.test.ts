import { expect, test } from 'vitest';
import { read } from './reading.fixture.ts';

const ports = (path: string, text: string) =>
  read(path, text).facts.map((fact) => ('port' in fact ? `${fact.port}${fact.label ? ` ${fact.label}` : ''}` : ''));

test('the ports of a program stand in its settings, others’ ports do not count', () => {
  const yaml =
    'server:\n  ssl:\n    enabled: false\n  port: $' +
    '{PORT:8081} # http\nspring:\n  redis:\n    port: 6379\nmanagement:\n  server:\n    port: 9001\n';
  expect(ports('src/main/resources/application.yml', yaml)).toEqual(['8081', '9001 management']);
  const flat = '# server.port=1234\nserver.port=8082\r\nspring.mail.port=25\n';
  expect(ports('application-dev.properties', flat)).toEqual(['8082']);
  expect(ports('application.yml', 'server:\n  port: 0\n')).toEqual([]);
});
