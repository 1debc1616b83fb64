/** A report as one HTML file that needs nothing else: no script, no network. */
import { timelineStyle } from './fleet-timeline.js';
import { chartStyle, escapeHtml } from './line-chart.js';

/** `sections`: what `section` made. */
export function htmlPage(title: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${sections.join('\n')}
</body></html>
`;
}

/** `content` is HTML. */
export function section(title: string, content: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>${content}</section>`;
}

const style = `:root{--text:#1b1e22;--muted:#59626d;--grid:#e4e6e9;--surface:#fff;--ground:#f6f7f9;--c1:#1f5fa8;--c2:#a93a26;--c3:#5b7a2b;--c4:#7a4ea3;--good:#2f7d4f;--bad:#8a5300}
@media(prefers-color-scheme:dark){:root{--text:#e7e9eb;--muted:#a0a9b4;--grid:#2b3137;--surface:#181c20;--ground:#101316;--c1:#7cb3f0;--c2:#f2894a;--c3:#a8cc6b;--c4:#c39be8;--good:#6fce96;--bad:#f5c26b}}
body{font:14px/1.5 system-ui,sans-serif;color:var(--text);background:var(--ground);max-width:1440px;margin:0 auto;padding:24px}
h1{font-size:22px}h2{font-size:16px;margin:0 0 8px}h3{font-size:15px;margin:0;text-transform:capitalize}p{margin:4px 0 8px;max-width:90ch}
section{background:var(--surface);border:1px solid var(--grid);border-radius:8px;padding:16px;margin-bottom:16px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(360px,1fr));gap:24px;max-width:1400px}.charts figure{max-width:560px}
.verdict{border-left:4px solid var(--bad);padding-left:12px;margin-bottom:16px}.verdict.good{border-color:var(--good)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:4px 16px 4px 0;text-align:right}th:first-child{text-align:left}
ol{margin:0;padding-left:20px}code{background:var(--ground);padding:0 4px;border-radius:4px}
table{margin-bottom:8px}table.figures td{white-space:nowrap}
table.words td,table.words th{text-align:left;vertical-align:top}table.words th,td:nth-child(2){white-space:nowrap}
${chartStyle}
${timelineStyle}`;
