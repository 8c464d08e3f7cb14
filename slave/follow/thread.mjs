// Node before 22.18 cannot start a worker from TypeScript, not even under tsx: register it here first.
if (!process.features.typescript) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import('./thread.ts');
