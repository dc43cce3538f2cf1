import '../style/tokens.css';
import '../style/base.css';
import '../style/parts.css';
import '../style/reference.css';
import { render } from 'preact';
import { applyTheme } from '../view/theme.ts';
import type { OpenApi } from './document.ts';
import { Reference } from './reference.tsx';

applyTheme();
const place = document.getElementById('page')!;
try {
  const response = await fetch('/v1/openapi.json');
  if (!response.ok) throw new Error(`the coordinator answered ${response.status}`);
  render(<Reference document={(await response.json()) as OpenApi} />, place);
  // The browser looked for the place in the address before there was anything.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  render(
    <main class="reference">
      <h1>API reference</h1>
      <p role="alert">The OpenAPI document cannot be read: {String(error)}. Reload the page to try again.</p>
    </main>,
    place,
  );
}
