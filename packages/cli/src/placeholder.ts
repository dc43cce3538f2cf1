import { PortolanError } from '@portolan/model';

/**
 * Puts ports in the place of `{port}` and `{port:label}` in the arguments of a command.
 *
 * @returns `undefined` when there is no such place
 * @throws PortolanError `invalid-request` for a label that was not reserved
 */
export function fillPorts(
  command: readonly string[],
  ports: Readonly<Record<string, number>>,
  first: number,
): string[] | undefined {
  let found = false;
  const filled = command.map((argument) =>
    argument.replace(/\{port(?::([\w.-]+))?\}/g, (_, label?: string) => {
      found = true;
      const port = label === undefined ? first : ports[label];
      if (port !== undefined) return String(port);
      const labels = Object.keys(ports).join(', ');
      throw new PortolanError(
        'invalid-request',
        `There is no port for {port:${label}}: what is reserved is ${labels}.`,
      );
    }),
  );
  return found ? filled : undefined;
}
