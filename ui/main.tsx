import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { App } from './app.js';
import { PlantState } from './plant-state.js';
import { interceptLinks } from './router.js';

const root = document.getElementById('app');
if (root) {
  const state = new PlantState();
  interceptLinks();
  root.replaceChildren();
  render(<App state={state} />, root);
  state.start();
}
