import { useState } from 'preact/hooks';
import { enter, refusal } from '../data/session.ts';
import { CommandLine } from './command.tsx';

export function Login() {
  const [token, setToken] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() !== '') void enter(token.trim());
  };
  return (
    <main class="login">
      <h1>Portolan</h1>
      <p class="about">Every port of the fleet, and who has it.</p>
      <form onSubmit={submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={token}
          aria-describedby={refusal.value ? 'refusal' : 'token-help'}
          aria-invalid={refusal.value ? true : undefined}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={token.trim() === ''}>
          Enter
        </button>
      </form>
      {refusal.value && (
        <p id="refusal" class="refusal" role="alert">
          Not let in: {refusal.value}
        </p>
      )}
      <div id="token-help" class="help">
        <p>Or open a link that lets you in at once. On the machine of the coordinator run</p>
        <CommandLine command="portolan dashboard" />
        <p>The token stays in this tab, and is forgotten when you close it.</p>
      </div>
    </main>
  );
}
