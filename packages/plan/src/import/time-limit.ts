import { createContext, Script } from 'node:vm';

const context = createContext({ run: (): void => {} });
const script = new Script('run()');

/**
 * Runs a function and ends it when it takes too long, be it in a loop, a parser or a regular expression. For text from
 * elsewhere, since no parser promises linear time.
 *
 * @param ms longest time, from 1 on
 * @returns what the function gives, or `undefined` when its time was up
 */
export function withinTime<T>(ms: number, work: () => T): { value: T } | undefined {
  let result: { value: T } | undefined;
  context.run = () => {
    result = { value: work() };
  };
  try {
    script.runInContext(context, { timeout: ms });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    return undefined;
  } finally {
    context.run = () => {};
  }
  return result;
}
