import { severities, type WebhookView, webhookFormats } from '@portolan/model';
import { useState } from 'preact/hooks';
import { findings } from '../data/fleet.ts';
import { mayOperate, session } from '../data/session.ts';
import { useAsked } from '../view/asked.ts';
import { CommandLine } from '../view/command.tsx';
import { Confirm } from '../view/confirm.tsx';
import { Dialog } from '../view/dialog.tsx';
import { Empty } from '../view/empty.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { Ago } from '../view/time.tsx';
import { plural } from '../view/words.ts';

export function Alerts() {
  const [, change] = useQuery();
  const [done, setDone] = useState(0);
  // With each finding that changes, something is sent.
  const moved = Array.from(findings.all.values(), ({ lastChanged }) => lastChanged)
    .sort()
    .at(-1);
  const hooks = useAsked(async (client) => (await client.webhooks()).items, `${moved} ${done}`);
  const administers = session.value!.caller.role === 'admin';
  const again = () => setDone(done + 1);
  return (
    <Page
      title="Alerts"
      about="Who is told of findings as they come and go: each at least once, in order, again after a failure."
      actions={
        administers && (
          <button type="button" class="primary" onClick={() => change({ new: 'webhook' })}>
            {hooks?.length ? 'Tell somebody else' : 'Tell somebody'}
          </button>
        )
      }
    >
      {administers && <NewWebhook made={again} />}
      {!mayOperate.value ? (
        <Empty title="Who is told is for operators to see." />
      ) : hooks === undefined ? (
        <p class="waiting">Reading…</p>
      ) : hooks === null ? (
        <Empty title="The coordinator does not say who is told." />
      ) : hooks.length === 0 ? (
        <Empty title="Nobody is told yet." command="portolan webhook set pager https://alerts.example.net/portolan">
          A webhook tells your own receiver, Slack or Alertmanager. In a terminal:
        </Empty>
      ) : (
        hooks.map((hook) => <Webhook key={hook.name} hook={hook} administers={administers} changed={again} />)
      )}
    </Page>
  );
}

interface WebhookProps {
  readonly hook: WebhookView;
  readonly administers: boolean;
  readonly changed: () => void;
}

function Webhook({ hook, administers, changed }: WebhookProps) {
  const { name, url, format, severity, kinds, delivered, dropped, pending, lastDelivered, error } = hook;
  const test = () =>
    attempt(async () => {
      const { ok, status, took, error: why } = await session.peek()!.client.testWebhook(name);
      if (!ok) throw new Error(`${name} did not take the test: ${why ?? `it answered ${status}`}`);
      return `${name} took the test in ${Math.round(took)} ms`;
    }).then(changed);
  const remove = () =>
    attempt(`${name} is told no more`, () => session.peek()!.client.removeWebhook(name)).then(changed);
  return (
    <section class="panel">
      <h2>{name}</h2>
      <dl class="facts">
        <dt>receiver</dt>
        <dd>
          <code>{url}</code>, as {format}
        </dd>
        <dt>told of</dt>
        <dd>
          {kinds === null ? 'findings of any kind' : kinds.join(', ')}
          {severity === 'info' ? '' : severity === 'error' ? ', errors alone' : ', warnings and errors'}
        </dd>
        <dt>so far</dt>
        <dd>
          {plural(delivered, 'alert')} delivered
          {lastDelivered !== null && (
            <>
              , the last one <Ago at={lastDelivered} />
            </>
          )}
          {pending > 0 && `, ${pending} waiting`}
          {dropped > 0 && `, ${dropped} given up`}
        </dd>
        <dt>state</dt>
        <dd>{error === null ? <span class="badge ok">well</span> : <span class="badge error">{error}</span>}</dd>
      </dl>
      {administers && (
        <div class="ways-here">
          <button type="button" onClick={() => void test()}>
            Send a test
          </button>
          <Confirm label="Remove" title={`Tell ${name} no more?`} act={remove}>
            What waits to be sent to it is dropped. Its secret is forgotten.
          </Confirm>
        </div>
      )}
    </section>
  );
}

function NewWebhook({ made }: { made: () => void }) {
  const [query, change] = useQuery();
  const [secret, setSecret] = useState<string | null>(null);
  if (query.new === undefined) return null;
  const close = () => {
    setSecret(null);
    change({ new: undefined });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const text = (field: string) => String(given.get(field) ?? '').trim();
    void attempt(async () => {
      const name = text('name');
      const set = await session.peek()!.client.setWebhook(name, {
        url: text('url'),
        format: text('format') as (typeof webhookFormats)[number],
        severity: text('severity') as (typeof severities)[number],
      });
      made();
      if (set.secret === null) close();
      else setSecret(set.secret);
      return `${name} is told from now on`;
    });
  };
  return (
    <Dialog title="Tell somebody of findings" close={close}>
      {secret !== null ? (
        <>
          <p>What is sent is signed with this secret. It is shown this once; the receiver checks signatures with it.</p>
          <CommandLine command={secret} />
          <div class="dialog-actions">
            <button type="button" class="primary" onClick={close}>
              Done
            </button>
          </div>
        </>
      ) : (
        <form class="form" onSubmit={submit}>
          <label>
            <span>Name</span>
            <input name="name" required placeholder="pager" spellcheck={false} />
          </label>
          <label>
            <span>URL of the receiver</span>
            <input
              name="url"
              type="url"
              required
              placeholder="https://alerts.example.net/portolan"
              spellcheck={false}
            />
          </label>
          <div class="pair">
            <label>
              <span>It understands</span>
              <select name="format">
                {webhookFormats.map((format) => (
                  <option key={format} value={format}>
                    {format}
                  </option>
                ))}
              </select>
            </label>
            <label>
              <span>From this severity on</span>
              <select name="severity">
                {['warning', ...severities.filter((each) => each !== 'warning')].map((severity) => (
                  <option key={severity} value={severity}>
                    {severity}
                  </option>
                ))}
              </select>
            </label>
          </div>
          <div class="dialog-actions">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" class="primary">
              Tell it
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
