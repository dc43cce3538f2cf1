import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ENDPOINTS_VARIABLE, Port, PortolanError, parseGivenPorts } from '@portolan/model';

/** A port that the surroundings of a program ask for. */
export interface PortOverride {
  port: number;
  /** Where it was written: `PORT in the environment`, `PORT in .env.local`. */
  source: string;
  /** Whether a file says so, which other working copies may have, too. */
  isInFile: boolean;
}

/** Read in this order; the first that sets `PORT` decides. */
const FILES = ['.env.local', '.env'];
const BYTES_MAX = 64 * 1024;
/** Nothing there, a directory (where such are not opened), or a socket. */
const NO_FILE: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR', 'ENXIO']);

/**
 * `PORT` of the environment, else of `.env.local`, else of `.env` in the directory. A `PORT` that an outer
 * `portolan run` has set says nothing of this program, nor does 0, which leaves the choice to others. What is no regular
 * file, such as a pipe that nobody writes to, is taken for none.
 *
 * @throws PortolanError `invalid-request` when what is written there is no port, `forbidden` when a file cannot be read
 */
export async function portOverride(
  directory: string = process.cwd(),
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PortOverride | undefined> {
  const given = parseGivenPorts(environment[ENDPOINTS_VARIABLE] ?? '');
  const isGiven = given.some(({ port }) => String(port) === environment.PORT);
  if (environment.PORT && !isGiven) return written(environment.PORT, 'the environment', false);
  for (const file of FILES) {
    const text = await readText(join(directory, file)).catch((error: NodeJS.ErrnoException) => {
      if (NO_FILE.has(error.code ?? '')) return '';
      throw new PortolanError('forbidden', `${file} could not be read for a PORT: ${error.message}.`);
    });
    const value = parseEnv(text).PORT;
    if (value) return written(value, file, true);
  }
  return undefined;
}

async function readText(path: string): Promise<string> {
  // Windows has no such flag, nor pipes in directories.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!(await handle.stat()).isFile()) return '';
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BYTES_MAX + 1), 0, BYTES_MAX + 1, 0);
    if (bytesRead > BYTES_MAX) throw new Error(`it has more than ${BYTES_MAX} bytes; set PORT in the environment`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** An error of reserving a port that was asked for in this way: so that one knows where to change it. */
export function explainOverride(error: unknown, { port, source }: PortOverride): unknown {
  if (!isRefusal(error)) return error;
  const { code, message, data } = error;
  const told = `${source} asks for ${port}, but ${message}. Change or unset it to be given another port`;
  return new PortolanError(code, told, { ...data, source }, { cause: error });
}

const refusals: ReadonlySet<string> = new Set(['port-taken', 'port-blocked', 'endpoint-elsewhere', 'range-exhausted']);

/** Whether that very port was refused, so that another might do. */
export function isRefusal(error: unknown): error is PortolanError {
  return error instanceof PortolanError && refusals.has(error.code);
}

function written(value: string, where: string, isInFile: boolean): PortOverride | undefined {
  const source = `PORT in ${where}`;
  const text = value.trim();
  if (text === '0') return undefined;
  const port = /^\d+$/.test(text) ? Port.safeParse(Number(text)).data : undefined;
  if (port !== undefined) return { port, source, isInFile };
  throw new PortolanError('invalid-request', `${source} is "${value}", but a port is a whole number from 1 to 65535.`);
}
