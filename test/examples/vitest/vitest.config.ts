import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['*.example.ts'], testTimeout: 30_000 } });
