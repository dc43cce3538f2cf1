// Holds the direction of imports between the packages, in their sources and in their package.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Which packages each may import. A package that is not named here may not be there. */
const ALLOWED = {
  model: [],
  gossip: [],
  client: ['model'],
  plan: ['model'],
  mcp: ['client', 'model'],
  agent: ['client', 'gossip', 'model'],
  server: ['gossip', 'mcp', 'model'],
  dashboard: ['client', 'model'],
  cli: ['agent', 'server', 'client', 'dashboard', 'gossip', 'mcp', 'model', 'plan'],
};

/** These run in browsers too: what their index brings along imports nothing of Node. */
const BROWSER = ['model', 'client', 'dashboard'];

const root = fileURLToPath(new URL('..', import.meta.url));
const problems = readdirSync(join(root, 'packages')).flatMap(checkPackage);
for (const problem of problems) process.stdout.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

/**
 * @param {string} name folder below packages
 * @returns {string[]}
 */
function checkPackage(name) {
  const allowed = ALLOWED[name];
  if (allowed === undefined) return [`packages/${name}: say in scripts/import-rule.mjs what it may import`];
  return [
    ...checkManifest(name, allowed),
    ...sources(name).flatMap((file) => checkSource(name, allowed, file)),
    ...(BROWSER.includes(name) ? checkBrowser(name) : []),
  ];
}

function checkManifest(name, allowed) {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies })
    .map(packageOf)
    .filter((other) => other !== undefined && !allowed.includes(other))
    .map((other) => `packages/${name}/package.json: ${name} must not depend on ${other}`);
}

function checkSource(name, allowed, file) {
  return importsOf(file).flatMap(({ specifier, line }) => {
    const say = (/** @type {string} */ what) => [`${relative(root, file)}:${line}: ${what}`];
    if (specifier.startsWith('.')) {
      const [other] = relative(join(root, 'packages'), resolve(dirname(file), specifier)).split(sep);
      return other === '..' || other === name
        ? []
        : say(`import ${other} by its name, not by its files (${specifier})`);
    }
    const other = packageOf(specifier);
    if (other === undefined || other === name) return [];
    if (!allowed.includes(other)) return say(`${name} must not import ${other}`);
    return isPublic(other, specifier)
      ? []
      : say(`${specifier} is inside ${other}: import what its package.json exports`);
  });
}

/** Follows the imports from the index of a package that runs in browsers. */
function checkBrowser(name, file = join(root, 'packages', name, 'src/index.ts'), seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return [];
  seen.add(file);
  return importsOf(file).flatMap(({ specifier, line, dynamic }) => {
    if (dynamic) return [];
    if (specifier.startsWith('.')) return checkBrowser(name, resolve(dirname(file), specifier), seen);
    if (!specifier.startsWith('node:')) return [];
    return [`${relative(root, file)}:${line}: ${name} runs in browsers too and must not import ${specifier}`];
  });
}

/** Folder of one of our packages, by a specifier or the name of a dependency. */
function packageOf(specifier) {
  if (/^portolan(\/|$)/.test(specifier)) return 'cli';
  return /^@portolan\/([^/]+)/.exec(specifier)?.[1];
}

function isPublic(name, specifier) {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  return Object.keys(manifest.exports ?? {}).includes(`.${specifier.slice(manifest.name.length)}`);
}

/** Enough of a parser for code that Biome has formatted. */
function importsOf(file) {
  const source = readFileSync(file, 'utf8');
  const pattern = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return [...source.matchAll(pattern)].map((match) => ({
    specifier: match[1] ?? match[2],
    dynamic: match[1] === undefined,
    line: source.slice(0, match.index).split('\n').length,
  }));
}

function sources(name) {
  const folders = ['src', 'bench', 'page'].map((folder) => join(root, 'packages', name, folder)).filter(existsSync);
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => join(folder, file)),
  );
}
