import { useState } from 'preact/hooks';
import type { AlertWire, MutedWire, SilencesWire } from '../infra/http/wire.js';
import { deleteJson, postJson } from './client.js';
import { dateTime } from './format.js';
import type { PlantState } from './plant-state.js';
import { alertPath } from './router.js';
import { WhoForm } from './who-form.js';

const hourMs = 3_600_000;
const spans = [
  { label: '8 hours', ms: 8 * hourMs },
  { label: '1 day', ms: 24 * hourMs },
  { label: '3 days', ms: 72 * hourMs },
  { label: '1 week', ms: 168 * hourMs },
  { label: '30 days', ms: 720 * hourMs },
];

/** A bell, struck through. */
function MutedSign() {
  return (
    <svg class="muted-sign" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M3 12h10c-1-1-1.5-2.5-1.5-5a3.5 3.5 0 0 0-7 0c0 2.5-.5 4-1.5 5zM6.5 14h3M2 2l12 12" />
    </svg>
  );
}

/** Why nobody is told of an open alert. */
export function MutedNote({ muted }: { readonly muted: MutedWire }) {
  switch (muted.by) {
    case 'silence':
      return (
        <span class="muted-note">
          <MutedSign /> silenced
        </span>
      );
    case 'inhibition':
      return (
        <span class="muted-note">
          <MutedSign /> not told while <a href={alertPath(muted.name)}>another alert</a> is firing
        </span>
      );
    default:
      return (
        <span class="muted-note">
          <MutedSign /> not told: {muted.name}
        </span>
      );
  }
}

/** Silences this rule for this machine. */
export function SilenceForm(props: {
  readonly state: PlantState;
  readonly alert: AlertWire;
  readonly onDone: (failure: string) => void;
  readonly onCancel: () => void;
}) {
  const { state, alert, onDone } = props;
  const silence = async (by: string, comment: string, choice: string) => {
    const matchers = [`machine=${JSON.stringify(alert.machine)}`, `rule=${JSON.stringify(alert.rule)}`];
    try {
      await postJson('/api/v1/silences', { matchers, durationMs: Number(choice), by, comment });
      onDone('');
      state.noteAlertChange();
    } catch (error) {
      onDone(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <WhoForm
      verb="Silence"
      question="For how long?"
      choices={spans.map(({ label, ms }) => ({ value: String(ms), label }))}
      onSend={(by, comment, choice) => void silence(by, comment, choice)}
      onCancel={props.onCancel}
    />
  );
}

/** Those in force and to come, with a way to end them. */
export function SilenceList(props: { readonly state: PlantState; readonly silences: SilencesWire }) {
  const { state } = props;
  const [failure, setFailure] = useState('');
  const shown = props.silences.silences.filter((silence) => silence.state !== 'over');
  if (shown.length === 0) return null;
  const end = async (id: string) => {
    try {
      await deleteJson(`/api/v1/silences/${encodeURIComponent(id)}`);
      setFailure('');
      state.noteAlertChange();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <section class="silences" aria-label="Silences">
      <h2>Silences</h2>
      {failure !== '' && (
        <p class="form-error" role="alert">
          Not ended: {failure}
        </p>
      )}
      <div class="alert-list">
        {shown.map(({ id, matchers, startsMs, endsMs, by, comment, state: now }) => (
          <article key={id} class="alert">
            <div class="alert-line">
              <span class="alert-words">
                <MutedSign /> <code>{matchers.join(' ')}</code>
              </span>
              <span class="alert-actions">
                <button type="button" onClick={() => void end(id)}>
                  End now
                </button>
              </span>
            </div>
            <div class="alert-facts muted">
              {now === 'to-come' ? `from ${dateTime(startsMs, state.timeZone)} ` : ''}until{' '}
              {dateTime(endsMs, state.timeZone)} · by {by}
              {comment === '' ? '' : ` · ${comment}`}
            </div>
          </article>
        ))}
      </div>
    </section>
  );
}
