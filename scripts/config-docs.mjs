// Writes the example configuration files and the configuration guide from the schemas (build first). A test fails when
// they are stale.
import { writeFileSync } from 'node:fs';
import { exampleFiles } from '../dist/app/config-docs.js';

for (const [file, make] of Object.entries(exampleFiles)) {
  writeFileSync(file, make());
  console.log(`wrote ${file}`);
}
