// Holds what may come with a dependency: no code that runs when it is installed, and nothing that reports to its maker.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** Packages with an install script that may be in the tree of the workspace, where pnpm does not run it, and why. */
const ALLOWED = {
  'cpu-features': 'testcontainers → ssh2: makes encryption faster over SSH, which no test uses',
  protobufjs: 'testcontainers → @grpc/proto-loader: compares version numbers and prints a warning',
  ssh2: 'testcontainers: builds what makes encryption faster over SSH, which no test uses',
};

/** They report who installs or runs them. */
const TELEMETRY = [
  /^@scarf\//,
  /^@(sentry|segment|amplitude|datadog|bugsnag|newrelic|posthog|heap|mixpanel)\//,
  /^@opentelemetry\/(exporter|sdk|auto)-/,
  /^@(vercel|redocly)\/.*(analytics|telemetry|insights)/,
  /^(analytics-node|applicationinsights|dd-trace|insight|mixpanel|newrelic|posthog-js|posthog-node|universal-analytics)$/,
  /^(opencollective|opencollective-postinstall|update-notifier)$/,
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = supplyChainProblems(fileURLToPath(new URL('..', import.meta.url)));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

/**
 * The names come from the lockfile, scripts from what is installed: packages for other systems are known by name alone.
 *
 * @param {string} root of the workspace
 * @returns {string[]} what is wrong, one sentence each
 */
export function supplyChainProblems(root) {
  const lock = parse(readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'));
  const locked = Object.keys(lock.packages ?? {});
  const published = publishedTree(lock);
  const named = locked
    .filter((key) => TELEMETRY.some((pattern) => pattern.test(nameOf(key))))
    .map((key) => `${key} is known to report to its maker. Do without what depends on it: pnpm why ${nameOf(key)}`);
  const running = installed(root)
    .filter(({ key }) => locked.includes(key))
    .flatMap(({ key, script }) => {
      if (script === undefined) return [];
      const told = `${key} runs code when it is installed (${script})`;
      if (published.has(key)) return [`${told}, and users of Portolan would install it`];
      return nameOf(key) in ALLOWED ? [] : [`${told}: do without it, or say in scripts/supply-chain.mjs why it may`];
    });
  const { allowBuilds = {} } = parse(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'));
  const built = Object.entries(allowBuilds)
    .filter(([, allowed]) => allowed !== false)
    .map(([name]) => `pnpm-workspace.yaml lets ${name} run code when it is installed; no package may`);
  return [...named, ...running, ...built].sort();
}

/**
 * @param {Record<string, any>} lock
 * @returns {Set<string>} `name@version` of all that comes with the packages that are published
 */
function publishedTree({ importers, snapshots = {} }) {
  const found = new Set();
  const waiting = Object.entries(importers)
    .filter(([folder]) => folder.startsWith('packages/'))
    .flatMap(([, { dependencies = {}, optionalDependencies = {} }]) =>
      Object.entries({ ...dependencies, ...optionalDependencies }).map(([name, { version }]) => `${name}@${version}`),
    );
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    if (found.has(key) || !(key in snapshots)) continue;
    found.add(key);
    const { dependencies = {}, optionalDependencies = {} } = snapshots[key] ?? {};
    waiting.push(
      ...Object.entries({ ...dependencies, ...optionalDependencies }).map(([name, version]) => `${name}@${version}`),
    );
  }
  // Without the peers that a snapshot was made for.
  return new Set([...found].map((key) => key.replace(/\(.*$/, '')));
}

/**
 * @param {string} root
 * @returns {{key: string, script: string | undefined}[]}
 */
function installed(root) {
  const store = join(root, 'node_modules/.pnpm');
  return readdirSync(store)
    .map((folder) => join(store, folder, 'node_modules'))
    .filter(existsSync)
    .flatMap((modules) => packagesIn(modules))
    .map((folder) => {
      const { name, version, scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const script = ['preinstall', 'install', 'postinstall'].find((step) => step in scripts);
      // npm builds what has this file and no script.
      const implied = script === undefined && existsSync(join(folder, 'binding.gyp')) ? 'node-gyp' : undefined;
      return { key: `${name}@${version}`, script: script ? `${script}: ${scripts[script]}` : implied };
    });
}

/**
 * @param {string} modules
 * @returns {string[]} the packages that lie there themselves; links lead to others
 */
function packagesIn(modules) {
  return readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    const path = join(modules, entry.name);
    if (!entry.isDirectory()) return [];
    if (entry.name.startsWith('@')) return packagesIn(path);
    return existsSync(join(path, 'package.json')) ? [path] : [];
  });
}

/** @param {string} key */
function nameOf(key) {
  return key.slice(0, key.lastIndexOf('@'));
}
