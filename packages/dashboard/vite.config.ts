import { defineConfig } from 'vite';

export default defineConfig({
  root: new URL('page', import.meta.url).pathname,
  // The schemas would try to make functions of text, which the page's policy forbids: so they do not try.
  define: { 'globalThis.__zod_globalConfig': '({ jitless: true })' },
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    // What preloads itself in browsers of today needs no script for it; data: URLs are not in the page's policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
    sourcemap: false,
    rolldownOptions: {
      input: ['index.html', 'reference.html'].map((page) => new URL(`page/${page}`, import.meta.url).pathname),
    },
  },
});
