import { AssignmentView, formatEndpoint, Port, Protocol } from '@portolan/model';
import { z } from 'zod';

/** Who has a port, in a few words. */
export const Held = z.object({ endpoint: z.string(), protocol: Protocol, port: Port });

/** An assignment as the tools show it. */
export const ShownAssignment = Held.extend({
  state: AssignmentView.shape.state.describe(
    'pending: nobody listens yet; bound: its service does; squatted: only another one does',
  ),
  host: z.string().optional(),
  holder: z.string().optional().describe('Who reserved it, as it names itself.'),
  purpose: z.string().optional(),
  permanent: z.boolean(),
});

export function shownAssignment(view: AssignmentView): z.input<typeof ShownAssignment> {
  const { endpoint, protocol, port, state, host, holder, purpose, lease } = view;
  return {
    endpoint: formatEndpoint(endpoint),
    protocol,
    port,
    state,
    host,
    holder,
    purpose,
    permanent: lease === null,
  };
}
