/** What a person should know of a data set before trusting what is made from it, in sentences. */
import type { Dataset } from '../domain/dataset.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import { formatCounted } from './terminal/format.js';

/** Rows that the reader left out, and attributes in which the data set and the deployment differ. */
export function datasetNotes(dataset: Dataset, directory: MachineDirectory): string[] {
  return [
    ...dataset.skipped.map(
      ({ reason, count, first }) => `${formatCounted(count, 'row')} left out as ${reason}, such as ${first}`,
    ),
    ...attributeNote(dataset, directory),
  ];
}

/** Attributes are the deployment's, in training as in service: a data set that says otherwise has no effect. */
function attributeNote({ machines }: Dataset, directory: MachineDirectory): string[] {
  const differing = machines.flatMap(({ machine, attributes }) => {
    const known = directory.find(machine)?.attributes;
    if (known === undefined) return [];
    return Object.entries(attributes)
      .filter(([name, value]) => known[name] !== value)
      .map(([name, value]) => ({ machine, name, value, known: known[name] }));
  });
  const [first] = differing;
  if (first === undefined) return [];
  const { machine, name, value, known } = first;
  return [
    `attributes are taken from \`machines\` of the deployment, which has ${known === undefined ? `no ${name}` : `${name} ${known}`} for ${machine} where the data set has ${value} (${formatCounted(differing.length, 'difference')})`,
  ];
}
