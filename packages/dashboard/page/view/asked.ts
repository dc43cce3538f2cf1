import type { PortolanClient } from '@portolan/client';
import { useEffect, useState } from 'preact/hooks';
import { session } from '../data/session.ts';

/** While things change quickly, ms. */
const PAUSE = 300;

/**
 * What the coordinator answers to a question that no stream tells of: asked when the page opens, and again whenever
 * `again` is another.
 *
 * @returns `undefined` until there is an answer, `null` when there is none to be had
 */
export function useAsked<T>(ask: (client: PortolanClient) => Promise<T>, again: unknown = 0): T | null | undefined {
  const [answer, setAnswer] = useState<T | null | undefined>(undefined);
  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(
      () => {
        ask(session.peek()!.client).then(
          (value) => wanted && setAnswer(() => value),
          () => wanted && setAnswer(null),
        );
      },
      answer === undefined ? 0 : PAUSE,
    );
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [again]);
  return answer;
}
