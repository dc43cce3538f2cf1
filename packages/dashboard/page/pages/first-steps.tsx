import { listenersReady } from '../data/feed.ts';
import { assignments, listeners, listenersVersion, planned } from '../data/fleet.ts';
import { mayHold } from '../data/session.ts';
import { CommandLine } from '../view/command.tsx';
import { plural } from '../view/words.ts';

/** What to do with a registry that nobody has given anything to keep; nothing once somebody has. */
export function FirstSteps() {
  void listenersVersion.value;
  if (!listenersReady.value || assignments.all.size > 0 || planned.all.size > 0) return null;
  return (
    <section class="panel" aria-labelledby="steps-title">
      <h2 id="steps-title">Where to begin</h2>
      <ol class="steps">
        <li>
          <p>
            See what is there: <a href="/listeners">{plural(listeners.size, 'socket')}</a> of this fleet, and whose they
            are.
          </p>
        </li>
        <li>
          <p>
            Start a service on a port that nobody else has; it stays its own.{' '}
            {mayHold.value && <a href="/reserve">Or reserve one here.</a>}
          </p>
          <CommandLine command="portolan run shop/cart -- npm run dev" />
        </li>
        <li>
          <p>
            Take in what the files of a project say of ports, and see what is at odds. Nothing of theirs is changed.
          </p>
          <CommandLine command="portolan import . -o portolan.yaml" />
          <CommandLine command="portolan check" />
        </li>
        <li>
          <p>Put that plan into the registry.</p>
          <CommandLine command="portolan apply" />
        </li>
      </ol>
    </section>
  );
}
