import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface Props {
  readonly title: string;
  /** One sentence that says what is to be seen. */
  readonly about?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
  /** Takes the height of the window, and scrolls inside. */
  readonly fill?: boolean;
}

/** The frame of each page: its title is the window's, and gets the focus when one comes to it. */
export function Page({ title, about, actions, children, fill }: Props) {
  useEffect(() => {
    document.title = title === 'Overview' ? 'Portolan' : `${title} · Portolan`;
  }, [title]);
  return (
    <div class={fill ? 'page fill' : 'page'}>
      <header class="page-head">
        <div>
          <h1 tabIndex={-1}>{title}</h1>
          {about && <p class="about">{about}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
