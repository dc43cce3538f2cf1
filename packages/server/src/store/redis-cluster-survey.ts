import { infoFields, type Questioner } from './redis-question.ts';

/** What the node that has the fleet's slot tells of its cluster; `undefined` where it does not. */
export interface ClusterFacts {
  /** `ok` or `fail`. */
  readonly state: string | undefined;
  /** Primaries that have slots: they vote on a failover. */
  readonly voters: readonly ClusterNode[] | undefined;
  /** Replicas of this node, whether connected or not. */
  readonly replicas: readonly ClusterNode[] | undefined;
}

export interface ClusterNode {
  /** `host:port` */
  readonly address: string;
  /** Whether a majority takes it for failed, or this node does. */
  readonly failed: boolean;
}

/** @param questioner of the node that has the fleet's slot */
export async function surveyCluster(questioner: Questioner): Promise<ClusterFacts> {
  const [info, nodes] = await Promise.all([questioner.ask('CLUSTER INFO'), questioner.ask('CLUSTER NODES')]);
  const lines = typeof nodes === 'string' ? nodes.trim().split('\n').map(parseLine) : undefined;
  const own = lines?.find(({ flags }) => flags.includes('myself'));
  return {
    state: infoFields(info).get('cluster_state'),
    voters: lines?.filter(({ flags, slots }) => flags.includes('master') && slots > 0).map(nodeOf),
    replicas: lines?.filter(({ primary }) => primary === own?.id).map(nodeOf),
  };
}

interface Line {
  readonly id: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly primary: string;
  readonly slots: number;
}

/** `id host:port@bus,hostname flags primary ping pong epoch link slots…` */
function parseLine(line: string): Line {
  const [id = '', address = '', flags = '', primary = '', , , , , ...slots] = line.trim().split(' ');
  return {
    id,
    address: address.replace(/@.*/, ''),
    flags: flags.split(','),
    primary,
    slots: slots.length,
  };
}

function nodeOf({ address, flags }: Line): ClusterNode {
  return { address, failed: flags.some((flag) => /^fail\??$/.test(flag)) };
}
