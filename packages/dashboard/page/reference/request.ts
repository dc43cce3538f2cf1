import type { Operation } from './document.ts';

/** What somebody filled in. */
export interface Filled {
  /** By place and name: `query limit`. What is empty is left out. */
  readonly values: Readonly<Record<string, string>>;
  readonly body: string;
  readonly accept: string;
  readonly token: string;
}

export interface Request {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** @throws Error when a part of the path is missing */
export function requestOf(operation: Operation, { values, body, accept, token }: Filled): Request {
  const { path, method, parameters = [], requestBody } = operation;
  const given = (place: string) =>
    parameters
      .filter((parameter) => parameter.in === place && values[`${place} ${parameter.name}`])
      .map(({ name }): [string, string] => [name, values[`${place} ${name}`]!]);
  const parts = Object.fromEntries(given('path'));
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (parts[name] === undefined) throw new Error(`"${name}" is missing: it is a part of the path`);
    return encodeURIComponent(parts[name]);
  });
  const query = new URLSearchParams(given('query')).toString();
  return {
    url: query === '' ? filled : `${filled}?${query}`,
    method,
    headers: {
      accept,
      ...Object.fromEntries(given('header')),
      ...(token !== '' && { authorization: `Bearer ${token}` }),
      ...(requestBody && { 'content-type': 'application/json' }),
    },
    body: requestBody ? body : undefined,
  };
}

/** The same as a command for a shell; the token is fetched there, so that it is not in what one pastes. */
export function curlOf({ url, method, headers, body }: Request, origin: string): string {
  const { authorization, ...others } = headers;
  const given = Object.entries(others).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const words = [
    'curl',
    ...(method === 'GET' ? [] : ['-X', method]),
    quoted(origin + url),
    ...(authorization === undefined ? [] : ['-H "authorization: Bearer $(portolan token show)"']),
    ...given,
    ...(body === undefined ? [] : ['--data', quoted(body)]),
  ];
  return words.join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
