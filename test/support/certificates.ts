import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns why certificates cannot be made here, or `undefined` when they can */
export function certificatesUnavailable(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no openssl';
  }
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in a directory of a test. */
export class Authority {
  readonly cert: string;
  readonly #key: string;
  readonly #directory: string;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.cert = join(directory, `${name}.pem`);
    this.#key = join(directory, `${name}.key`);
    openssl('req', '-x509', ...FRESH, '-keyout', this.#key, '-out', this.cert, '-days', '2', '-subj', `/CN=${name}`);
  }

  /** Issues a certificate for `localhost` and 127.0.0.1, unless it is for others. @param file without its ending */
  issue(file: string, names = 'DNS:localhost,IP:127.0.0.1'): Pair {
    const pair = { cert: join(this.#directory, `${file}.pem`), key: join(this.#directory, `${file}.key`) };
    const request = join(this.#directory, `${file}.csr`);
    const extensions = join(this.#directory, `${file}.ext`);
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    openssl('req', ...FRESH, '-keyout', pair.key, '-out', request, '-subj', `/CN=${file}`);
    const signing = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial', '-extfile', extensions];
    openssl('x509', '-req', '-in', request, '-out', pair.cert, '-days', '2', ...signing);
    return pair;
  }
}

const FRESH = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
