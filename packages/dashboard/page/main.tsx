import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/pages.css';
import { render } from 'preact';
import { resume } from './data/session.ts';
import { App } from './view/app.tsx';
import { applyTheme } from './view/theme.ts';

applyTheme();
void resume();
render(<App />, document.getElementById('page')!);
