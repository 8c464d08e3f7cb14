/** Every part's metrics, read as Prometheus reads them. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOnPath } from '../cli/start/etcd.ts';
import { startCluster, type TestCluster } from './support/cluster.ts';
import { hasProgram } from './support/programs.ts';

const promtool = {
  name: 'promtool',
  debianPackage: 'prometheus',
  find: () => findOnPath('promtool'),
  howToGetIt: 'it comes with Prometheus (Debian and Ubuntu: apt-get install prometheus)',
};

describe.runIf(hasProgram(promtool, 'the check of metrics'))('metrics', () => {
  let running: TestCluster;

  beforeAll(async () => {
    running = await startCluster({ slaves: 1, replicas: 1 });
  });

  afterAll(() => running?.stop());

  test('of every part follow the rules of Prometheus, and say what runs', async () => {
    const node = await running.addGateway('node');
    for (const { name, url } of [...running.cluster.parts, node]) {
      const answer = await fetch(`${url}/metrics`);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      const text = await answer.text();
      const said = execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect(said, name).toBe('');
      expect(text).toMatch(/^kamaitachi_build_info\{role="\w+",version="[\d.]+"\} 1$/m);
    }
  });
});
