import { useEffect, useState } from 'preact/hooks';
import type { AlertDetailWire, AlertWire, MutedWire } from '../infra/http/wire.js';
import { alertApiPath, getJson, postJson } from './client.js';
import { chance, dateTime } from './format.js';
import { AlertChip, wordOf } from './marks.js';
import type { PlantState } from './plant-state.js';
import { alertPath, machinePath } from './router.js';
import { MutedNote, SilenceForm } from './silences.js';
import { WhoForm } from './who-form.js';

const verdicts = [
  { value: 'true', label: 'It was right: there was a fault' },
  { value: 'false', label: 'False alarm: the machine was well' },
  { value: 'unclear', label: 'Unclear' },
];

interface AlertCardProps {
  readonly state: PlantState;
  readonly alert: AlertWire;
  /** What mutes it. */
  readonly muted?: MutedWire | undefined;
  /** The history is shown. */
  readonly open: boolean;
  readonly selected: boolean;
  readonly showMachine: boolean;
}

type Form = 'none' | 'acknowledge' | 'assign' | 'comment' | 'feedback' | 'silence';

type Sending =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'failed'; readonly why: string };

/** One alert: what, since when, who knows of it, and what one can do. */
export function AlertCard({ state, alert: known, muted, open, selected, showMachine }: AlertCardProps) {
  const [form, setForm] = useState<Form>('none');
  const [sending, setSending] = useState<Sending>({ kind: 'idle' });
  // Shown as done before the server says so; taken back, with the reason, when it refuses.
  const [claimedBy, setClaimedBy] = useState('');
  const [thanks, setThanks] = useState('');
  const acknowledgedBy = known.acknowledgedBy || claimedBy;
  const act = async (path: string, body: unknown, done: () => void, undo: () => void) => {
    setSending({ kind: 'sending' });
    try {
      await postJson(`${alertApiPath(known.alertId)}/${path}`, body);
      setSending({ kind: 'idle' });
      done();
    } catch (error) {
      undo();
      setSending({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  };
  const acknowledge = (by: string, comment: string) => {
    setClaimedBy(by);
    setForm('none');
    void act(
      'acknowledge',
      { by, comment },
      () => state.noteAlertChange(),
      () => {
        setClaimedBy('');
        setForm('acknowledge');
      },
    );
  };
  const say = (what: Form, body: unknown, thanks = '') => {
    setForm('none');
    void act(
      what,
      body,
      () => {
        setThanks(thanks);
        state.noteAlertChange();
      },
      () => setForm(what),
    );
  };
  const formButton = (what: Form, label: string, look = 'plain') => (
    <button type="button" class={look} onClick={() => setForm(form === what ? 'none' : what)}>
      {label}
    </button>
  );
  return (
    <article class={selected ? 'alert selected' : 'alert'} aria-current={selected}>
      <div class="alert-line">
        <AlertChip alert={known} nowMs={state.timeMs} />
        <span class="alert-words">
          {showMachine && <a href={machinePath(known.machine)}>{known.machine}</a>} {withoutMachine(known)}
        </span>
        <span class="alert-actions">
          {muted && <MutedNote muted={muted} />}
          {acknowledgedBy !== '' && (
            <span class="acknowledged">
              ✓ {acknowledgedBy}
              {sending.kind === 'sending' ? ' …' : ''}
            </span>
          )}
          {known.assignedTo !== undefined && <span class="assigned">→ {known.assignedTo}</span>}
          {known.state !== 'resolved' &&
            acknowledgedBy === '' &&
            formButton('acknowledge', 'Acknowledge', '')}
          {known.state !== 'resolved' && formButton('assign', 'Assign')}
          {known.state !== 'resolved' && formButton('comment', 'Comment')}
          {known.state !== 'resolved' && muted === undefined && formButton('silence', 'Silence')}
          {known.state !== 'not-assessable' && formButton('feedback', 'Was it right?')}
        </span>
      </div>
      <div class="alert-facts muted">
        {wordOf(known.rule)} · since {dateTime(known.sinceMs, state.timeZone)}
        {known.state === 'resolved'
          ? ` · resolved ${dateTime(known.timeMs, state.timeZone)}: ${known.reason}`
          : ''}{' '}
        · <a href={alertPath(known.alertId)}>history</a>
      </div>
      {sending.kind === 'failed' && (
        <p class="form-error" role="alert">
          Not saved: {sending.why}
        </p>
      )}
      {thanks !== '' && <p class="form-done">{thanks}</p>}
      {form === 'acknowledge' && (
        <WhoForm verb="Acknowledge" onSend={acknowledge} onCancel={() => setForm('none')} />
      )}
      {form === 'assign' && (
        <WhoForm
          verb="Assign"
          ask={{ label: 'To', placeholder: 'who looks after it', required: true }}
          onSend={(by, comment, _, to) => say('assign', { to, by, comment })}
          onCancel={() => setForm('none')}
        />
      )}
      {form === 'comment' && (
        <WhoForm
          verb="Comment"
          comment="required"
          onSend={(by, comment) => say('comment', { by, comment })}
          onCancel={() => setForm('none')}
        />
      )}
      {form === 'feedback' && (
        <WhoForm
          verb="Send"
          question="What turned out to be true?"
          choices={verdicts}
          ask={{ label: 'Fault code', placeholder: 'if there was a fault', required: false }}
          onSend={(by, comment, verdict, fault) =>
            say('feedback', { by, comment, verdict, fault }, 'Noted, in the log of events.')
          }
          onCancel={() => setForm('none')}
        />
      )}
      {form === 'silence' && (
        <SilenceForm
          state={state}
          alert={known}
          onDone={(why) => {
            setForm('none');
            setSending(why === '' ? { kind: 'idle' } : { kind: 'failed', why });
          }}
          onCancel={() => setForm('none')}
        />
      )}
      {open && <AlertHistory state={state} alertId={known.alertId} sequence={known.sequence} />}
    </article>
  );
}

/** Summaries begin with the machine, which the card has said already. */
function withoutMachine({ summary, machine }: AlertWire): string {
  return summary.startsWith(`${machine} `) ? summary.slice(machine.length + 1) : summary;
}

/** `sequence`: of the newest transition known; a greater one is a reason to look again. */
function AlertHistory(props: {
  readonly state: PlantState;
  readonly alertId: string;
  readonly sequence: number;
}) {
  const { state, alertId, sequence } = props;
  const [detail, setDetail] = useState<AlertDetailWire>();
  const [failure, setFailure] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    getJson<AlertDetailWire>(alertApiPath(alertId), stop.signal)
      .then((loaded) => {
        setDetail(loaded);
        setFailure('');
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
      });
    return () => stop.abort();
  }, [alertId, sequence]);
  if (failure !== '') return <p class="form-error">{failure}</p>;
  if (!detail) return <p class="muted">Loading…</p>;
  return (
    <ol class="history">
      {detail.history.map((transition) => (
        <li key={transition.dedupeKey}>
          <span class="history-time">{dateTime(transition.timeMs, state.timeZone)}</span>
          <span>
            <strong>{wordOf(transition.transition)}</strong>
            {transition.severity === '' ? '' : ` · ${transition.severity}`}
            {transition.value === null ? '' : ` · ${chance(transition.value)}`}
            {transition.transition === 'acknowledged' ? ` · by ${transition.acknowledgedBy}` : ''}
            {transition.transition === 'assigned' ? ` · to ${transition.assignedTo}` : ''}
            {transition.by === undefined ? '' : ` · by ${transition.by}`}
            {transition.reason === '' ? '' : ` · ${transition.reason}`}
            {transition.trace && (
              <>
                {' · '}
                <a href={machinePath(transition.machine, transition.trace.originMs)}>the forecast then</a>
              </>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}
