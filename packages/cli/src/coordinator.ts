import type { Coordinator } from '@portolan/agent';
import type { PortolanClient } from '@portolan/client';
import { Task } from '@portolan/model';

/** What an agent needs of a coordinator, by way of a client. */
export function coordinatorOf(client: PortolanClient): Coordinator {
  return {
    join: (host, info) => client.join(host, info),
    report: (host, report) => client.report(host, report),
    leave: (host) => client.leave(host),
    answerTask: (id, answer) => client.answerTask(id, answer),
    async *tasks(host, signal) {
      for await (const event of client.watch({ topics: ['task'], filter: { host }, signal })) {
        const entries = event.type === 'snapshot' ? event.entries : event.type === 'change' ? event.events : [];
        for (const { op, value } of entries) {
          const task = Task.safeParse(value);
          if (op === 'put' && task.success && task.data.answer === null) yield task.data;
        }
      }
    },
  };
}
