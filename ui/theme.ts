/** Colours that canvases need. The style sheet has the rest; both follow the system's wish for light or dark. */
import { useEffect, useState } from 'preact/hooks';

export interface Theme {
  readonly name: 'light' | 'dark';
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly surface: string;
  readonly hatch: string;
  readonly accent: string;
  readonly curve: string;
  readonly critical: string;
  readonly warning: string;
  /** Colour of a probability; its lightness is monotone, so it reads without colour vision. */
  risk(probability: number): string;
  /** Colour of a coverage in [0, 1]. */
  coverage(value: number): string;
}

type Stop = readonly [at: number, red: number, green: number, blue: number];

/** Piecewise linear in sRGB, sampled at whole percents. */
function scale(stops: readonly Stop[]): (value: number) => string {
  const table = Array.from({ length: 101 }, (_, percent) => {
    const value = percent / 100;
    const above = Math.max(
      1,
      stops.findIndex((stop) => stop[0] >= value),
    );
    const low = stops[above - 1] as Stop;
    const high = stops[above] as Stop;
    const part = (value - low[0]) / (high[0] - low[0]);
    const mix = (channel: 1 | 2 | 3) => Math.round(low[channel] + part * (high[channel] - low[channel]));
    return `rgb(${mix(1)} ${mix(2)} ${mix(3)})`;
  });
  return (value) => table[Math.round(Math.min(1, Math.max(0, value)) * 100)] as string;
}

const light: Theme = {
  name: 'light',
  text: '#1b1e22',
  muted: '#59626d',
  grid: '#e4e6e9',
  surface: '#ffffff',
  hatch: '#a9b0b9',
  accent: '#1f5fa8',
  curve: '#a93a26',
  critical: '#a3161f',
  warning: '#8a5300',
  risk: scale([
    [0, 240, 239, 235],
    [0.03, 248, 231, 206],
    [0.15, 245, 203, 150],
    [0.35, 233, 156, 92],
    [0.6, 209, 98, 52],
    [0.8, 163, 52, 36],
    [1, 99, 18, 22],
  ]),
  coverage: scale([
    [0, 236, 239, 243],
    [0.5, 158, 187, 219],
    [1, 47, 103, 165],
  ]),
};

const dark: Theme = {
  name: 'dark',
  text: '#e7e9eb',
  muted: '#a0a9b4',
  grid: '#2b3137',
  surface: '#181c20',
  hatch: '#5d6670',
  accent: '#7cb3f0',
  curve: '#f2894a',
  critical: '#ff9d96',
  warning: '#f5c26b',
  risk: scale([
    [0, 36, 40, 45],
    [0.03, 56, 45, 38],
    [0.15, 92, 58, 36],
    [0.35, 145, 77, 37],
    [0.6, 209, 108, 48],
    [0.8, 243, 142, 72],
    [1, 255, 206, 148],
  ]),
  coverage: scale([
    [0, 36, 40, 45],
    [0.5, 45, 76, 112],
    [1, 92, 152, 217],
  ]),
};

const darkWanted = matchMedia('(prefers-color-scheme: dark)');

export function useTheme(): Theme {
  const [theme, setTheme] = useState(darkWanted.matches ? dark : light);
  useEffect(() => {
    const read = () => setTheme(darkWanted.matches ? dark : light);
    darkWanted.addEventListener('change', read);
    return () => darkWanted.removeEventListener('change', read);
  }, []);
  return theme;
}
