import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Interrupted } from './client.ts';
import { answer, type FakeGateway, fakeGateway, observationsOf } from './fake-gateway.ts';
import { importFiles } from './import.ts';
import { readImportOptions } from './import-options.ts';

const VEGA = new URL('../../node_modules/vega-datasets/data/', import.meta.url).pathname;

let folder: string;
let gateway: FakeGateway;
let said: string[];
let stop: AbortController;
let waits: number[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-import-'));
  gateway = await fakeGateway();
  said = [];
  waits = [];
  stop = new AbortController();
});
afterEach(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Datasets are copied: an import keeps its progress beside the file. */
function dataset(name: string): string {
  return file(name, readFileSync(join(VEGA, name)));
}

function run(...args: string[]): Promise<boolean> {
  const { options, files } = readImportOptions(['--to', gateway.url, ...args], {})!;
  return importFiles(files, options, {
    output: { say: (line) => said.push(line), status: { write: () => true }, now: () => performance.now() },
    signal: stop.signal,
    wait: async (ms) => {
      waits.push(ms);
      if (stop.signal.aborted) throw new Interrupted();
    },
  });
}

/** What was written, each observation once, as `subject|time|declared|indicator` → value. */
function written(): Record<string, number | null> {
  const found = observationsOf(gateway.lines);
  expect([...found.values()].every((values) => values.length === 1)).toBe(true);
  return Object.fromEntries([...found].map(([key, values]) => [key, values[0]]));
}

function rejects(path: string): { line: number; row: number; reason: string; value: string }[] {
  return readFileSync(`${path}.rejects.ndjson`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('real files, by guesses alone', () => {
  /** Only for files without quotes: an independent, simple-minded reading. */
  const csv = (name: string): Record<string, string>[] => {
    const [head, ...rows] = readFileSync(join(VEGA, name), 'utf8')
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(','));
    return rows.map((cells) => Object.fromEntries(head.map((column, i) => [column, cells[i]])));
  };
  const json = (name: string): Record<string, string | number>[] =>
    JSON.parse(readFileSync(join(VEGA, name), 'utf8'));
  const at = (text: string): number => Date.parse(text) / 1000;

  function expected(
    rows: Record<string, string | number>[],
    subject: (row: Record<string, string | number>) => string,
    time: (row: Record<string, string | number>) => number,
    indicators: string[],
  ): Record<string, number> {
    return Object.fromEntries(
      rows.flatMap((row) =>
        indicators.map((name) => [`${subject(row)}|${time(row)}|0|${name}`, Number(row[name])]),
      ),
    );
  }

  test('stocks.csv: dates like Jan 1 2000, a subject per symbol', async () => {
    expect(await run(dataset('stocks.csv'))).toBe(true);
    const want = expected(
      csv('stocks.csv'),
      ({ symbol }) => String(symbol),
      ({ date }) => at(`${date} UTC`),
      ['price'],
    );
    expect(Object.keys(want).length).toBe(560);
    expect(written()).toEqual(want);
  });

  test('sp500-2000.csv: no subject column, so the name of the file', async () => {
    expect(await run(dataset('sp500-2000.csv'))).toBe(true);
    const columns = ['open', 'high', 'low', 'close', 'adjclose', 'volume'];
    const want = expected(
      csv('sp500-2000.csv'),
      () => 'sp500-2000',
      ({ date }) => at(String(date)),
      columns,
    );
    expect(Object.keys(want).length).toBe(5_105 * 6);
    expect(written()).toEqual(want);
  });

  test('us-employment.csv: many columns, a time column called month', async () => {
    expect(await run(dataset('us-employment.csv'))).toBe(true);
    const rows = csv('us-employment.csv');
    const columns = Object.keys(rows[0]).filter((column) => column !== 'month');
    const want = expected(
      rows,
      () => 'us-employment',
      ({ month }) => at(String(month)),
      columns,
    );
    expect(columns.length).toBe(23);
    expect(written()).toEqual(want);
  });

  test('gapminder.json: years; a country that cannot be a subject is refused by name, and nothing else', async () => {
    const path = dataset('gapminder.json');
    expect(await run(path)).toBe(false);
    const all = json('gapminder.json');
    const rows = all.filter(({ country }) => !String(country).includes(','));
    const columns = ['cluster', 'pop', 'life_expect', 'fertility'];
    const want = expected(
      rows,
      ({ country }) => String(country),
      ({ year }) => at(`${year}-01-01`),
      columns,
    );
    expect(written()).toEqual(want);
    const refused = all.flatMap(({ country }, i) =>
      String(country).includes(',') ? [{ row: i + 1, value: country }] : [],
    );
    expect(refused.length).toBe(11);
    expect(said.join('\n')).toContain(
      '11 × country: expected a subject without commas; write it without in the file, and import that again, got Hong Kong, China',
    );
    expect(rejects(path).map(({ row, value }) => ({ row, value }))).toEqual(refused);
  });

  test('unemployment-across-industries.json: the date, and not the year and month beside it', async () => {
    expect(await run(dataset('unemployment-across-industries.json'))).toBe(true);
    const rows = json('unemployment-across-industries.json');
    const want = expected(
      rows,
      ({ series }) => String(series),
      ({ date }) => at(String(date)),
      ['count', 'rate'],
    );
    expect(Object.keys(want).length).toBe(1_708 * 2);
    expect(written()).toEqual(want);
  });

  test('jobs.json and others: the guess would lose rows, which is said with the column that tells them apart', async () => {
    await expect(run(dataset('jobs.json'))).rejects.toThrow(
      /several rows of .*jobs\.json have the same time and the same job; expected --subject-column job,sex, which tells them apart \(with --subject-column job the last of them counts\)/,
    );
    await expect(run(dataset('barley.json'))).rejects.toThrow(/expected --subject-column variety,site,/);
    await expect(run(dataset('flights-2k.json'))).rejects.toThrow(
      /expected --subject-column origin,destination,/,
    );
    await expect(run(dataset('population.json'))).rejects.toThrow(/expected --subject-column age,sex,/);
    expect(gateway.lines).toEqual([]);
    expect(await run('--subject-column', 'job,sex', dataset('jobs.json'))).toBe(true);
    const want = expected(
      json('jobs.json'),
      ({ job, sex }) => `${String(job).trim()}:${sex}`,
      ({ year }) => at(`${year}-01-01`),
      ['count', 'perc'],
    );
    expect(Object.keys(want).length).toBe(7_650 * 2);
    expect(written()).toEqual(want);
  });

  test('wheat.json: years long before 1800', async () => {
    expect(await run(dataset('wheat.json'))).toBe(true);
    const found = Object.entries(written());
    expect(found.length).toBe(102);
    expect(found[0]).toEqual([`wheat|${at('1565-01-01')}|0|wheat`, 41]);
  });

  test('unemployment-across-industries.json by year and month, at the end of the month', async () => {
    const path = dataset('unemployment-across-industries.json');
    expect(await run('--time-column', 'year,month', '--period-end', '--columns', 'rate', path)).toBe(true);
    const end = ({ year, month }: Record<string, string | number>): number =>
      Date.UTC(Number(year), Number(month), 0) / 1000;
    const rows = json('unemployment-across-industries.json');
    expect(written()).toEqual(expected(rows, ({ series }) => String(series), end, ['rate']));
  });
});

describe('layouts', () => {
  test('long: a row per value, an empty cell is none', async () => {
    expect(
      await run(
        file(
          'a.csv',
          'country,year,indicator,value\nX,2001,GDP (USD),1\nX,2001,pop,2\nX,2002,pop,\nY,2001,pop,4\n',
        ),
      ),
    ).toBe(true);
    expect(written()).toEqual({ 'X|978307200|0|GDP_USD': 1, 'X|978307200|0|pop': 2, 'Y|978307200|0|pop': 4 });
    expect(said.join('\n')).toContain('"GDP (USD)" became indicator GDP_USD');
  });

  test('matrix: a column per subject, told by their codes', async () => {
    expect(
      await run(
        '--indicator',
        'close',
        file('a.csv', 'date,33:000001,33:000002\n2001-01-01,1,2\n2001-01-02,,4\n'),
      ),
    ).toBe(true);
    const want = {
      '33:000001|978307200|0|close': 1,
      '33:000002|978307200|0|close': 2,
      '33:000002|978393600|0|close': 4,
    };
    expect(written()).toEqual(want);
    gateway.lines.length = 0;
    await run('--topic', 'pool', file('b.csv', 'date,33:000001,33:000002\n2001-01-01,1,2\n2001-01-02,,4\n'));
    expect(Object.keys(written())).toEqual(Object.keys(want).map((key) => key.replace('close', 'b')));
    expect(gateway.lines.filter(({ type }) => type === 'subject').map(({ topics }) => topics)).toEqual([
      ['pool'],
      ['pool'],
    ]);
  });

  test('wide: declared, period, info and columns that need other names', async () => {
    const head = 'ts_code,name,listing_date,report_date,ann_date,period,year,Net Profit,ROE,note';
    const path = file(
      'a.csv',
      `${head}\n000001,平安,1991-04-03,20091231,20100312,596001,2009,5,,x\n000001,平安,1991-04-03,20091231,20100401,596001,2009,6,7,y\n`,
    );
    expect(await run('--topic', 'pool', path)).toBe(true);
    expect(gateway.lines).toEqual([
      { type: 'subject', subject: '000001', name: '平安', listing_date: '1991-04-03', topics: ['pool'] },
      {
        type: 'record',
        subject: '000001',
        time: 1262217600,
        declared: 1268352000,
        period: '596001',
        values: { Net_Profit: 5 },
      },
      {
        type: 'record',
        subject: '000001',
        time: 1262217600,
        declared: 1270080000,
        period: '596001',
        values: { Net_Profit: 6, ROE: 7 },
      },
    ]);
    expect(said.join('\n')).toContain('"Net Profit" becomes indicator Net_Profit');
    expect(said.join('\n')).toContain('not imported: year, note');
  });

  test('options overrule the guesses', async () => {
    const path = file('a.csv', 'when;who;x;y\n31/12/2009;A;1,5;2\n30/12/2009;A;2,5;3\n');
    expect(await run('--subject', 'S', '--columns', 'y=renamed', path)).toBe(true);
    expect(written()).toEqual({ 'S|1262217600|0|renamed': 2, 'S|1262131200|0|renamed': 3 });
    gateway.lines.length = 0;
    await run('--subject-column', 'who', '--time-column', 'when', '--time-format', 'DD/MM/YYYY', path);
    expect(written()).toMatchObject({ 'A|1262217600|0|x': 1.5, 'A|1262131200|0|x': 2.5 });
  });

  test('a subject column that the user named is his choice; how much it overwrites is said', async () => {
    const path = file(
      'a.csv',
      'who,kind,date,x,y\nA,a,2001-01-01,1,5\nA,b,2001-01-01,2,5\nB,a,2001-01-01,4,5\n',
    );
    await expect(run(path)).rejects.toThrow(/expected --subject-column who,kind,/);
    expect(await run('--subject-column', 'who', path)).toBe(true);
    expect(said.join('\n')).toContain(
      'in the 3 rows looked at, 1 value has the subject, time and indicator of an earlier one, which it replaces',
    );
    expect(await run('--subject', 'S', path)).toBe(true);
    expect(said.join('\n')).toContain('2 values have the subject');
  });

  test('the columns that tell rows apart best are named, as the shell takes them', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => [
      `A,2001-01-${String((i >> 3) + 1).padStart(2, '0')}`,
      // "group" tells all but one row apart.
      i === 199 ? 6 : i & 7,
      (i & 7) + 10,
      i,
    ]);
    const path = file(
      'a.csv',
      `code,date,group,the other,x\n${rows.map((row) => row.join(',')).join('\n')}\n`,
    );
    await expect(run(path)).rejects.toThrow(/expected --subject-column 'code,the other', which/);
  });

  test('rows of one time that fill different columns, or say the same again, overwrite nothing', async () => {
    const path = file('a.csv', 'code,date,x,y\nA,2001-01-01,1,\nA,2001-01-01,,2\nA,2001-01-01,1,2\n');
    expect(await run(path)).toBe(true);
    expect(said.join('\n')).not.toContain('looked at');
  });

  test('separators, byte order mark, CRLF and quotes make no difference', async () => {
    const rows = [
      ['date', 'symbol', 'big price'],
      ['2001-01-01', 'A B', '1,234.5'],
      ['2001-01-01', 'C"D', '2'],
    ];
    const results = [];
    for (const separator of [',', ';', '\t']) {
      const text = rows
        .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator))
        .join('\r\n');
      await run(file(`${separator.charCodeAt(0)}.csv`, `\ufeff${text}`));
      results.push(written());
      gateway.lines.length = 0;
    }
    expect(results[0]).toEqual({ 'A B|978307200|0|big_price': 1234.5, 'C"D|978307200|0|big_price': 2 });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("KamaitachiGo's SQLite file", async () => {
    const path = join(folder, 'finance.db');
    const db = new Database(path);
    db.exec(`CREATE TABLE finance_data (id INTEGER PRIMARY KEY, stock_code TEXT, market_code TEXT, subject_key TEXT, stock_name TEXT,
      report_date INTEGER, end_date TEXT, year TEXT, period TEXT, operating_income REAL, parent_holder_net_profit REAL, category TEXT, topic TEXT);
      CREATE TABLE other (x)`);
    const insert = db.prepare('INSERT INTO finance_data VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)');
    insert.run(
      '100000',
      '33',
      '33:100000',
      'Corp',
      1703980800,
      '2023-12-31',
      '2023',
      '596001',
      5e9,
      1.5,
      'stock',
      'pool_a',
    );
    insert.run(
      '100000',
      '33',
      '33:100000',
      'Corp',
      1703980800 - 365 * 86400,
      '2022-12-31',
      '2022',
      '596001',
      4e9,
      null,
      'stock',
      'pool_b',
    );
    insert.run('100001', '17', '', '', 1703980800, '2023-12-31', '2023', '596001', -1, 0, 'stock', 'pool_a');
    db.close();
    expect(await run(path)).toBe(true);
    const info = { category: 'stock', name: 'Corp' };
    expect(gateway.lines).toEqual([
      { type: 'subject', subject: '33:100000', ...info, topics: ['pool_a'] },
      {
        type: 'record',
        subject: '33:100000',
        time: 1703980800,
        period: '596001',
        values: { operating_income: 5e9, parent_holder_net_profit: 1.5 },
      },
      { type: 'subject', subject: '33:100000', ...info, topics: ['pool_a', 'pool_b'] },
      {
        type: 'record',
        subject: '33:100000',
        time: 1672444800,
        period: '596001',
        values: { operating_income: 4e9 },
      },
      { type: 'subject', subject: '17:100001', category: 'stock', topics: ['pool_a'] },
      {
        type: 'record',
        subject: '17:100001',
        time: 1703980800,
        period: '596001',
        values: { operating_income: -1, parent_holder_net_profit: 0 },
      },
    ]);
    await expect(run('--table', 'othr', path)).rejects.toThrow(/no table othr, did you mean other\?/);
  });

  test('a SQLite table without row ids is read in the order of its primary key, and an empty one is called so', async () => {
    const path = join(folder, 'keyed.db');
    const db = new Database(path);
    db.exec(`CREATE TABLE prices (price REAL, date TEXT, code TEXT, PRIMARY KEY (code, date)) WITHOUT ROWID;
      INSERT INTO prices VALUES (3, '2001-01-01', 'B'), (2, '2001-01-02', 'A'), (1, '2001-01-01', 'A');
      CREATE TABLE bare (date TEXT, price REAL)`);
    db.close();
    expect(await run('--table', 'prices', path)).toBe(true);
    expect(gateway.lines.map(({ values }) => values!.price)).toEqual([1, 2, 3]);
    await expect(run('--table', 'bare', path)).rejects.toThrow(
      /no row could be read; expected rows in SQLite table bare, which is empty$/,
    );
  });

  test('keys of a SQLite table are told apart by every digit', async () => {
    const path = join(folder, 'sensors.db');
    const db = new Database(path);
    db.exec(`CREATE TABLE readings (sensor INTEGER, time INTEGER, value INTEGER, more REAL);
      INSERT INTO readings VALUES (1234567890123456789, 1000000000, 1, 0.5), (1234567890123456788, 1000000000, 9007199254740993, 0.5)`);
    db.close();
    expect(await run('--subject-column', 'sensor', '--layout', 'wide', path)).toBe(true);
    expect(gateway.lines.map(({ subject, values }) => [subject, values!.value])).toEqual([
      ['1234567890123456789', 1],
      ['1234567890123456788', 2 ** 53],
    ]);
  });

  test('ingest lines pass through as they are', async () => {
    const lines = [
      '{"type":"subject","subject":"A","tags":{"concept":["x"]}}',
      '{"type":"record","subject":"A","time":5,"values":{"x":1.50,"y":null}}',
      '{"type":"delete","subject":"A","time":7}',
    ];
    expect(await run(file('a.ndjson', `${lines.join('\n')}\nbroken\n`))).toBe(false);
    expect(gateway.requests[0].body).toBe(`${lines.join('\n')}\n`);
    expect(rejects(join(folder, 'a.ndjson'))).toMatchObject([{ line: 4, row: 4, value: 'broken' }]);
    await run(file('b.json', `[\n${lines.join(',\n')}\n]`));
    expect(gateway.requests[1].body).toBe(`${lines.join('\n')}\n`);
    await expect(run('--subject', 'S', join(folder, 'a.ndjson'))).rejects.toThrow(
      /--subject: .* ingest format/,
    );
  });
});

