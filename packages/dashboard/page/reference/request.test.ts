import { expect, test } from 'vitest';
import { example, type OpenApi, operationsByTag } from './document.ts';
import { curlOf, requestOf } from './request.ts';

const node = {
  type: 'object',
  required: ['name', 'inside'],
  properties: { name: { type: 'string' }, inside: { $ref: '#/components/schemas/Node' } },
};
const document: OpenApi = {
  info: { title: 'Ports', version: '1' },
  components: { schemas: { Node: node } },
  paths: {
    '/v1/things/{name}': {
      put: {
        tags: ['Things'],
        summary: 'Make one',
        parameters: [
          { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
          { name: 'dryRun', in: 'query', schema: { type: 'string' } },
          { name: 'portolan-timeout', in: 'header', schema: { type: 'integer' } },
        ],
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } } },
        responses: {},
      },
    },
  },
};
const [operation] = operationsByTag(document).get('Things')!;
const filled = { body: `{"name":"it's"}`, accept: 'application/json', token: 'ptn_secret' };

test('what is filled in goes where the document says, and a name cannot leave its part of the path', () => {
  const values = { 'path name': '../x', 'query dryRun': 'true', 'header portolan-timeout': '100' };
  expect(requestOf(operation!, { ...filled, values })).toEqual({
    url: '/v1/things/..%2Fx?dryRun=true',
    method: 'PUT',
    headers: {
      accept: 'application/json',
      'portolan-timeout': '100',
      authorization: 'Bearer ptn_secret',
      'content-type': 'application/json',
    },
    body: `{"name":"it's"}`,
  });
  expect(() => requestOf(operation!, { ...filled, values: {} })).toThrow('"name" is missing');
});

test('the command for a shell does not hold the token, and quotes what it is given', () => {
  const command = curlOf(requestOf(operation!, { ...filled, values: { 'path name': 'a' } }), 'http://127.0.0.1:7678');
  expect(command).toContain(
    `curl -X PUT 'http://127.0.0.1:7678/v1/things/a' -H "authorization: Bearer $(portolan token show)"`,
  );
  expect(command).toContain(`--data '{"name":"it'\\''s"}'`);
  expect(command).not.toContain('ptn_secret');
});

test('the example of a schema that holds itself comes to an end', () => {
  expect(example({ $ref: '#/components/schemas/Node' }, document)).toMatchObject({
    name: 'string',
    inside: { name: 'string' },
  });
});
