/** The pages in a real browser: the console in every state that a cluster can be in, with and without API keys, and the reference. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
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
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Days by the end of which a quarter's figures are known. */
const QUARTERS = [
  { time: '2023-03-31', declared: '2023-04-20' },
  { time: '2023-06-30', declared: '2023-08-20' },
];
const LINES = [9, 10, 11]
  .flatMap((n) => {
    const subject = `33:000000${String(n).padStart(2, '0')}`;
    const records = QUARTERS.map((quarter, i) => ({
      type: 'record',
      subject,
      ...quarter,
      values: { operating_income: n * 1_000, net_profit: n * 10 + i },
    }));
    return [{ type: 'subject', subject, name: `Company ${n}`, topics: ['pool'] }, ...records];
  })
  .map((line) => JSON.stringify(line));
const WIDTHS = [360, 700, 1000, 1600, 1920];
const PERIOD = 'kind=period&subjects=33:00000009,33:00000010&ids=net_profit&from=2023-01-01&to=2023-12-31';

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
    guarded = await running.addGateway('node', { keys });
    browser = await chromium.launch({ executablePath: CHROMIUM.find(), args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => open());
  afterEach(() => page.close());

  const open = async (options: BrowserContextOptions = {}) => {
    page = await browser.newPage({ locale: 'en', ...options });
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
  };
  const consoleAt = (hash = '', base = running.cluster.gateway.url) => `${base}/console${hash}`;
  const state = () => page.locator('#state');

  /** That axe finds nothing, in light and dark, and nothing is wider than the window. */
  const checkLooks = async (what: string, known: readonly string[] = []) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      // A page hears of it before its next frame; links then fade into their new colour.
      await page.evaluate(async () => {
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        // One that is cut short makes room for another.
        while (document.getAnimations().length > 0)
          await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
      });
      await page.evaluate(AXE);
      const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
      const news = violations.filter(({ id }) => !known.includes(id));
      const found = news.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      expect(found, `${what}, ${colorScheme}`).toEqual([]);
    }
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(scrolled, `${what}, ${width} px`).toBeLessThanOrEqual(width);
    }
  };

  test('a cluster without data says how to write some', async () => {
    await page.goto(consoleAt('#data'));
    await page.locator('#no-data').waitFor();
    expect(await page.locator('#no-data').innerText()).toContain('npm run sample');
    await checkLooks('no data');
    expect(complaints).toEqual([]);
    await ingest(running.cluster.gateway.url, LINES.join('\n'));
  });

  test('the cluster is shown whole: its state, the ring, every part, and the last hour also after a reload', async () => {
    await page.goto(consoleAt());
    await page.getByText('All well: every part answers, and writes are taken.').waitFor();
    const parts = page.locator('#parts > li');
    expect(await parts.count()).toBe(3);
    expect(await parts.nth(0).innerText()).toContain('takes writes');
    expect(await parts.nth(1).innerText()).toContain('fresh');
    expect(await page.locator('.ring svg').getAttribute('aria-label')).toBe(
      '2 slaves own the slots, in 1 zones. 0 of 16,384 slots cannot be answered.',
    );
    await page.locator('#charts .uplot').first().waitFor();
    await page.reload();
    await page.locator('#charts .uplot').first().waitFor({ timeout: 5_000 });
    await checkLooks('cluster');
    expect(complaints).toEqual([]);
  });

  test('caches are cleared by one who asks twice', async () => {
    const cached = async () => {
      const { data } = (await (await fetch(`${running.cluster.gateway.url}/monitor/nodes`)).json()) as {
        data: { aggregate: { entries: number } };
      };
      return data.aggregate.entries;
    };
    const topic = `${running.cluster.gateway.url}/kamaitachi/api/data/v1/snapshot?topic=pool&ids=net_profit`;
    await (await fetch(topic)).text();
    await expect.poll(cached).toBeGreaterThan(0);
    await page.goto(consoleAt());
    await page.getByRole('button', { name: 'Clear caches…' }).click();
    await page.getByText('Every slave drops what it has cached').waitFor();
    expect(await cached()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Clear caches', exact: true }).click();
    await page.getByText('The caches are empty.').waitFor();
    await expect.poll(cached).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('one gets from a topic to a subject to its values over time', async () => {
    await page.goto(consoleAt('#data'));
    await page.getByRole('button', { name: 'pool' }).click();
    await page.getByRole('button', { name: '33:00000010' }).click();
    const subject = page.locator('#subject');
    await subject.getByRole('link', { name: 'net_profit' }).waitFor();
    expect(await subject.innerText()).toContain('First 2023-03-31 · Last 2023-06-30 · Values 2');
    await checkLooks('a subject');
    await subject.getByRole('link', { name: 'net_profit' }).click();
    await page.getByText('2 rows').waitFor();
    expect(await page.locator('#rows tbody tr').allInnerTexts()).toEqual([
      expect.stringMatching(/^33:00000010 Company 10\t2023-06-30\t2023-08-20\t101$/),
      expect.stringMatching(/^33:00000010 Company 10\t2023-03-31\t2023-04-20\t100$/),
    ]);
    expect(complaints).toEqual([]);
  });

  test('a query is asked with fields, and its link opens it again', async () => {
    await page.goto(consoleAt('#data'));
    await page.getByLabel('Subjects', { exact: true }).fill('33:00000009,33:00000011');
    const ids = page.getByLabel('Indicators or expressions');
    await ids.fill('net_profit,op');
    await expect
      .poll(() =>
        page
          .locator('#field-ids-list option')
          .evaluateAll((all) => all.map((one) => one.getAttribute('value'))),
      )
      .toEqual(['net_profit,operating_income']);
    await ids.fill('net_profit, twice = net_profit * 2');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('2 rows').waitFor();
    const column = () => page.locator('#rows tbody tr td:last-child').allInnerTexts();
    expect(await column()).toEqual(['222', '182']);
    await page.locator('#rows').getByRole('button', { name: 'twice' }).click();
    expect(await column()).toEqual(['182', '222']);
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.locator('.bars li').first().waitFor();
    await checkLooks('bars');

    const csv = await page.getByRole('link', { name: 'CSV' }).getAttribute('href');
    const answer = await fetch(new URL(csv!, running.cluster.gateway.url));
    expect((await answer.text()).split('\n')[0]).toMatch(/,net_profit,twice$/);
    expect(await page.locator('code').first().innerText()).toBe(
      `curl -s '${running.cluster.gateway.url}${csv}'`,
    );
    const link = page.url();
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByText('2 rows').waitFor();
    expect(await ids.inputValue()).toBe('net_profit, twice = net_profit * 2');
    expect(complaints).toEqual([]);
  });

  test('a wrong query says what is wrong with it', async () => {
    await page.goto(consoleAt('#data?kind=snapshot&topic=pool&ids=net_profit&limit=-1'));
    await page.getByText('limit: expected a whole number from 0 to 10000, got -1').waitFor();
    await checkLooks('a refusal');
  });

  test('values over time are drawn, and a slider goes back to what was known on a day', async () => {
    await page.goto(consoleAt(`#data?${PERIOD}`));
    await page.getByText('4 rows').waitFor();
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.locator('#answer .uplot').waitFor();
    expect(await page.locator('#answer .chart').getAttribute('aria-label')).toBe(
      'Line chart of net_profit: 2 lines, 2 times.',
    );
    await page.getByRole('button', { name: 'Step through the days' }).click();
    await page.getByRole('slider').focus();
    await page.keyboard.press('Home');
    await page.getByText('2 rows').waitFor();
    expect(await page.getByRole('slider').getAttribute('aria-valuetext')).toBe('As known on 2023-04-20');
    expect(new URL(page.url()).hash).toContain('as_of=2023-04-20');
    await page.locator('#answer .uplot').waitFor();
    await checkLooks('lines');
    expect(complaints).toEqual([]);
  });

  test('the console speaks Chinese, to those who ask for it and those who switch', async () => {
    await page.close();
    await open({ locale: 'zh-CN' });
    await page.goto(consoleAt());
    await page.getByText('一切正常：所有部分都有响应，可以写入。').waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh');
    await checkLooks('Chinese');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('All well: every part answers').waitFor();
    await page.reload();
    await page.getByText('All well: every part answers').waitFor();
    expect(complaints).toEqual([]);
  });

  test('nobody is asked while nobody looks', async () => {
    await page.clock.install();
    await page.goto(consoleAt());
    await page.getByText('All well: every part answers').waitFor();
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/monitor/nodes')) asked++;
    });
    const look = (hidden: boolean) =>
      page.evaluate((isHidden) => {
        Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await look(true);
    asked = 0;
    await page.clock.runFor(60_000);
    expect(asked).toBe(0);
    await look(false);
    await expect.poll(() => asked).toBe(1);
  });

  test('a gateway with keys asks for one, refuses a wrong one, works with the right one and forgets it', async () => {
    await page.goto(consoleAt('', guarded.url));
    await state().getByText('This gateway asks for an API key').waitFor();
    expect(await page.locator('#parts').count()).toBe(0);
    await checkLooks('key asked');
    const use = async (key: string) => {
      await page.getByLabel('API key').fill(key);
      await page.getByRole('button', { name: 'Use' }).click();
    };
    await use('wrong');
    await state().getByText('The gateway does not know this key').waitFor();
    await checkLooks('wrong key');
    await use(KEY);
    await page.getByText('All well: every part answers').waitFor();
    await checkLooks('right key');
    await page.goto(consoleAt(`#data?${PERIOD}`, guarded.url));
    await page.getByText('4 rows').waitFor();
    const waiting = page.waitForEvent('download');
    await page.getByRole('link', { name: 'CSV' }).click();
    expect(readFileSync(await (await waiting).path(), 'utf8')).toMatch(
      /^subject,name,time,period,declared,net_profit\n/,
    );
    await page.getByRole('link', { name: 'Metrics' }).click();
    await page.getByText('# HELP').waitFor();
    expect(await page.content()).not.toContain(KEY);
    await page.getByRole('button', { name: 'Forget key' }).click();
    await state().getByText('This gateway asks for an API key').waitFor();
  });

  test('a slave that is away is named', async () => {
    const slave = running.cluster.slaves.get('slave-2')!;
    await page.goto(consoleAt());
    await page.getByText('All well: every part answers').waitFor();
    await slave.stop('SIGKILL');
    await state()
      .getByText(/^Slave \S+: away/)
      .waitFor();
    expect(await page.locator('#parts > li').nth(2).innerText()).toContain('away');
    await checkLooks('slave away');
    await slave.start();
    await running.ready();
    await page.getByText('All well: every part answers').waitFor();
  });

  test('a master that is away is said first, and a slave that is away too after it', async () => {
    const { master, slaves } = running.cluster;
    const slave = slaves.get('slave-2')!;
    await page.goto(consoleAt());
    await page.getByText('All well: every part answers').waitFor();
    await Promise.all([master.stop('SIGKILL'), slave.stop('SIGKILL')]);
    await state().getByText('Master away: no writes (+1 more)').waitFor();
    expect(await page.locator('.problems li').allInnerTexts()).toEqual([
      'Master away: no writes',
      expect.stringMatching(/^Slave \S+: away/),
    ]);
    expect(await page.locator('#parts > li').first().innerText()).toContain('takes no writes: no connection');
    // Reads go on, and so does everything that the console says of the slaves.
    expect(await page.locator('#parts > li').count()).toBe(3);
    await checkLooks('master away');
    await master.start();
    await slave.start();
    await running.ready();
    await page.getByText('All well: every part answers').waitFor();
  });

  test('the root is a page for browsers and links for programs', async () => {
    const root = running.cluster.gateway.url;
    await page.goto(root);
    await checkLooks('root');
    await page.getByRole('link', { name: 'Console' }).click();
    await page.getByText('All well: every part answers').waitFor();
    expect(complaints).toEqual([]);
    const { data } = (await (await fetch(root)).json()) as { data: Record<string, string> };
    expect([data.console, data.docs]).toEqual(['/console', '/docs']);
  });

  test('files of the pages say how long they are, and are not sent again unchanged', async () => {
    for (const { url } of [running.cluster.gateway, guarded]) {
      for (const path of ['/console', '/console/uplot.js', '/docs/swagger-ui.css', '/']) {
        const headers = { accept: 'text/html', 'accept-encoding': 'identity' };
        const full = await fetch(url + path, { headers });
        const length = String((await full.arrayBuffer()).byteLength);
        const head = await fetch(url + path, { method: 'HEAD', headers });
        expect([head.status, head.headers.get('content-length')], path).toEqual([200, length]);
        expect(full.headers.get('cache-control'), path).toBe('no-cache');
        const etag = full.headers.get('etag')!;
        const again = await fetch(url + path, { headers: { ...headers, 'if-none-match': etag } });
        expect([again.status, await again.text(), again.headers.get('etag')], path).toEqual([304, '', etag]);
      }
    }
  });

  test('the reference shows the whole API, and loads nothing from elsewhere', async () => {
    await page.goto(`${running.cluster.gateway.url}/docs`);
    await page.getByText('/kamaitachi/api/data/v1/ingest', { exact: true }).waitFor();
    // Swagger UI's own: buttons with links inside, a heading that skips a level, a title outside of its main.
    await checkLooks('reference', ['nested-interactive', 'heading-order', 'region']);
    await page.locator('html.dark-mode').waitFor();
    const shown = await page.locator('.opblock-summary-path').count();
    const described = await page.evaluate(async () => {
      const { paths } = (await (await fetch('/openapi.json')).json()) as { paths: Record<string, object> };
      return Object.values(paths).flatMap((path) => Object.keys(path)).length;
    });
    expect(shown).toBe(described);

    // What it has prefilled is answered: a query, and a write of JSON lines.
    for (const name of ['snapshot', 'ingest']) {
      const operation = page.locator(`.opblock-post[id$=-${name}]`);
      await operation.locator('.opblock-summary-control').click();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      await operation.getByRole('button', { name: 'Execute' }).click();
      await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    }
    expect(complaints).toEqual([]);
  });
});
