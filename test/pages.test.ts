/** The pages in a real browser: the console, with and without API keys, and the reference. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findOnPath } from '../cli/start/etcd.ts';
import type { Part } from '../cli/start/part.ts';
import { keyLine } from '../shared/http/keys.ts';
import { ingest, startCluster, type TestCluster } from './support/cluster.ts';
import { hasProgram } from './support/programs.ts';

const CHROMIUM = {
  name: 'chromium',
  debianPackage: 'chromium',
  find: () => findOnPath('chromium'),
  howToGetIt: 'install it (Debian: apt-get install chromium)',
};
const KEY = 'k'.repeat(43);
const LINES = [9, 10, 11].map((n) =>
  JSON.stringify({
    type: 'record',
    subject: `33:000000${String(n).padStart(2, '0')}`,
    time: 1_704_067_200,
    values: { operating_income: n * 1_000, net_profit: n * 10 },
  }),
);

describe.runIf(hasProgram(CHROMIUM, 'the tests of the pages'))('the pages', () => {
  let running: TestCluster;
  let guarded: Part;
  let folder: string;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kamaitachi-pages-'));
    const keys = join(folder, 'keys');
    const sha256 = createHash('sha256').update(KEY).digest('hex');
    writeFileSync(keys, keyLine({ id: 'k1', name: 'operator', scopes: ['read', 'admin'], sha256 }));
    running = await startCluster({ slaves: 2, replicas: 2 });
    await ingest(running.cluster.gateway.url, LINES.join('\n'));
    guarded = await running.addGateway('node', { keys });
    browser = await chromium.launch({ executablePath: CHROMIUM.find(), args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    page = await browser.newPage();
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      const { hostname } = new URL(request.url());
      if (!['127.0.0.1', ''].includes(hostname))
        complaints.push(`something from elsewhere: ${request.url()}`);
    });
  });

  afterEach(() => page.close());

  test('the console shows every slave, and asks what one wants to know', async () => {
    await page.goto(`${running.cluster.gateway.url}/console`);
    await page.getByText('all well').waitFor();
    const slaves = page.locator('#slaves tr');
    await expect.poll(() => slaves.count()).toBe(2);
    expect(await slaves.nth(0).innerText()).toContain('fresh');
    // Nobody has asked anything meanwhile: there is no rate to show.
    expect(await page.locator('#hits').innerText()).toBe('–');

    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('HTTP 200').waitFor();
    const { data } = JSON.parse(await page.locator('#answer').innerText()) as {
      data: { data: Record<string, number> }[];
    };
    expect(data.map((row) => row.data.net_profit)).toEqual([110, 100, 90]);
    // It counts what was asked.
    await expect.poll(() => page.locator('#entries').innerText()).toMatch(/^[1-9]/);
    expect(complaints).toEqual([]);
  });

  test('the console fits into the window of a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${running.cluster.gateway.url}/console`);
    await page.locator('#slaves tr').first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    const rightEdges = await page
      .locator('#path, #body')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().right));
    expect(rightEdges[0]).toBeLessThanOrEqual(rightEdges[1]);
    expect(complaints).toEqual([]);
  });

  test('the console of a gateway with keys asks for one, and works with it', async () => {
    await page.goto(`${guarded.url}/console`);
    await page.getByLabel('API key').waitFor();
    expect(await page.locator('#slaves tr').count()).toBe(0);
    await page.getByLabel('API key').fill(KEY);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.getByText('all well').waitFor();
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('HTTP 200').waitFor();
    await page.getByRole('link', { name: 'Metrics' }).click();
    await page.getByText('# HELP').waitFor();
    expect(await page.content()).not.toContain(KEY);
  });

  test('the reference shows the whole API, and loads nothing from elsewhere', async () => {
    await page.goto(`${running.cluster.gateway.url}/docs`);
    await page.getByText('/kamaitachi/api/data/v1/ingest', { exact: true }).waitFor();
    const shown = await page.locator('.opblock-summary-path').count();
    const described = await page.evaluate(async () => {
      const { paths } = (await (await fetch('/openapi.json')).json()) as { paths: Record<string, object> };
      return Object.values(paths).flatMap((path) => Object.keys(path)).length;
    });
    expect(shown).toBe(described);

    // What it has prefilled is answered: a query, and a write of JSON lines.
    for (const name of ['snapshot', 'ingest']) {
      const operation = page.locator(`.opblock[id$=-${name}]`);
      await operation.locator('.opblock-summary-control').click();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      await operation.getByRole('button', { name: 'Execute' }).click();
      await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    }
    expect(complaints).toEqual([]);
  });
});
