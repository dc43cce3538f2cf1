/** Where the built page lies: `index.html` and, below `assets/`, files whose names hold a hash of what is in them. */
export const pageDirectory = new URL('../dist/page/', import.meta.url);
