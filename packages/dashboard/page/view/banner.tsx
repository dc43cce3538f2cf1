import { reconnect } from '../data/feed.ts';
import { absences, doubt } from '../data/trouble.ts';
import { Moment } from './time.tsx';

/** What is wrong with what is shown, on every page. Both places are there always, so that screen readers hear them change. */
export function Banner() {
  const now = doubt.value;
  return (
    <>
      <div role="alert" class="banner-place">
        {now && (
          <div class="banner error">
            <p>
              <strong>{now.title}</strong> What you see is as of <Moment at={now.since} />. {now.text}
            </p>
            {now.retry && (
              <button type="button" onClick={reconnect}>
                Try now
              </button>
            )}
          </div>
        )}
      </div>
      <div role="status" class="banner-place">
        {absences.value.map(({ title, since, href }) => (
          <div key={title} class="banner warning">
            <p>
              <strong>{href === undefined ? title : <a href={href}>{title}</a>}</strong> Since <Moment at={since} />.
            </p>
          </div>
        ))}
      </div>
    </>
  );
}
