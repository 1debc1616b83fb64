/** What the gates of a network did over a window, as one SVG file: units × steps for each gate, saturated ones marked. */
import type { GateValues } from '../../model/explanation/gates.js';
import type { GateReport } from '../explanations.js';
import { formatTime } from '../terminal/format.js';
import { escapeHtml } from './line-chart.js';

const [cellWidth, cellHeight] = [7, 5];
const [gap, margin, titleHeight] = [36, 24, 48];

export function gatesSvg({ machine, originMs, model, networks }: GateReport): string {
  const rows = networks.flatMap((gates, network) =>
    layersOf(gates).map((layer) => ({ layer, title: networks.length > 1 ? `network ${network + 1}, ` : '' })),
  );
  let top = margin + titleHeight;
  let width = 640;
  const parts: string[] = [];
  for (const { layer, title } of rows) {
    let left = margin;
    let tallest = 0;
    for (const gate of layer) {
      parts.push(panel(gate, title, left, top));
      left += stepCount(gate) * cellWidth + gap;
      tallest = Math.max(tallest, gate.unitCount * cellHeight);
    }
    width = Math.max(width, left);
    top += tallest + titleHeight + margin;
  }
  const head = `Gates of ${model} over the window of ${machine} at ${formatTime(originMs)}`;
  const legend =
    'Rows: units, columns: steps, oldest left. Dark: open (1); white: shut (0); of signed values red −1, blue +1. Mark at the right: the same end at every step.';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" font-family="system-ui, sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="${margin}" y="${margin}" font-size="15" font-weight="600">${escapeHtml(head)}</text><text x="${margin}" y="${margin + 18}" fill="#59626d">${legend}</text>${parts.join('')}</svg>\n`;
}

/** Gates with units that never move, with their numbers. */
export function saturatedGates({ networks }: GateReport) {
  return networks.flatMap((gates, network) =>
    gates
      .filter(({ shutUnits, openUnits }) => shutUnits.length + openUnits.length > 0)
      .map(({ layer, name, unitCount, shutUnits, openUnits }) => ({
        network,
        layer,
        gate: name,
        unitCount,
        shutUnits,
        openUnits,
      })),
  );
}

export function gateSentences(report: GateReport): string[] {
  const found = saturatedGates(report);
  if (found.length === 0) return ['No gate is saturated: every one moves somewhere in this window.'];
  return [
    'Saturated over the whole window (below .1 or above .9 at every step; candidate and state: beyond ±.9):',
    ...found.map(
      ({ network, layer, gate, unitCount, shutUnits, openUnits }) =>
        `  ${report.networks.length > 1 ? `network ${network + 1}, ` : ''}layer ${layer + 1}, ${gate}: ${openUnits.length} open and ${shutUnits.length} shut of ${unitCount} units`,
    ),
  ];
}

function layersOf(gates: readonly GateValues[]): GateValues[][] {
  const layers: GateValues[][] = [];
  for (const gate of gates) {
    layers[gate.layer] ??= [];
    layers[gate.layer]?.push(gate);
  }
  return layers;
}

const stepCount = ({ values, unitCount }: GateValues) => values.length / unitCount;

function panel(gate: GateValues, title: string, left: number, top: number): string {
  const { layer, name, range, values, unitCount, shutUnits, openUnits } = gate;
  const cells: string[] = [];
  values.forEach((value, at) => {
    const [step, unit] = [Math.floor(at / unitCount), at % unitCount];
    cells.push(
      `<rect x="${left + step * cellWidth}" y="${top + unit * cellHeight}" width="${cellWidth}" height="${cellHeight}" fill="${colour(value, range)}"/>`,
    );
  });
  const edge = left + stepCount(gate) * cellWidth + 3;
  const marks = [...shutUnits, ...openUnits].map(
    (unit) => `<rect x="${edge}" y="${top + unit * cellHeight + 1}" width="6" height="3" fill="#8a5300"/>`,
  );
  const stuck = shutUnits.length + openUnits.length;
  const flag = stuck === 0 ? '' : `, ${stuck} of ${unitCount} saturated`;
  return `<text x="${left}" y="${top - 8}">${title}layer ${layer + 1}, ${name}${flag}</text><g shape-rendering="crispEdges">${cells.join('')}</g>${marks.join('')}`;
}

/** Lightness alone tells how far from 0; the hue of signed values tells the side. */
function colour(value: number, range: GateValues['range']): string {
  const strength = Math.min(1, Math.abs(value));
  const mix = (full: number) => Math.round(255 - strength * (255 - full));
  const [red, green, blue] = range === 'signed' && value < 0 ? [163, 58, 38] : [31, 70, 130];
  return `rgb(${mix(red)},${mix(green)},${mix(blue)})`;
}
