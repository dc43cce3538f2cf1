// Runs before a package is packed. Only pnpm writes what is published into the packed manifest: the versions behind
// `workspace:*`, and the paths into `dist`. What npm packs cannot be installed.
if (!process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  process.stderr.write(
    'Pack and publish with pnpm (`npx pnpm@12 pack`, `npx pnpm@12 -r publish`): what npm packs cannot be installed, ' +
      'because it leaves `workspace:*` in the manifest.\n',
  );
  process.exit(1);
}
