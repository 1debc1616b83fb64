/** Program: reads every entry of an LMDB folder and exits with 0 if that is possible. See `readsWhole`. */
import { openDatabase, openRoot } from './lmdb-open.js';

const dir = process.argv[2];
if (dir === undefined) process.exit(2);
const root = openRoot(dir, 'read-only');
let entryCount = 0;
for (const name of [...root.getKeys()]) {
  const database = openDatabase(root, Buffer.from(name).toString('utf8').replace(/\0$/, ''));
  if (!database) process.exit(1);
  for (const { value } of database.getRange()) if (value.length >= 0) entryCount++;
}
await root.close();
process.stdout.write(`${entryCount}\n`);