describe('what cannot be imported', () => {
  test('bad cells and rows are refused one by one and reported, the rest is written', async () => {
    const path = file(
      'a.csv',
      'symbol,date,price,size\nA,2001-01-01,1,n/a\nA,soon,2,2\n,2001-01-02,3,3\nA,2001-01-03,4,4,4\nA,2001-01-04,5,\nA,2001-01-05,6,7\n',
    );
    expect(await run(path)).toBe(false);
    expect(written()).toEqual({
      'A|978307200|0|price': 1,
      'A|978566400|0|price': 5,
      'A|978652800|0|price': 6,
      'A|978652800|0|size': 7,
    });
    expect(rejects(path)).toEqual([
      { file: path, line: 2, row: 1, reason: 'size: expected a number', value: 'n/a' },
      { file: path, line: 3, row: 2, reason: 'date: expected a time', value: 'soon' },
      {
        file: path,
        line: 4,
        row: 3,
        reason: 'symbol: expected a subject of 1 to 128 bytes without commas',
        value: '',
      },
      {
        file: path,
        line: 5,
        row: 4,
        reason: 'line: expected 4 cells, got 5',
        value: 'A | 2001-01-03 | 4 | 4 | 4',
      },
    ]);
    const report = said.join('\n');
    expect(report).toContain('6 rows read, 4 observations written, 4 refused');
    expect(report).toContain('1 × size: expected a number, got n/a');
    expect(report).toContain('1 × date: expected a time, got soon');
    expect(report).toContain('1 × symbol: expected a subject of 1 to 128 bytes without commas, got nothing');
    expect(existsSync(`${path}.progress.json`)).toBe(false);
  });

  test('a line that the gateway refuses is taken out, and nothing else is lost', async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => `S${i},2001-01-01,${i}`);
    const path = file('a.csv', `symbol,date,price\n${rows.join('\n')}\n`);
    const bad = new Set([0, 1, 700, 1_998, 1_999]);
    gateway.refuse = ({ values }) => (bad.has(values!.price!) ? `values.price: not today` : undefined);
    expect(await run(path)).toBe(false);
    expect(Object.values(written())).toEqual(rows.map((_, i) => i).filter((i) => !bad.has(i)));
    expect(rejects(path).map(({ line, reason }) => `${line} ${reason}`)).toEqual(
      [...bad].map((i) => `${i + 2} gateway: values.price: not today`),
    );
    expect(gateway.requests.length).toBeLessThan(60);
  });

  test('a request that is refused without a line is halved until the line is found', async () => {
    const path = file(
      'a.csv',
      `symbol,date,price\n${Array.from({ length: 50 }, (_, i) => `S${i},2001-01-01,${i}`).join('\n')}\n`,
    );
    gateway.before = (response) => {
      const lines = gateway.requests.at(-1)!.body.trimEnd().split('\n');
      if (lines.length > 20) answer(response, 413, 'body: expected at most 20 lines', null);
      else if (gateway.requests.at(-1)!.body.includes('"S7"')) answer(response, 400, 'cursed', null);
      else return false;
      return true;
    };
    expect(await run(path)).toBe(false);
    expect(Object.keys(written()).length).toBe(49);
    expect(rejects(path)).toMatchObject([{ line: 9, reason: 'gateway: cursed' }]);
  });

  test('a key that first turns up after the rows guessed from is refused, not lost', async () => {
    const rows = Array.from({ length: 5_001 }, (_, i) =>
      JSON.stringify({ date: i + 1_000_000_000, price: i, ...(i === 5_000 && { late: 1 }) }),
    );
    const path = file('a.jsonl', rows.join('\n'));
    expect(await run(path)).toBe(false);
    expect(Object.keys(written()).length).toBe(5_001);
    expect(rejects(path)).toMatchObject([{ line: 5_001, reason: expect.stringContaining('late column') }]);
  });

  test.each([
    ['missing', undefined, /missing: no such file/],
    ['empty.csv', '', /empty\.csv: the file is empty/],
    ['blank.csv', ' \n\n', /blank\.csv: the file is empty/],
    ['head.csv', 'a,b\n', /no row could be read; expected CSV.* rows below the header/],
    [
      'quotes.csv',
      'da"te,price\n2001-01-01,1\n',
      /quotes\.csv: the header cannot be read; line: expected quotes/,
    ],
    ['zip.gz', Buffer.from([0x1f, 0x8b, 8, 0]), /zip\.gz: cannot be unpacked/],
    ['utf16.csv', Buffer.from('\ufeffa,b\n', 'utf16le'), /no row could be read/],
    ['unclear.csv', Buffer.from([0xc4, 0xd6, 0x2c, 0x61, 0x0a]), /--encoding: .*unclear\.csv is not UTF-8/],
    ['binary', Buffer.from([1, 0, 2, 0]), /binary/],
    ['one.json', '{\n "a": {"b": 1}\n}', /no table found in the JSON; expected objects in an array/],
    ['notime.csv', 'a,b\nx,y\n', /--time-column: no column .* looks like a time; expected one of a, b/],
    [
      'which.csv',
      'date,price\n01/02/2009,1\n',
      /--time-format: column "date" \(01\/02\/2009\) may be DD\/MM\/YYYY or MM\/DD\/YYYY/,
    ],
    ['novalue.csv', 'date,note\n2009-01-01,x\n', /--columns: no other column .* holds numbers/],
    [
      'repeat.csv',
      'date,price\n2009-01-01,1\n2009-01-01,2\n',
      /--subject-column: several rows .* have the same time/,
    ],
  ])('%s: one line says what to do', async (name, content, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    const error = await run(path).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(message), exitCode: 2 });
    expect((error as Error).message).not.toContain('\n');
    expect(gateway.requests.length).toBe(0);
  });

  test('a column that is not there is named with those that are', async () => {
    const path = file('a.csv', 'date,price\n2001-01-01,1\n');
    await expect(run('--columns', 'prise', path)).rejects.toThrow(
      /--columns: no column "prise"; .* has date, price/,
    );
    await expect(run('--time-format', 'weird', path)).rejects.toThrow(/--time-format: expected s, ms/);
  });
});

