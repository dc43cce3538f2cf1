import type { Listener } from '@portolan/model';
import type { Manifest } from './identity.ts';
import { LinuxScanner } from './linux-scanner.ts';
import { LsofScanner } from './lsof-scanner.ts';
import { NetstatScanner } from './netstat-scanner.ts';

export interface Scan {
  /** All sockets that wait for somebody now. What did not change since the last scan is the same object. */
  readonly listeners: readonly Listener[];
  /** Whether anything differs from the scan before. */
  readonly changed: boolean;
  /** What could not be seen, for a person. */
  readonly blindSpots: readonly string[];
}

/** Keeps what it knows between scans, so that a scan costs only what changed. */
export interface Scanner {
  scan(): Promise<Scan>;
}

export interface ScannerOptions {
  /** Look into other network namespaces too, where that is possible; `true` unless told otherwise. */
  readonly allNamespaces?: boolean | undefined;
  /** Socket of the container engine; `null`: none. Unless told, the usual places are tried. */
  readonly dockerSocket?: string | null | undefined;
  readonly manifests?: readonly Manifest[] | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** The scanner for the platform: /proc on Linux, netstat on Windows, lsof elsewhere. */
export function createScanner(options: ScannerOptions = {}, platform: NodeJS.Platform = process.platform): Scanner {
  if (platform === 'linux') return new LinuxScanner(options);
  if (platform === 'win32') return new NetstatScanner(options);
  return new LsofScanner(options);
}
