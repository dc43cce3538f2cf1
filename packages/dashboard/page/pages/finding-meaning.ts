import type { Finding } from '@portolan/model';

/** Why a finding matters, in plain words: what happens if nobody does anything. */
export function meaningOf({ kind, class: bite, maskedBy, port, parties }: Finding): string {
  if (kind !== 'collision') return meanings[kind];
  if (bite === 'latent') {
    return maskedBy === 'namespace'
      ? `Both run on one host, and only their network namespaces keep them apart. The day one of them publishes port ${port}, or runs in the host's network, one of them will not start.`
      : "They do not share a host today, so both work. The day one of them moves to the other's host, or a third host runs both, the one that starts second fails with “address already in use”.";
  }
  if (parties.some(({ claim }) => claim === 'declared')) {
    return `The port was promised to one of them, which uses it; another one uses it too, without asking. Wherever the two meet, one of them takes the other's traffic or will not start, and whoever goes by the promise may reach the wrong one.`;
  }
  return maskedBy === 'address'
    ? `Both listen on one host, at different addresses. Which of them a client reaches depends on the address that it happens to use: localhost may be the one, the host's name the other.`
    : `Both have port ${port} on one host. One of them takes the other's traffic, or will not start the next time; which one depends on who starts first.`;
}

const meanings: Record<Exclude<Finding['kind'], 'collision'>, string> = {
  squatting:
    'The port was promised to one service, and only another one listens there. The owner cannot start on it, and whoever connects by the promise reaches the wrong service.',
  'blocked-port':
    'The port was blocked for a reason, and somebody uses it all the same. It will clash with what the block protects.',
  'lost-assignment':
    'A port that was promised to a service no longer belongs to it, although nobody ended the promise: the store came back with an older history, or somebody else was given the port while the service was away. If it listens there again, it may collide.',
  'mass-expiry':
    'Many leases fell due within a short time. That is more likely a fault of the network or of the store than of so many holders, so all were given one more ttl. If their holders are really gone, the leases end after that, a part at a time.',
  'durability-lowered':
    'What is promised now is less durable than this store should make it: a replica is away, or Redis does not write to disk. A crash or a failover can lose promises that were acknowledged meanwhile.',
  draining:
    'Little is left of a range, or of what one project or host may have of it. When it is used up, nobody is given a port there: find out whether so many are needed, and give whoever needs them a range of its own.',
  'host-unreachable':
    'Nobody hears the agent of this host: neither its reports nor gossip. The machine, its agent or the network between may be down. What is shown of its listeners is old, and leases of what ran there end soon.',
  'coordinator-missing':
    'A coordinator stopped saying that it is there, without a clean stop. Others go on; but whoever knows only this one gets no answer, and one fewer is left to take over.',
  'store-unavailable':
    'For a while the store did not answer. Nothing could be reserved then, no lease ended, no finding was computed and no alert was sent. It is over; this stands for ten minutes so that somebody sees it.',
  'no-leader':
    'For a while no coordinator led. No lease ended then, no finding was computed and no alert was sent. It is over; this stands for ten minutes so that somebody sees it.',
  drift: 'The plan says one port, and the service listens on another. Whoever goes by the plan does not find it.',
  'not-listening': 'The plan says that this service has to run, and nobody sees it listen.',
  'out-of-range':
    'The service has a port outside the range that the plan gives it. Another project may be given that port.',
  'wrong-block':
    'The service has a port in a range that belongs to another project, which may be given that very port.',
  'health-failing':
    'It listens, and does not answer as its health check expects. Whoever depends on it may be failing, too.',
  exposed: 'The plan says that it is internal, and it listens on an address that others can reach.',
};
