import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { PortolanError } from '@portolan/model';
import type { Logger } from 'pino';

export interface TlsFiles {
  /** PEM: the certificate, and the intermediate ones after it. */
  readonly cert: string;
  /** PEM, without a passphrase. */
  readonly key: string;
  /** PEM: only clients with a certificate of one of these authorities are let in. */
  readonly clientCa?: string | undefined;
}

/** What the files say, as Node's TLS takes it. */
export interface TlsContents {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Files that are put in place by links (as Kubernetes does) give no event, so they are looked at, ms. */
const LOOK_EVERY = 2_000;

/** @throws PortolanError `invalid-request` with the file and what is wrong with it */
export async function readTls({ cert, key, clientCa }: TlsFiles): Promise<TlsContents> {
  const [certText, keyText, ca] = await Promise.all([
    read(cert),
    read(key),
    clientCa === undefined ? undefined : read(clientCa),
  ]);
  const certificate = parse(cert, 'is no PEM certificate', () => new X509Certificate(certText));
  const privateKey = parse(key, 'is no PEM private key without a passphrase', () => createPrivateKey(keyText));
  if (!certificate.checkPrivateKey(privateKey)) throw bad(key, `is not the key of the certificate in ${cert}`);
  if (Date.parse(certificate.validTo) <= Date.now()) throw bad(cert, `expired at ${certificate.validTo}`);
  if (clientCa !== undefined) parse(clientCa, 'is no PEM certificate', () => new X509Certificate(ca!));
  const contents = { cert: certText, key: keyText, ...(ca && { ca }) };
  parse(cert, 'cannot be used', () => createSecureContext(contents));
  return contents;
}

/**
 * Reads the files again when they change. Bad ones are told in the log, and what was read before stays in use. A
 * certificate and its key are two files, so between the two changes they may not fit; it is looked again until they do.
 *
 * @param loaded what is in use when it begins
 * @returns a function that ends it
 */
export function watchTls(
  files: TlsFiles,
  loaded: TlsContents,
  use: (contents: TlsContents) => void,
  logger: Logger,
): () => void {
  let known: string | undefined;
  let told: string | undefined;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      const state = await stateOf(files);
      if (state !== known) {
        const contents = await readTls(files);
        if (!isDeepStrictEqual(contents, loaded)) {
          use(contents);
          loaded = contents;
          logger.info({ files }, 'the TLS files have changed and are in use');
        }
      }
      known = state;
      told = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== told)
        logger.error(
          { files, reason: message },
          'the TLS files have changed and cannot be used; those read before stay in use',
        );
      told = message;
    } finally {
      looking = false;
    }
  };
  void look();
  const timer = setInterval(() => void look(), LOOK_EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

async function stateOf({ cert, key, clientCa }: TlsFiles): Promise<string> {
  const files = clientCa === undefined ? [cert, key] : [cert, key, clientCa];
  const states = await Promise.all(
    files.map((file) =>
      stat(file).catch((error) => {
        throw unreadable(file, error);
      }),
    ),
  );
  return states.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join();
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((error) => {
    throw unreadable(file, error);
  });
}

function parse<T>(file: string, wrong: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw bad(file, `${wrong} (${(error as Error).message})`);
  }
}

function unreadable(file: string, error: NodeJS.ErrnoException): PortolanError {
  return bad(file, `cannot be read (${error.code ?? error.message})`);
}

function bad(file: string, what: string): PortolanError {
  return new PortolanError('invalid-request', `the TLS file ${file} ${what}`, { file });
}
