/** Of this tab alone, and gone when it is closed. */
const KEY = 'portolan-token';

export function keptToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** @param token `undefined` forgets the one that is kept */
export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}
