import { expect, test } from 'vitest';
import { said } from './reading.fixture.ts';

const home = { 'services/x/package.json': '{}' };
const two = { 'package.json': '{}', 'apps/api/package.json': '{}' };

test.each([
  ['PORT=3001', ['binds 3001 services/x']],
  ['export PORT="3001" # where to listen', ['binds 3001 services/x']],
  ["HEALTH_PORT='3002'", ['binds 3002 health services/x']],
  ['HTTP_PORT=8080\nMETRICS_PORT=9464', ['binds 8080 services/x', 'binds 9464 metrics services/x']],
  ['DB_PORT=5432', ['refers 5432 ?/unknown db likely']],
  ['SMTP_HOST=mail.example.net\nSMTP_PORT=587', ['refers 587 mail.example.net/unknown smtp likely']],
  ['QUEUE_HOST=queue\nQUEUE_PORT=7000', ['refers 7000 queue/network queue+queue likely']],
  ['MANA_SYNC_PORT=3050', ['binds 3050 mana_sync+services/x likely']],
  ['AUTH_URL=http://localhost:3001/health', ['refers 3001 localhost/host health auth']],
  ['NEXT_PUBLIC_MANA_AUTH_API_URL=http://mana-auth:3001', ['refers 3001 mana-auth/network mana-auth+mana_auth']],
  ['DATABASE_URL=postgres://u:p%40@db.example.net:5432/x', ['refers 5432 db.example.net/unknown database']],
  ['SUPPORT=3001\nEXPORT=3002\nPORTAL_ID=3003\nREPORT=3004\nTIMEOUT=3000\nPORT=99999\nPORT=0\nPORT=', []],
  ['# PORT=3001', []],
])('%j', (text, wanted) => {
  expect(said('services/x/.env', text, home)).toEqual(wanted);
});

test('above several services, a variable is that of the service that it names', () => {
  expect(said('.env', 'API_PORT=3001', two)).toEqual(['binds 3001 api+. likely']);
  expect(said('.env', 'API_PORT=3001', { 'package.json': '{}' })).toEqual(['binds 3001 api .']);
});

test('files for one environment say so, examples are for all', () => {
  expect(said('services/x/.env.production', 'PORT=3001', home)).toEqual(['binds 3001 prod services/x']);
  expect(said('services/x/.env.example', 'PORT=3001', home)).toEqual(['binds 3001 services/x']);
});
