import type { Finding } from '@portolan/model';
import { useEffect, useState } from 'preact/hooks';
import { mayOperate, session } from '../data/session.ts';
import { attempt } from '../view/notice.tsx';
import { Ago } from '../view/time.tsx';

/** What people know of a finding, and who looks after it. */
export function FindingNoteForm({ finding: { id, note } }: { finding: Finding }) {
  const [text, setText] = useState(note?.text ?? '');
  const [assignee, setAssignee] = useState(note?.assignee ?? '');
  const [touched, setTouched] = useState(false);
  // Somebody else may write one meanwhile: it shows, unless this reader is about to write.
  useEffect(() => {
    if (touched) return;
    setText(note?.text ?? '');
    setAssignee(note?.assignee ?? '');
  }, [note?.at, touched]);
  const save = async (event: Event) => {
    event.preventDefault();
    const { client } = session.peek()!;
    const empty = text.trim() === '' && assignee.trim() === '';
    const done = await attempt(empty ? 'the note is gone' : 'noted', () =>
      client.annotate(id, empty ? null : { text: text.trim(), assignee: assignee.trim() || null }),
    );
    if (done) setTouched(false);
  };
  const change = (set: (value: string) => void) => (event: { currentTarget: { value: string } }) => {
    setTouched(true);
    set(event.currentTarget.value);
  };
  if (!mayOperate.value) {
    return note ? (
      <section class="panel">
        <h2>Note</h2>
        <p class="prose">{note.text}</p>
      </section>
    ) : null;
  }
  return (
    <section class="panel">
      <h2>Note</h2>
      <form class="note-form" onSubmit={(event) => void save(event)}>
        <label>
          <span>What is known of it</span>
          <textarea rows={2} maxLength={2000} value={text} onInput={change(setText)} />
        </label>
        <label>
          <span>Assignee</span>
          <input value={assignee} maxLength={100} placeholder="nobody yet" onInput={change(setAssignee)} />
        </label>
        <button type="submit" disabled={!touched}>
          Write down
        </button>
        {note && (
          <p class="note-by">
            by {note.by}, <Ago at={note.at} />
          </p>
        )}
      </form>
    </section>
  );
}
