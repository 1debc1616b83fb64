/** Small marks that several pages use; each has a sign and a word, never colour alone. */
import { leadingAlert } from '../infra/http/present.js';
import type { AlertWire } from '../infra/http/wire.js';
import { percent, span } from './format.js';

const signs: Readonly<Record<string, string>> = {
  critical: '▲▲',
  warning: '▲',
  pending: '△',
  'not-assessable': '╱╱',
  good: '○',
  resolved: '✓',
};

/** Kind of an alert for the style sheet and the sign: its severity when it fires, else its state. */
export function kindOf(alert: Pick<AlertWire, 'state' | 'severity'>): string {
  return alert.state === 'firing' ? alert.severity : alert.state;
}

export function wordOf(kind: string): string {
  return kind === 'not-assessable' ? 'not assessable' : kind === '' ? 'alert' : kind;
}

export function Sign({ kind }: { readonly kind: string }) {
  return (
    <span class={`sign ${kind}`} aria-hidden="true">
      {signs[kind] ?? '▲'}
    </span>
  );
}

export function AlertChip(props: { readonly alert: AlertWire; readonly nowMs: number }) {
  const { alert, nowMs } = props;
  const kind = kindOf(alert);
  const endMs = alert.state === 'resolved' ? alert.timeMs : nowMs;
  return (
    <span class={`chip ${kind}`} title={alert.summary}>
      <Sign kind={kind} /> {wordOf(kind)} <span class="chip-age">{span(endMs - alert.sinceMs)}</span>
    </span>
  );
}

export function LeadChip(props: { readonly alerts: readonly AlertWire[]; readonly nowMs: number }) {
  const lead = leadingAlert(props.alerts);
  if (!lead) return null;
  return (
    <>
      <AlertChip alert={lead} nowMs={props.nowMs} />
      {lead.acknowledgedBy !== '' && (
        <span class="acknowledged" title={`acknowledged by ${lead.acknowledgedBy}`}>
          ✓ {lead.acknowledgedBy}
        </span>
      )}
    </>
  );
}

/** Share of the expected readings that came, in thirds and in words. */
export function DataQuality(props: { readonly coverage: number; readonly silent: number }) {
  const { coverage, silent } = props;
  const full = coverage >= 0.9 ? 3 : coverage >= 0.6 ? 2 : coverage > 0.05 ? 1 : 0;
  const words = `${percent(coverage)} of the expected readings${silent > 0 ? `, ${silent} sensors silent` : ''}`;
  return (
    <span class={full < 3 ? 'quality low' : 'quality'} title={words}>
      <span aria-hidden="true">{'●'.repeat(full) + '○'.repeat(3 - full)}</span>
      <span class="quality-number">{percent(coverage)}</span>
    </span>
  );
}
