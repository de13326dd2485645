// Runs the bundle of a command. Builds itself on first use and whenever a source file is newer than the build. What is done
// here is done at every start, so it loads next to nothing, and keeps the code that V8 compiled for the next time.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

const root = path.dirname(__dirname);
const dir = path.join(root, 'out/cli');
const argv = process.argv.slice(2);

if (process.env.LSMITH_EXTRA_CA_CERTS !== undefined) {
  // See bin/lsmith. Not for this process any more, only for those that it starts.
  process.env.NODE_EXTRA_CA_CERTS = process.env.LSMITH_EXTRA_CA_CERTS;
  delete process.env.LSMITH_EXTRA_CA_CERTS;
}

const modified = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;

/** A checkout is rebuilt when sources of the bundle changed; an installed copy has none. */
function isFresh(name) {
  // Run by the build itself.
  if (process.env.LSMITH_FRESH === '1') return true;
  let inputs;
  let date;
  try {
    inputs = fs.readFileSync(`${dir}/${name}.inputs`, 'latin1');
    date = modified(`${dir}/${name}.inputs`);
  } catch {
    return false;
  }
  if (modified(`${root}/src/cli/main.ts`) === Infinity) return true;
  for (const file of inputs.split('\n')) if (modified(`${root}/${file}`) > date) return false;
  return true;
}

function rebuild() {
  const { spawnSync } = require('node:child_process');
  const r = spawnSync(process.execPath, [`${root}/scripts/build-cli.mjs`], { stdio: ['ignore', 2, 2] });
  if (r.status === 0) return;
  console.error('lsmith: the command line could not be built; see above');
  process.exit(2);
}

// Where compiled code is kept: in the installation where it may be written, else in the user's cache folder.
const codeFolders = () => [
  dir,
  path.join(process.env.XDG_CACHE_HOME || path.join(process.env.HOME || '/', '.cache'), 'lsmith'),
];
/** Kept in a folder at most, of all bundles, commands and versions of Node. */
const MAX_CODE_FILES = 24;
/** Bundles whose compiled code is worth keeping after this run. */
const loaded = [];

function readCode(file) {
  for (const folder of codeFolders()) {
    try {
      return fs.readFileSync(path.join(folder, file));
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Names a bundle among all that were ever built. */
function buildOf(name) {
  const { size, mtimeMs } = fs.statSync(`${dir}/${name}.cjs`);
  return `${size}-${Math.round(mtimeMs)}`;
}

/** The exports of a bundle. V8 itself refuses compiled code that is damaged, or of another version of it. */
function load(name) {
  const filename = `${dir}/${name}.cjs`;
  // The bundle is plain ASCII.
  const source = fs.readFileSync(filename, 'latin1');
  // Each command of the large bundle compiles other functions.
  const part = name !== 'main' ? '' : /^[a-z-]+$/.test(argv[0] ?? '') ? `-${argv[0]}` : '-help';
  // Code belongs to a bundle, a version of V8 and its options.
  let options = 0;
  for (const c of process.execArgv.join(' ')) options = (Math.imul(options, 31) + c.charCodeAt(0)) >>> 0;
  const code = `${name}${part}-${process.version}-${options.toString(36)}-${buildOf(name)}.code`;
  const cachedData = readCode(code);
  const script = new Script(`(function (exports, require, module, __filename, __dirname) { ${source}\n})`, {
    filename,
    cachedData,
  });
  if (cachedData === undefined || script.cachedDataRejected) loaded.push({ code, script });
  // The build asks for it again after each of its own runs.
  else if (process.env.LSMITH_KEEP_CODE === '1') loaded.push({ code, script });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, filename, dir);
  return module.exports;
}

/** Keeps the code that was compiled in a run that did real work. */
function keepCode() {
  for (const { code, script } of loaded) {
    for (const folder of codeFolders()) {
      const file = path.join(folder, code);
      const part = `${file}.${process.pid}`;
      try {
        fs.mkdirSync(folder, { recursive: true });
        fs.writeFileSync(part, script.createCachedData());
        fs.renameSync(part, file);
        prune(folder);
        break;
      } catch {
        remove(part);
      }
    }
  }
}

function remove(file) {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // `force` is about files that are not there, not about folders that are none.
  }
}

function prune(folder) {
  const files = fs.readdirSync(folder).filter((file) => file.endsWith('.code'));
  if (files.length <= MAX_CODE_FILES) return;
  const dated = files
    .map((file) => ({ file, date: modified(path.join(folder, file)) }))
    .sort((a, b) => a.date - b.date);
  for (const { file } of dated.slice(0, files.length - MAX_CODE_FILES)) remove(path.join(folder, file));
}

/** `build` has a bundle of its own. @returns false when that does not know the command line */
function runBuild() {
  if (!isFresh('build')) rebuild();
  let code;
  try {
    code = load('build').main(argv, root, load, buildOf('build'));
  } catch {
    // A defect of ours. The large bundle has it too, and a trace with names that say something.
    return false;
  }
  if (code === null) return false;
  if (code === 0 && loaded.length > 0) keepCode();
  // Everything is written: nothing has to be waited for or taken down.
  process.exit(code);
}

async function runMain() {
  if (!isFresh('main')) rebuild();
  const { main } = load('main');
  // `lsmith hooks | head`: whoever reads has had enough.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.exitCode = await main(argv, root);
  if (process.exitCode === 0 && !argv.includes('--help') && !argv.includes('-h')) keepCode();
}

if (argv[0] !== 'build' || !runBuild()) void runMain();