describe('stopping and carrying on', () => {
  const ROWS = 65_000;
  const big = (): string =>
    file(
      'big.csv',
      `symbol,date,price\n${Array.from({ length: ROWS }, (_, i) => `S${i % 100},${1_000_000_000 + i},${i === 30_000 ? 'bad' : i}`).join('\n')}\n`,
    );

  test('a stopped import carries on where it was and writes nothing twice', async () => {
    const path = big();
    gateway.before = (_, number) => {
      if (number === 2) stop.abort();
      return false;
    };
    await expect(run(path)).rejects.toThrow(Interrupted);
    const soFar = gateway.requests.length;
    expect(soFar).toBe(2);
    expect(existsSync(`${path}.progress.json`)).toBe(true);
    // As if it had been killed between writing rejects and remembering them.
    appendFileSync(`${path}.rejects.ndjson`, 'half a li');
    stop = new AbortController();
    gateway.before = undefined;
    expect(await run(path)).toBe(false);
    expect(Object.keys(written()).length).toBe(ROWS - 1);
    expect(gateway.requests.length).toBe(4);
    expect(said.join('\n')).toMatch(/carries on behind row 40,000/);
    expect(said.at(-3)).toContain(`65,000 rows read, 64,999 observations written, 1 refused`);
    expect(rejects(path)).toMatchObject([{ line: 30_002 }]);
    expect(existsSync(`${path}.progress.json`)).toBe(false);
  });

  test('a batch whose answer was lost is sent again under the same key, and written once', async () => {
    const path = big();
    gateway.after = (response, number) => {
      if (number === 2) response.destroy();
      return number === 2;
    };
    expect(await run(path)).toBe(false);
    expect(gateway.requests[2]).toEqual(gateway.requests[1]);
    expect(Object.keys(written()).length).toBe(ROWS - 1);
    expect(waits).toEqual([250]);
  });

  test('another file or other options begin anew, and a finished import can be repeated', async () => {
    const path = file('a.csv', 'date,price\n2001-01-01,1\n');
    await run(path);
    await run(path);
    expect(gateway.requests.length).toBe(2);
    expect(gateway.requests[0].key).not.toBe(gateway.requests[1].key);
    expect(gateway.lines.length).toBe(2);
  });

  test('waits as long as it is told to when the cluster is busy', async () => {
    gateway.before = (response, number) => {
      if (number === 1) answer(response, 429, 'slow down', null, { 'retry-after': '2' });
      if (number === 2) answer(response, 503, 'master away', null, { 'retry-after': '1' });
      if (number === 3) answer(response, 503, 'master away', null);
      return number <= 3;
    };
    expect(await run(file('a.csv', 'date,price\n2001-01-01,1\n'))).toBe(true);
    expect(waits).toEqual([2_000, 1_000, 1_000]);
    expect(new Set(gateway.requests.map(({ key }) => key)).size).toBe(1);
    expect(Object.keys(written()).length).toBe(1);
  });

  test('gives up after a bounded time, and says that it can be carried on', async () => {
    gateway.before = (response) => {
      answer(response, 503, 'master away', null, { 'retry-after': '3600' });
      return true;
    };
    await expect(run(file('a.csv', 'date,price\n2001-01-01,1\n'))).rejects.toThrow(
      /gave up after 10 minutes \(master away\); run the same command again/,
    );
    expect(waits.length).toBe(20);
    expect(Math.max(...waits)).toBe(30_000);
  });

  test('a wrong key or address ends it at once', async () => {
    gateway.before = (response) => {
      answer(response, 401, 'a key is required', null);
      return true;
    };
    const path = file('a.csv', 'date,price\n2001-01-01,1\n');
    await expect(run('--key', 'secret', path)).rejects.toThrow(
      /--key: .* refused it \(401: a key is required\)/,
    );
    expect(gateway.requests[0].apiKey).toBe('secret');
    gateway.before = (response) => {
      answer(response, 404, 'no such path', null);
      return true;
    };
    await expect(run(path)).rejects.toThrow(/is no Kamaitachi gateway/);
    await gateway.close();
    await expect(run(path)).rejects.toThrow(
      /no gateway answers there \(ECONNREFUSED\); start one with npm start/,
    );
  });
});

