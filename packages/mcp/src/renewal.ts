import { PortolanError, Version } from '@portolan/model';
import { z } from 'zod';
import { tool } from './tool.ts';

export const renewLease = tool({
  name: 'renew_lease',
  title: 'Renew a lease',
  description:
    'Keep a port that was allocated with a ttl: its time begins anew. Call it well before the ttl is over, say after half of it.',
  input: z.strictObject({
    leaseId: z.string().max(64).describe('`leaseId` of the answer of allocate_port.'),
    token: Version.describe('`token` of the same answer.'),
  }),
  output: z.object({ leaseId: z.string(), ttl: z.number().describe('Seconds that it has from now on.') }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run({ registry }, { leaseId, token }) {
    const { renewed, lost } = await registry.renew([{ id: leaseId, token }]);
    const [found] = renewed;
    if (!found) {
      const { code, detail } = lost[0] ?? { code: 'not-found', detail: 'there is no such lease' };
      throw new PortolanError(code, `${detail}. Call allocate_port again.`);
    }
    return { text: `The lease ends in ${found.ttl} s unless it is renewed again.`, data: { leaseId, ttl: found.ttl } };
  },
});
