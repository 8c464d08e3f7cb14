/** Every part's metrics, read as Prometheus reads them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findOnPath } from '../cli/start/etcd.ts';
import { startCluster, type TestCluster } from './support/cluster.ts';
import { hasProgram } from './support/programs.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAFANA = join(ROOT, 'docs/grafana');

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

  test('that alerts and the dashboard ask for are there', async () => {
    const texts = await Promise.all(
      running.cluster.parts.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
    );
    const known = new Set(
      texts.flatMap((text) => [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)),
    );
    // Of Prometheus itself.
    known.add('up');
    const { rules } = alerts();
    const { panels } = dashboard();
    const asked = [
      ...rules.map(({ alert, expr }) => ({ by: alert, expr })),
      ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ by: title, expr }))),
    ];
    expect(asked.length).toBeGreaterThan(50);
    for (const { by, expr } of asked) {
      const names = [...expr.matchAll(/\b(?:kamaitachi|process)_\w+|\bup\b/g)].map(([name]) => name);
      expect(names.length, by).toBeGreaterThan(0);
      for (const name of names) expect(known, `${by}: ${name}`).toContain(name.replace(/_bucket$/, ''));
    }
  });
});

describe.runIf(hasProgram(promtool, 'the check of alerts'))('alerts', () => {
  test.each([
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
    ['check', 'config', 'prometheus.yml'],
  ])('pass promtool %s %s %s', (...args) => {
    execFileSync('promtool', args, { cwd: GRAFANA, stdio: 'pipe' });
  });

  test('have a paragraph each in the runbook, in the same order, and the runbook has no others', () => {
    const runbook = readFileSync(join(ROOT, 'docs/operations/runbook.md'), 'utf8');
    expect([...runbook.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(
      alerts().rules.map(({ alert }) => alert),
    );
  });

  test('panels of the dashboard have ids of their own and do not overlap', () => {
    const { panels } = dashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

function alerts() {
  const { groups } = parse(readFileSync(join(GRAFANA, 'alerts.yml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  return groups[0];
}

function dashboard() {
  return JSON.parse(readFileSync(join(GRAFANA, 'dashboard.json'), 'utf8')) as {
    panels: {
      id: number;
      title: string;
      gridPos: { x: number; y: number; w: number; h: number };
      targets?: { expr: string }[];
    }[];
  };
}
