export default {
  testMatch: ['**/*.example.mjs'],
  transform: {},
  globalSetup: './global-setup.mjs',
  globalTeardown: './global-teardown.mjs',
};
