import { existsSync } from 'node:fs';

// Node before 22.18 cannot start a worker from TypeScript, not even under tsx: register it here first. A build has no TypeScript.
if (!process.features.typescript && existsSync(new URL('./sql-worker.ts', import.meta.url))) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import('./sql-worker.ts');
