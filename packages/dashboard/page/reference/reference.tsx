import { useState } from 'preact/hooks';
import { keepToken, keptToken } from '../data/kept-token.ts';
import { Icon } from '../view/icon.tsx';
import { theme, toggleTheme } from '../view/theme.ts';
import { mentions, type OpenApi, type Operation, operationsByTag } from './document.ts';
import { SchemaView } from './schema.tsx';
import { Try } from './try.tsx';

/** All that the HTTP interface takes and gives, made from its OpenAPI document. */
export function Reference({ document }: { document: OpenApi }) {
  const [token, setToken] = useState(keptToken() ?? '');
  const [sought, setSought] = useState('');
  const { title, version, description } = document.info;
  const tags = [...operationsByTag(document)].flatMap(([tag, operations]) => {
    const found = operations.filter((operation) => mentions(operation, sought));
    return found.length > 0 ? [{ tag, found }] : [];
  });
  return (
    <main class="reference">
      <header>
        <div>
          <h1>{title} API</h1>
          <p>
            Version {version}. {description} <a href="/v1/openapi.json">OpenAPI document</a> · <a href="/">Dashboard</a>
          </p>
        </div>
        <button
          type="button"
          class="plain"
          onClick={toggleTheme}
          aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
        >
          <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
        </button>
      </header>
      <div class="reference-tools">
        <label>
          <span>Find</span>
          <input type="search" value={sought} onInput={(event) => setSought(event.currentTarget.value)} />
        </label>
        <label>
          <span>Token for "Try it"</span>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={token}
            aria-describedby="token-about"
            onInput={(event) => {
              const typed = event.currentTarget.value.trim();
              setToken(typed);
              keepToken(typed === '' ? undefined : typed);
            }}
          />
        </label>
        <p id="token-about">
          <code>portolan token show</code> prints it. It is that of the dashboard in this tab, and is forgotten when you
          close it.
        </p>
      </div>
      {tags.length === 0 && <p role="status">No operation has "{sought}" in its path or description.</p>}
      {tags.map(({ tag, found }) => (
        <section key={tag} aria-label={tag}>
          <h2>{tag}</h2>
          {found.map((operation) => (
            <OperationView key={operation.id} operation={operation} document={document} token={token} />
          ))}
        </section>
      ))}
    </main>
  );
}

function OperationView({ operation, document, token }: { operation: Operation; document: OpenApi; token: string }) {
  const { id, method, path, summary, description = '', requestBody, responses } = operation;
  const [open, setOpen] = useState(location.hash === `#${id}`);
  return (
    <details
      id={id}
      class="operation"
      open={open}
      onToggle={(event) => {
        const now = event.currentTarget.open;
        if (now === open) return;
        setOpen(now);
        if (now) history.replaceState(null, '', `#${id}`);
      }}
    >
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>{' '}
        <span class="operation-summary">{summary}</span>
      </summary>
      {open && (
        <div class="operation-body">
          {description.split('\n\n').map((paragraph) => (
            <p key={paragraph}>{paragraph}</p>
          ))}
          <p>{needsToken(operation) ? 'Needs a token.' : 'Needs no token.'}</p>
          {Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => (
            <section key={type}>
              <h3>Body</h3>
              <SchemaView schema={schema} document={document} />
            </section>
          ))}
          <section>
            <h3>Answers</h3>
            {Object.entries(responses).map(([status, response]) => (
              <div key={status} class="response">
                <p>
                  <strong>{status === 'default' ? 'Any other' : status}</strong> {response.description}
                </p>
                {Object.entries(response.content ?? {}).map(([type, { schema }]) => (
                  <details key={type}>
                    <summary>{type}</summary>
                    <SchemaView schema={schema} document={document} />
                  </details>
                ))}
              </div>
            ))}
          </section>
          {responses['101'] === undefined ? (
            <Try operation={operation} document={document} token={token} />
          ) : (
            <p>It cannot be tried here, since it is a WebSocket.</p>
          )}
        </div>
      )}
    </details>
  );
}

function needsToken({ security = [] }: Operation): boolean {
  return security.length > 0 && security.every((way) => Object.keys(way).length > 0);
}
