import { expect, test } from 'vitest';
import { said } from './reading.fixture.ts';

const settings = (profiles: object, iisExpress?: object) =>
  `\uFEFF${JSON.stringify({ ...(iisExpress && { iisSettings: { iisExpress } }), profiles }, null, 2)}`;
const project = (applicationUrl: string, environmentVariables = {}) => ({
  commandName: 'Project',
  applicationUrl,
  environmentVariables,
});
const path = 'src/Shop.Api/Properties/launchSettings.json';

test('a project listens at the addresses of its profiles, without TLS and with it', () => {
  const text = settings({
    http: project('http://localhost:5062'),
    https: project('https://localhost:7260;http://localhost:5062', { Identity__Url: 'http://localhost:5223' }),
  });
  expect(said(path, text)).toEqual([
    'binds 5062 localhost dev fallback src/Shop.Api',
    'binds 7260 https localhost dev fallback src/Shop.Api',
    'binds 5062 localhost dev fallback src/Shop.Api',
    'refers 5223 localhost/host identity',
  ]);
});

test('the ports of IIS Express are further ones, unless a project has no others', () => {
  const iis = { applicationUrl: 'http://localhost:64178', sslPort: 44365 };
  const express = { 'IIS Express': { commandName: 'IISExpress' } };
  expect(said(path, settings({ ...express, web: project('http://localhost:5062') }, iis))).toEqual([
    'binds 5062 localhost dev fallback src/Shop.Api',
    'binds 64178 iis-express localhost dev fallback src/Shop.Api',
    'binds 44365 iis-express-https localhost dev fallback src/Shop.Api',
  ]);
  expect(said(path, settings(express, { ...iis, sslPort: 0 }))).toEqual([
    'binds 64178 localhost dev fallback src/Shop.Api',
  ]);
  expect(said(path, settings({ web: project('http://localhost:5062') }, iis))).toHaveLength(1);
});

test('a profile may have ports of its own; the dashboard of an Aspire host has several', () => {
  const other = settings({ one: project('http://localhost:5000'), two: project('http://localhost:5001') });
  expect(said(path, other)[1]).toBe('binds 5001 localhost two fallback src/Shop.Api');
  const host = settings({
    https: project('https://0.0.0.0:19888', { DOTNET_DASHBOARD_OTLP_ENDPOINT_URL: 'https://localhost:18076' }),
  });
  const both = {
    https: project('https://localhost:7002', { ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL: 'https://localhost:7021' }),
    http: project('http://localhost:7001', { ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL: 'http://localhost:7020' }),
  };
  const labels = said(path, settings(both)).map((line) => line.split(' ').slice(1, 3).join(' '));
  expect(labels).toEqual(['7002 https', '7021 otlp-https', '7001 localhost', '7020 otlp']);
  expect(said(path, host)).toEqual([
    'binds 19888 0.0.0.0 dev fallback src/Shop.Api',
    'binds 18076 otlp localhost dev fallback src/Shop.Api',
  ]);
});

test('appsettings.json gives the endpoints of Kestrel, else its addresses', () => {
  const of = (value: object, name = 'appsettings.json') => said(`src/Shop.Api/${name}`, JSON.stringify(value), home);
  const home = { 'src/Shop.Api/Dockerfile': '' };
  const Kestrel = { Endpoints: { Http: { Url: 'http://*:5000' }, gRPC: { Url: 'http://*:5001' } } };
  expect(of({ Kestrel, Urls: 'http://*:1' })).toEqual([
    'binds 5000 * fallback src/Shop.Api',
    'binds 5001 grpc * fallback src/Shop.Api',
  ]);
  expect(of({ Urls: 'http://localhost:5002' }, 'appsettings.Development.json')).toEqual([
    'binds 5002 localhost dev fallback src/Shop.Api',
  ]);
  expect(of({ Kestrel: { EndpointDefaults: { Protocols: 'Http2' } }, Auth: { Url: 'http://localhost:9' } })).toEqual(
    [],
  );
});
