import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findFaults, readTree } from '../scripts/tidy.js';

test('the tree is tidy', () => {
  const files = readTree(process.cwd());
  assert.ok(files.length > 50, `only ${files.length} source files were found: is this the repository root?`);
  assert.deepEqual(findFaults(files), []);
});

test('tidy sees each kind of fault', () => {
  const faults = findFaults([
    { path: 'stream/a.ts', text: "import { b } from '../model/b.js';\nconst t = Date.now();" },
    { path: 'model/b.ts', text: "import lmdb from 'lmdb';\nexport const b = Math.random();" },
    { path: 'app/main.ts', text: "import '../test/helper.js';" },
    { path: 'alerts/unused.ts', text: '// Date.now() in a comment is fine' },
    { path: 'stream/unused-too.ts', text: '' },
  ]);
  const want = [
    /stream\/a\.ts imports model\/b\.ts/,
    /stream\/a\.ts reads the wall clock/,
    /model\/b\.ts imports lmdb/,
    /model\/b\.ts uses Math\.random/,
    /the product must not need its tests/,
    /alerts\/unused\.ts is imported by nothing but tests/,
  ];
  for (const pattern of want)
    assert.ok(
      faults.some((fault) => pattern.test(fault)),
      `${pattern} in ${faults.join('\n')}`,
    );
});
