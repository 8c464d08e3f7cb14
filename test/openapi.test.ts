/** The description of the API, tried by a tool that makes requests of it: where schemathesis (PyPI) is there. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleLines } from '../cli/sample/sample.ts';
import { ingest, startCluster, type TestCluster } from './support/cluster.ts';

const TIMEOUT_MS = 300_000;
const HOOKS = new URL('support/ndjson_bodies.py', import.meta.url).pathname;
/**
 * Not of use here: expressions and dates are texts whose grammar no schema holds, and a made-up deadline or seq is rightly
 * answered with 503 or 504.
 */
const EXCLUDED = ['positive_data_acceptance', 'not_a_server_error'];
/** They empty caches, or are pages. */
const LEFT_OUT = 'cache/reset|docs|console';

let running: TestCluster | undefined;
const isThere = spawnSync('schemathesis', ['--version']).status === 0;

beforeAll(async () => {
  if (!isThere) return;
  running = await startCluster({ slaves: 2, replicas: 1 });
  await ingest(running.cluster.gateway.url, Array.from(sampleLines(), (line) => `${line}\n`).join(''));
}, TIMEOUT_MS);

afterAll(() => running?.stop());

test.runIf(isThere)(
  'requests made of the description are answered as it says',
  { timeout: TIMEOUT_MS },
  () => {
    const { url } = running!.cluster.gateway;
    const { status, stdout } = spawnSync(
      'schemathesis',
      [
        'run',
        `${url}/openapi.json`,
        ...['--url', url],
        ...['--phases', 'examples,fuzzing'],
        ...['--max-examples', '10'],
        ...['--exclude-checks', EXCLUDED.join()],
        ...['--exclude-path-regex', LEFT_OUT],
        ...['--request-timeout', '30'],
        '--no-color',
      ],
      // It keeps what it found in the folder that it runs in.
      { encoding: 'utf8', cwd: running!.dataDir, env: { ...process.env, SCHEMATHESIS_HOOKS: HOOKS } },
    );
    expect(status, stdout.slice(-6_000)).toBe(0);
  },
);
