import { useEffect, useRef, useState } from 'preact/hooks';
import { CommandLine } from '../view/command.tsx';
import { example, type OpenApi, type Operation, type Parameter } from './document.ts';
import { curlOf, type Request, requestOf } from './request.ts';
import { Kind } from './schema.tsx';

/** Characters of an answer that are shown: a browser draws no more of a text quickly. */
const SHOWN_MAX = 200_000;

interface Answer {
  readonly request: Request;
  readonly status?: string;
  readonly text: string;
  readonly running: boolean;
}

/** A form that sends the request from here, with the token of the reader. */
export function Try({ operation, document, token }: { operation: Operation; document: OpenApi; token: string }) {
  const { id, method, parameters = [], requestBody, responses } = operation;
  const schema = requestBody?.content['application/json']?.schema;
  const types = Object.keys(responses['200']?.content ?? {});
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [body, setBody] = useState(schema ? JSON.stringify(example(schema, document), null, 2) : '');
  const [accept, setAccept] = useState(types[0] ?? 'application/json');
  const [answer, setAnswer] = useState<Answer>();
  const [mistake, setMistake] = useState<string>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const submit = async (event: Event) => {
    event.preventDefault();
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    try {
      setMistake(undefined);
      const request = requestOf(operation, { values, body, accept, token });
      setAnswer({ request, text: '', running: true });
      await send(request, stop.signal, (part) => setAnswer({ request, ...part }));
    } catch (error) {
      if (!stop.signal.aborted) setMistake(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form class="try" onSubmit={(event) => void submit(event)}>
      <h4>Try it</h4>
      {parameters.map((parameter) => {
        const key = `${parameter.in} ${parameter.name}`;
        return (
          <Field
            key={key}
            id={`${id}-${key.replaceAll(' ', '-')}`}
            parameter={parameter}
            value={values[key] ?? ''}
            set={(value) => setValues((before) => ({ ...before, [key]: value }))}
          />
        );
      })}
      {schema && (
        <label>
          <span>Body, as JSON</span>
          <textarea
            rows={Math.min(16, body.split('\n').length + 1)}
            spellcheck={false}
            value={body}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        </label>
      )}
      {types.length > 1 && (
        <label>
          <span>Answer as</span>
          <select value={accept} onChange={(event) => setAccept(event.currentTarget.value)}>
            {types.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
      )}
      <div class="try-actions">
        <button type="submit" class={method === 'DELETE' ? 'danger' : 'primary'}>
          Send {method}
        </button>
        {answer?.running && (
          <button
            type="button"
            onClick={() => {
              running.current?.abort();
              setAnswer({ ...answer, running: false });
            }}
          >
            Stop
          </button>
        )}
      </div>
      <div role="status" class="answer">
        {mistake && <p class="mistake">Not sent, or not answered: {mistake}</p>}
        {answer && <p>{answer.status ?? 'Waiting for the answer…'}</p>}
      </div>
      {answer && (
        <>
          {answer.text !== '' && (
            <textarea
              readOnly
              aria-label="The answer"
              rows={Math.min(24, answer.text.split('\n').length)}
              value={answer.text}
            />
          )}
          <CommandLine command={curlOf(answer.request, location.origin)} />
        </>
      )}
    </form>
  );
}

interface FieldProps {
  readonly id: string;
  readonly parameter: Parameter;
  readonly value: string;
  readonly set: (value: string) => void;
}

function Field({ id, parameter, value, set }: FieldProps) {
  const { name, required, schema, description } = parameter;
  const place = { path: 'in the path', query: 'in the query', header: 'a header' }[parameter.in];
  return (
    <div class="field">
      <label for={id}>
        <code>{name}</code>
        {required && <span class="required"> required</span>}
      </label>
      {schema.enum ? (
        <select
          id={id}
          value={value}
          aria-describedby={`${id}-about`}
          onChange={(event) => set(event.currentTarget.value)}
        >
          <option value="">—</option>
          {schema.enum.map((each) => (
            <option key={String(each)}>{String(each)}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          value={value}
          required={required && parameter.in === 'path'}
          autocomplete="off"
          spellcheck={false}
          aria-describedby={`${id}-about`}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
      <p id={`${id}-about`}>
        {place}; <Kind schema={schema} /> {description}
      </p>
    </div>
  );
}

/** Reads an answer as it comes: one that goes on for ever is shown as far as it has come. */
async function send(request: Request, signal: AbortSignal, show: (part: Omit<Answer, 'request'>) => void) {
  const { url, method, headers, body } = request;
  const started = performance.now();
  const response = await fetch(url, { method, headers, signal, ...(body !== undefined && { body }) });
  const status = `${response.status} ${response.statusText}, after ${Math.round(performance.now() - started)} ms`;
  const decoder = new TextDecoder();
  let text = '';
  for (const reader = response.body?.getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length > SHOWN_MAX) {
      await reader.cancel();
      show({ status: `${status}; only its beginning is shown`, text: text.slice(0, SHOWN_MAX), running: false });
      return;
    }
    show({ status, text, running: true });
  }
  show({ status, text: pretty(text), running: false });
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