describe('an import into one pool takes nobody out of another', () => {
  const topicsAfter = async (subjects: number): Promise<(string[] | undefined)[]> => {
    const names = Array.from({ length: subjects }, (_, i) => `S${i}`);
    for (const [i, subject] of names.entries())
      if (i % 2 === 0) gateway.lines.push({ type: 'subject', subject, topics: ['old'] });
    const before = gateway.lines.length;
    const rows = names.map((name) => `${name},2001-01-01,1`);
    await run('--topic', 'new', file('a.csv', `symbol,date,price\n${rows.join('\n')}\n`));
    return gateway.lines
      .slice(before)
      .filter(({ type }) => type === 'subject')
      .map(({ topics }) => topics);
  };
  const expected = (subjects: number): string[][] =>
    Array.from({ length: subjects }, (_, i) => (i % 2 === 0 ? ['old', 'new'] : ['new']));

  test('when it is about a few subjects', async () => {
    expect(await topicsAfter(3)).toEqual(expected(3));
  });
  test('when it is about many', async () => {
    expect(await topicsAfter(5_000)).toEqual(expected(5_000));
  });
  test('when the other one was written by the file before, and reads are behind', async () => {
    gateway.isBehind = true;
    const files = ['a', 'b'].map((pool) =>
      file(`${pool}.csv`, `symbol,date,price,topics\nS,2001-01-01,1,${pool}\n`),
    );
    await run(...files);
    expect(gateway.lines.filter(({ type }) => type === 'subject').map(({ topics }) => topics)).toEqual([
      ['a'],
      ['a', 'b'],
    ]);
  });
});

