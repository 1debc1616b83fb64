// Puts TensorFlow.js, for Node and for WASM, into a folder of its own, without the half gigabyte that tfjs-node's
// install script downloads from a server that not every network reaches: its library is taken from the PyPI wheel
// `tensorflow-cpu` and its binding compiled here. For CI and for whoever works on infra/tfjs.
//
//   node scripts/install-tfjs.mjs FOLDER      then: MILLWRIGHT_TFJS=FOLDER node scripts/test.mjs fast tfjs
//
// Linux x64; needs python3 with pip (or that of MILLWRIGHT_PYTHON), a C++ compiler, make, and Node's headers where Node is.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const tfjsVersion = '4.22.0';
const tensorflowVersion = '2.18.1';
const wheelPlatform = ['--platform', 'manylinux_2_17_x86_64', '--python-version', '3.11'];

if (process.argv[2] === undefined) {
  console.error('name the folder: node scripts/install-tfjs.mjs FOLDER');
  process.exit(2);
}
const folder = resolve(process.argv[2]);
const tfjsNode = join(folder, 'node_modules/@tensorflow/tfjs-node');
const python = process.env.MILLWRIGHT_PYTHON ?? 'python3';
const run = (program, args, cwd = folder) => execFileSync(program, args, { cwd, stdio: 'inherit' });

mkdirSync(folder, { recursive: true });
run('npm', [
  'install',
  '--ignore-scripts',
  '--prefix',
  folder,
  ...['tfjs', 'tfjs-node', 'tfjs-backend-wasm'].map((name) => `@tensorflow/${name}@${tfjsVersion}`),
]);

// Libraries and headers of the wheel, where the binding looks for those of libtensorflow.
const wheels = join(folder, 'wheel');
run(python, [
  ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', wheels],
  ...wheelPlatform,
  `tensorflow-cpu==${tensorflowVersion}`,
]);
const unpack = `
import glob, sys, zipfile
wheel, = glob.glob(sys.argv[1] + '/*.whl')
with zipfile.ZipFile(wheel) as files:
    wanted = ('tensorflow/include/', 'tensorflow/libtensorflow_cc.so', 'tensorflow/libtensorflow_framework.so')
    files.extractall(sys.argv[1], [name for name in files.namelist() if name.startswith(wanted)])
`;
run(python, ['-c', unpack, wheels]);
const deps = join(tfjsNode, 'deps');
rmSync(deps, { recursive: true, force: true });
mkdirSync(join(deps, 'lib'), { recursive: true });
renameSync(join(wheels, 'tensorflow/include'), join(deps, 'include'));
for (const [library, linkName] of [
  ['libtensorflow_cc.so.2', 'libtensorflow.so'],
  ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'],
]) {
  renameSync(join(wheels, 'tensorflow', library), join(deps, 'lib', library));
  symlinkSync(library, join(deps, 'lib', linkName));
}
rmSync(wheels, { recursive: true });

// node-gyp and the headers are those that came with this Node: nothing is fetched.
const nodeGyp = [dirname(process.execPath), '/usr/share/nodejs']
  .flatMap((place) => [
    join(place, '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
    join(place, 'node-gyp/bin/node-gyp.js'),
  ])
  .find((file) => existsSync(file));
if (nodeGyp === undefined) throw new Error(`npm's node-gyp is not where Node is (${process.execPath})`);
run(
  process.execPath,
  [
    ...[nodeGyp, 'rebuild', `--nodedir=${resolve(process.execPath, '../..')}`],
    ...[
      '--module_name=tfjs_binding',
      `--module_path=${join(tfjsNode, 'lib/napi-v8')}`,
      '--napi_build_version=8',
    ],
  ],
  tfjsNode,
);
rmSync(join(tfjsNode, 'build'), { recursive: true });
