import { Empty } from '../view/empty.tsx';
import { Page } from '../view/page.tsx';

export function Missing() {
  return (
    <Page title="Uncharted">
      <Empty title="There is no page at this address.">
        The <a href="/">overview</a> is a good place to begin.
      </Empty>
    </Page>
  );
}