describe('rows that overwrite each other far behind the first ones', () => {
  const stacked = (): string =>
    file(
      'stacked.csv',
      `datetime,zone,load\n${['N', 'S']
        .flatMap((zone, group) =>
          Array.from({ length: 20_000 }, (_, i) => `${1_000_000_000 + i * 60},${zone},${i * 2 + group}`),
        )
        .join('\n')}\n`,
    );

  test('stop the import before the first of them is written, with the column that tells them apart', async () => {
    const thrown = await run(stacked()).catch((reason: Error) => reason);
    expect(thrown).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(
        /expected --subject-column zone, which tells them apart .*; stopped before/,
      ),
    });
    expect(Object.keys(written()).length).toBe(20_000);
    gateway.lines.length = 0;
    expect(await run('--subject-column', 'zone', stacked())).toBe(true);
    expect(Object.keys(written()).length).toBe(40_000);
  });
});

test('memberships are sent as lines of their own', async () => {
  const path = file('members.csv', 'con_code,in_date,out_date\nA,20050408,20100104\nB,20050408,\n');
  const args = ['--member-topic', 'csi300', '--from-column', 'in_date', '--to-column', 'out_date'];
  expect(await run(...args, path)).toBe(true);
  expect(gateway.lines).toEqual([
    { type: 'member', topic: 'csi300', subject: 'A', from: 1112918400, to: 1262563200 },
    { type: 'member', topic: 'csi300', subject: 'B', from: 1112918400, to: null },
  ]);
});

test('a dry run shows what it would do, and does nothing', async () => {
  const path = file('a.csv', 'date,price\n2001-01-01,1\n2001-01-02,x\n');
  await gateway.close();
  expect(await run('--dry-run', path)).toBe(false);
  expect(said.join('\n')).toContain('{"type":"record","subject":"a","time":978307200,"values":{"price":1}}');
  expect(said.join('\n')).toContain('2 rows read, 1 observation would be written, 1 refused');
  expect(said.join('\n')).toContain('line 3, row 2: price: expected a number, got x');
  expect(existsSync(`${path}.progress.json`) || existsSync(`${path}.rejects.ndjson`)).toBe(false);
});
