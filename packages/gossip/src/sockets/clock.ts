import type { Clock } from '../world.ts';

/**
 * Real time: monotonic, so that setting the machine's clock changes nothing.
 *
 * After a stall of the event loop timers run before the sockets are read, so a timeout would fire although its answer
 * has long been there. One more turn of the loop lets what has arrived in first.
 */
export const realClock: Clock = {
  now: () => performance.now(),
  after(delay, call) {
    let turn: NodeJS.Immediate | undefined;
    const timer = setTimeout(
      () => {
        turn = setImmediate(call);
        // A busy machine is past some times before it can wait for them, and Node warns of that on stderr.
      },
      Math.max(0, delay),
    );
    return {
      cancel() {
        clearTimeout(timer);
        clearImmediate(turn);
      },
    };
  },
};
