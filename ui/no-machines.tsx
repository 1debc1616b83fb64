/** The fleet without a machine: what to do about it. */
import type { PlantState } from './plant-state.js';

export function NoMachines({ state }: { readonly state: PlantState }) {
  if (state.everSawMachines)
    return (
      <section class="message">
        <h1>No machine is in service</h1>
        <p>
          Every machine that reported has failed or been retired. It comes back here with its next reading.
        </p>
        <p>
          <a href="/alerts?show=all">Look back at the alerts</a>
        </p>
      </section>
    );
  return (
    <section class="message">
      <h1>No machine has been forecast yet</h1>
      <p>A machine appears here when its first step closes: with daily steps, after its first midnight.</p>
      <ul>
        <li>
          Publish readings to the broker under the topic of the configuration, for example{' '}
          <code>factory/north/line-A/pump-01/vibration</code>.
        </li>
        <li>
          Or replay history: <code>millwright replay --data FILE</code>
        </li>
        <li>
          Or ask what is missing: <code>millwright doctor</code>
        </li>
      </ul>
      <p class="muted">This page fills itself; there is no need to reload it.</p>
    </section>
  );
}
