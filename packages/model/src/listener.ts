import { z } from 'zod';
import { holderStates } from './environment.ts';
import { Name, ServiceId } from './identity.ts';
import { isIpAddress } from './ip-address.ts';
import { Port, Protocol } from './port.ts';

/** The network namespace that the agent itself is in: the port space of the host. */
export const HOST_NETNS = 'host';

/** The kinds of evidence for who a listener is, strongest first. */
export const evidenceKinds = ['lease', 'container', 'systemd', 'pm2', 'manifest', 'command'] as const;

export const Evidence = z
  .object({
    kind: z.enum(evidenceKinds),
    /** What was seen, for a person: `com.docker.compose.service=api`, `mana-sync.service`, `cwd /srv/mana-sync`. */
    detail: z.string().max(300),
    /** Nobody said of which project it is: that is only what the git repository is called that it runs in. */
    guess: z.literal(true).optional(),
    /** Portolan's own socket, as the agent knows that of its own process, and of the coordinator that it reports to. */
    own: z.literal(true).optional(),
  })
  .meta({ id: 'Evidence' });
export type Evidence = z.infer<typeof Evidence>;

export const Process = z
  .object({
    pid: z.int().min(1),
    /** When the process started, milliseconds since 1970; with the pid it names one process for ever. */
    startedAt: z.int().min(0),
    uid: z.int().min(0).nullable(),
    user: z.string().max(64).nullable(),
    /** The short name of the executable: `node`. */
    command: z.string().max(255),
    /** The command line, its arguments parted by spaces, cut at 1000 characters. */
    commandLine: z.string().max(1000),
    cwd: z.string().max(1000).nullable(),
  })
  .meta({ id: 'Process' });
export type Process = z.infer<typeof Process>;

export const Container = z
  .object({
    id: z.string().max(64),
    name: z.string().max(255).nullable(),
    image: z.string().max(500).nullable(),
    /** The port inside the container that a published host port leads to. */
    publishes: Port.nullable(),
  })
  .meta({ id: 'Container' });
export type Container = z.infer<typeof Container>;

/** Part of a key of the store. */
const KeyPart = z
  .string()
  .max(64)
  .regex(/^[\x21-\x7e]+$/, { error: 'only printable ASCII without spaces' });

/** One observed socket, as the agent of its host reports it. */
export const Listener = z
  .object({
    protocol: Protocol,
    /** Numeric, canonical: `0.0.0.0`, `127.0.0.1`, `::`, `::1`. */
    address: KeyPart.refine(isIpAddress, {
      error: 'the address of a socket is numeric, such as 0.0.0.0 or fe80::1%eth0; a name is none',
    }),
    port: Port,
    /** `host`, or the namespace as the kernel writes it: `net:[4026532281]`. */
    netns: KeyPart,
    /** Whether a `::` socket refuses IPv4; `null` where the system does not tell. */
    v6only: z.boolean().nullable(),
    /** What tells two sockets of one tuple apart (SO_REUSEPORT): the inode, or `pid.fd`. */
    socket: KeyPart,
    process: Process.nullable(),
    container: Container.nullable(),
    identity: z
      .object({
        service: ServiceId,
        label: Name.nullable(),
        instance: z.int().min(1).nullable(),
        /** Id of the lease that the process was started with, where its environment names one. */
        lease: z.string().max(64).optional(),
        /** Whether the process that it was started by, which holds its ports, lives; left out where nobody can tell. */
        holder: z.enum(holderStates).optional(),
        evidence: Evidence,
      })
      .nullable(),
    /** When the agent first saw it. */
    since: z.iso.datetime(),
  })
  .meta({ id: 'Listener' });
export type Listener = z.infer<typeof Listener>;

/** A listener as the fleet knows it: with its host. */
export const HostListener = Listener.extend({
  host: z.string(),
  /** Of an answer: its host is not heard of, so this is how it was when it was. Never stored. */
  stale: z.boolean().optional(),
}).meta({ id: 'HostListener' });
export type HostListener = z.infer<typeof HostListener>;

/** Names a listener within its host: `tcp/0.0.0.0/3050/host/81234`. */
export function listenerId(listener: Pick<Listener, 'protocol' | 'address' | 'port' | 'netns' | 'socket'>): string {
  return `${listener.protocol}/${listener.address}/${listener.port}/${listener.netns}/${listener.socket}`;
}

/** What goes into the digest of a host's listeners: its id and everything that can change. */
export function listenerFingerprint(listener: Listener): string {
  const { process, container, identity } = listener;
  return [
    listenerId(listener),
    listener.v6only,
    process?.pid,
    process?.startedAt,
    process?.uid,
    process?.commandLine,
    process?.cwd,
    container?.id,
    container?.name,
    container?.publishes,
    identity?.service,
    identity?.label,
    identity?.instance,
    identity?.evidence.kind,
    identity?.evidence.detail,
    // What an older agent does not tell leaves the digest as it was.
    ...(identity?.holder ? [identity.holder] : []),
  ].join('\u0000');
}
