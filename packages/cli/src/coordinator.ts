import type { AgentGossipOptions, Coordinator } from '@portolan/agent';
import type { PortolanClient } from '@portolan/client';
import { Health, Task } from '@portolan/model';

/** What an agent needs of a coordinator, by way of a client. */
export function coordinatorOf(client: PortolanClient): Coordinator {
  return {
    join: (host, info) => client.join(host, info),
    report: (host, report) => client.report(host, report),
    leave: (host) => client.leave(host),
    answerTask: (id, answer) => client.answerTask(id, answer),
    reportHealth: (host, report) => client.reportHealth(host, report),
    urls: () => client.urls,
    isReady: () => client.isReady(),
    async *tasks(host, signal, onHealth) {
      onHealth?.({ op: 'reset' });
      for await (const event of client.watch({ topics: ['task', 'health'], filter: { host }, signal })) {
        if (event.type === 'reset') onHealth?.({ op: 'reset' });
        const entries = event.type === 'snapshot' ? event.entries : event.type === 'change' ? event.events : [];
        for (const { op, topic, key, value } of entries) {
          if (topic === 'health') {
            const health = Health.safeParse(value).data;
            if (op === 'delete') onHealth?.({ op, key });
            else if (health) onHealth?.({ op, value: health });
            continue;
          }
          const task = Task.safeParse(value);
          if (op === 'put' && task.success && task.data.answer === null) yield task.data;
        }
      }
    },
  };
}

/** What an agent's gossip needs of a coordinator. */
export function gossipSourceOf(client: PortolanClient): AgentGossipOptions['coordinator'] {
  return {
    access: () => client.gossip(),
    settle: (host, request) => client.settleProvisional(host, request),
    learn: (urls, isOurs) => client.learn(urls, isOurs),
  };
}
