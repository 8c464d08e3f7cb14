/** What files of every kind become: the guess alone, unless a case names options. Each is written out here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observationsOf } from './fake-gateway.ts';
import { importFiles } from './import.ts';
import { readImportOptions } from './import-options.ts';

let folder: string;
let said: string[];
let lines: { type: string; subject: string; [field: string]: unknown }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-kinds-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A dry run of one file, or of several; whether everything would be written. */
async function run(content: string | Record<string, string>, ...args: string[]): Promise<boolean> {
  const files = Object.entries(typeof content === 'string' ? { 'a.csv': content } : content);
  const paths = files.map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  });
  said = [];
  lines = [];
  const { options } = readImportOptions(['--dry-run', ...args, 'FILE'], {})!;
  const say = (line: string): void => {
    said.push(line);
    if (line.startsWith('  {')) lines.push(JSON.parse(line));
  };
  return importFiles(paths, options, {
    output: { say, status: { write: () => true }, now: () => performance.now() },
    signal: new AbortController().signal,
  });
}

/** The first lines as `subject|time|declared|indicator` → value, the times written out. */
function values(): Record<string, number | null> {
  const found = observationsOf(lines as never);
  return Object.fromEntries(
    [...found].map(([key, [value]]) => {
      const [subject, time, declared, indicator] = key.split('|');
      return [`${subject}|${day(time)}|${declared === '0' ? '' : day(declared)}|${indicator}`, value];
    }),
  );
}

function day(seconds: string): string {
  return new Date(Number(seconds) * 1000).toISOString().replace('T00:00:00.000Z', '').replace(':00.000Z', '');
}

async function error(content: string | Record<string, string>, ...args: string[]): Promise<string> {
  const thrown = await run(content, ...args).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(thrown, 'an error').toBeDefined();
  return thrown!.message;
}

describe('times', () => {
  test.each([
    ['a date and a clock', 'Date,Time,Close\n2006-01-02,09:05:00,1\n', 'a|2006-01-02T09:05||Close'],
    ['with AM and PM', 'Date,Time,Close\n1/13/2020,3:30 PM,1\n', 'a|2020-01-13T15:30||Close'],
    ['in digits', '<DATE>,<TIME>,<CLOSE>\n20200103,100500,1\n', 'a|2020-01-03T10:05||CLOSE'],
    ['a date and an hour', 'date,hour,load\n2020-01-01,23,1\n', 'a|2020-01-01T23:00||load'],
    ['four columns', 'year,month,day,hour,wind,v\n2010,1,1,3,NW,1\n', 'a|2010-01-01T03:00||v'],
    ['five columns', 'yr,mo,dd,hh,mi,v\n2010,1,1,3,7,1\n', 'a|2010-01-01T03:07||v'],
    ['a year and a week', 'year,week,v\n2020,2,1\n', 'a|2020-01-06||v'],
    ['a year and a quarter', 'year,quarter,v\n2020,Q2,1\n', 'a|2020-04-01||v'],
    ['ISO weeks', 'week,v\n2020-W02,1\n', 'a|2020-01-06||v'],
    ['2020M02', 'period,v\n2020M02,1\n', 'a|2020-02-01||v'],
    ['1991 Jul', 'month,v\n1991 Jul,1\n', 'a|1991-07-01||v'],
    ['2020年12月31日', '日期,收盘\n2020年12月31日,1\n', 'a|2020-12-31||close'],
    ['years among quarters', 'time,v\n2020,1\n2020-Q2,2\n', 'a|2020-01-01||v'],
    ['Excel days', 'date,close\n43831,1\n43832,2\n', 'a|2020-01-01||close'],
    ['yyyymmddhhmmss', 'date,close\n20200102093000,1\n', 'a|2020-01-02T09:30||close'],
    ['microseconds', 'timestamp,price\n1577957400123456,1\n', 'a|2020-01-02T09:30||price'],
    ['nanoseconds', 'timestamp,price\n1577957400123456789,1\n', 'a|2020-01-02T09:30||price'],
    ['two-digit years', 'state,year,v\nAL,87,1\n', 'AL|1987-01-01||v'],
    ['yymmdd', 'date,v\n800102,1\n', 'a|1980-01-02||v'],
    ['MM/DD/YY', 'date,v\n1/31/98,1\n', 'a|1998-01-31||v'],
    ['decimal years', 'date,v\n2020.5,1\n', 'a|2020-07-02||v'],
    ['an index without a heading', ',close\n192607,1\n202301,2\n', 'a|1926-07-01||close'],
  ])('%s', async (_, content, first) => {
    expect(await run(content)).toBe(true);
    expect(Object.entries(values())[0]).toEqual([first, 1]);
    expect(said[0]).not.toContain('not imported: year');
  });

  test('the pivot of two-digit years is said', async () => {
    await run('date,v\n1/31/98,1\n');
    expect(said[0]).toContain('two-digit years: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068');
  });

  test.each([
    ['date,v\n87,1\n88,2\n', /--time-format: column "date" \(87\) is no plausible time by itself; say what/],
    ['time,v\n0,1\n1,2\n', /--time-format: column "time" \(0\)/],
    ['date,v\n200901,1\n', /--time-format: column "date" \(200901\) may be yyyymm or yymmdd or DDMMYY; say/],
    ['date,v\n01/02/03,1\n', /may be DD\/MM\/YY or MM\/DD\/YY or YY\/MM\/DD; say which/],
    ['date,v\n1871.01,1\n1871.02,1\n', /may be decimal-year or YYYY\.MM; say which/],
    ['date,v\n2020010209,1\n', /may be yyyymmddhh or s; say which/],
    ['Time,Price\n09:30,1\n', /--time-column: no column/],
  ])('%j is asked for', async (content, message) => {
    expect(await error(content)).toMatch(message);
  });

  test('an answer to the question is taken', async () => {
    await run('date,v\n18262,1\n', '--time-format', 'days');
    expect(values()).toEqual({ 'a|2020-01-01||v': 1 });
    await run('date,v\n200901,1\n', '--time-format', 'yymmdd');
    expect(values()).toEqual({ 'a|2020-09-01||v': 1 });
    await run('d,t,v\n31/12/2009,10:30,1\n', '--time-column', 'd,t', '--time-format', 'DD/MM/YYYY');
    expect(values()).toEqual({ 'a|2009-12-31T10:30||v': 1 });
  });

  test('columns whose names may be parts of a time and whose cells are not stay values', async () => {
    expect(await run('date,o,h,l,c,min,max\n2020-01-01,10,15,9,11,5,6\n')).toBe(true);
    expect(values()).toMatchObject({ 'a|2020-01-01||h': 15, 'a|2020-01-01||min': 5 });
    expect(await run('date,year,fiscal_year,v\n2020-01-31,2020,2019,1\n')).toBe(true);
    expect(values()).toEqual({ 'a|2020-01-31||fiscal_year': 2019, 'a|2020-01-31||v': 1 });
  });
});

describe('when values became public', () => {
  test.each([
    [
      'ts_code,ann_date,f_ann_date,end_date,revenue\n600000.SH,20190326,20190326,20181231,1\n600000.SH,20190326,20200425,20181231,2\n',
      { '600000.SH|2018-12-31|2019-03-26|revenue': 1, '600000.SH|2018-12-31|2020-04-25|revenue': 2 },
    ],
    ['ts_code,ann_date,f_ann_date,end_date,v\nA,20190326,,20181231,1\n', { 'A|2018-12-31|2019-03-26|v': 1 }],
    [
      'code,pubDate,statDate,roe\nsh.600000,2018-04-28,2018-03-31,1\n',
      { 'sh.600000|2018-03-31|2018-04-28|roe': 1 },
    ],
    [
      'order_book_id,quarter,info_date,revenue\n000001.XSHE,2018q4,2019-03-07,1\n',
      { '000001.XSHE|2018-10-01|2019-03-07|revenue': 1 },
    ],
    [
      'realtime_start,realtime_end,date,value\n2013-07-31,2013-08-28,2013-04-01,1\n2013-08-29,2013-09-25,2013-04-01,2\n',
      { 'a|2013-04-01|2013-07-31|value': 1, 'a|2013-04-01|2013-08-29|value': 2 },
    ],
    ['tic,datadate,rdq,epspxq\nA,20200331,20200501,1\n', { 'A|2020-03-31|2020-05-01|epspxq': 1 }],
    [
      'SECUCODE,REPORT_DATE,NOTICE_DATE,X\n600519.SH,2020-12-31 00:00:00,2021-03-31 00:00:00,1\n',
      { '600519.SH|2020-12-31|2021-03-31|X': 1 },
    ],
    [
      '股票代码,报告期,公告日期,净利润\n600519,2020-12-31,2021-03-31,1\n',
      { '600519|2020-12-31|2021-03-31|net_profit': 1 },
    ],
    ['end,val,filed\n2019-03-31,1,2019-05-01\n', { 'a|2019-03-31|2019-05-01|val': 1 }],
  ])('%j', async (content, want) => {
    expect(await run(content)).toBe(true);
    expect(values()).toEqual(want);
  });

  const SECOND = 'symbol,date,update_date,eps\nA,2020-03-31,2020-05-01,1\n';

  test('a second date that is not known by its name stops the import until it is said what it is', async () => {
    expect(await error(SECOND)).toMatch(
      /--declared-column: column "update_date" .* expected --declared-column update_date, or --no-declared/,
    );
    expect(await run(SECOND, '--declared-column', 'update_date')).toBe(true);
    expect(values()).toEqual({ 'A|2020-03-31|2020-05-01|eps': 1 });
    expect(await run(SECOND, '--no-declared')).toBe(true);
    expect(values()).toEqual({ 'A|2020-03-31||eps': 1 });
    expect(said[0]).toContain('dates that are not used: update_date (--declared-column update_date would');
  });

  test('also one of digits, and it is never a value', async () => {
    const content = 'symbol,datadate,expiry,eps\nA,20200331,20200501,1\n';
    expect(await error(content)).toMatch(/column "expiry"/);
    await run(content, '--no-declared');
    expect(values()).toEqual({ 'A|2020-03-31||eps': 1 });
  });

  test('a second column of the same day, or a coarser or finer one, is none', async () => {
    expect(await run('timestamp,date,quarter,year,v\n1577957400,2020-01-02,2020Q1,2020,1\n')).toBe(true);
    expect(await run('date,v,month\n2020-01-02,1,2020-01\n')).toBe(true);
    expect(await run('year,month,day_of,v\n2020,1,2020-01-05,1\n', '--time-column', 'year,month')).toBe(true);
  });

  test('rows that say nothing in it are counted in the report', async () => {
    expect(await run('code,ann_date,end_date,v\nA,20200501,20200331,1\nA,,20191231,2\n')).toBe(true);
    expect(values()).toMatchObject({ 'A|2019-12-31||v': 2 });
    expect(said.at(-1)).toBe('  1 row says nothing in "ann_date": its values count as always known');
  });

  test('where it may be read in two ways, --time-format says how', async () => {
    const content = 'code,ann_date,date,v\nA,05/02/2020,31/01/2020,1\n';
    expect(await error(content)).toMatch(
      /--declared-column: .* may be DD\/MM\/YYYY or MM\/DD\/YYYY; say which/,
    );
    await run(content, '--time-format', 'DD/MM/YYYY');
    expect(values()).toEqual({ 'A|2020-01-31|2020-02-05|v': 1 });
    expect(await error('code,ann_date,date,v\nA,soon,2020-01-31,1\n')).toMatch(
      /"ann_date" \(soon\) does not look/,
    );
  });

  test('a time of publication that cannot be read costs the row', async () => {
    expect(await run('code,ann_date,end_date,v\nA,20200501,20200331,1\nA,soon,20191231,2\n')).toBe(false);
    expect(Object.keys(values())).toEqual(['A|2020-03-31|2020-05-01|v']);
  });
});

describe('numbers', () => {
  test('a column of which most cells are none is taken, and its cells are refused one by one', async () => {
    const content = 'date,close,dividend\n2020-01-01,100,N/A\n2020-01-02,101,N/A\n2020-01-03,102,0.5\n';
    expect(await run(content)).toBe(false);
    expect(values()).toMatchObject({ 'a|2020-01-03||dividend': 0.5 });
    expect(said.join('\n')).toContain('2 × dividend: expected a number, got N/A');
    expect(await run(content, '--missing', 'N/A,-')).toBe(true);
    expect(Object.keys(values()).length).toBe(4);
    expect(await run('date,close\n2020-01-01,suspended\n2020-01-02,suspended\n2020-01-03,5\n')).toBe(false);
    expect(values()).toEqual({ 'a|2020-01-03||close': 5 });
  });

  test('a few numbers among texts are named in the plan', async () => {
    expect(await run('date,close,note\n2020-01-01,1,good day\n2020-01-02,2,bad\n2020-01-03,5,7\n')).toBe(
      true,
    );
    expect(said[0]).toContain('"note" holds texts and a number; --columns note would take it');
  });

  test.each([
    ['$1.50', '$1.60', 1.5, 'with $, taken off'],
    ['1,50 €', '2,25 €', 1.5, 'with €, taken off'],
    ['5.2%', '-0.1%', 0.052, 'in per cent, divided by 100'],
    ['(1,234)', '2,345', -1234, 'with (1) for −1'],
    ['1.5亿', '3000万', 150_000_000, 'with units'],
    ['1.25M', '986.5K', 1_250_000, 'with units'],
    ['1,234', '2,345', 1234, ''],
  ])('%s where the whole column agrees, which is said', async (first, second, value, says) => {
    expect(await run(`date,x\n2020-01-01,"${first}"\n2020-01-02,"${second}"\n`)).toBe(true);
    expect(values()['a|2020-01-01||x']).toBe(value);
    expect(said[0]).toContain(says === '' ? 'indicators x' : `"x" ${says}`);
  });

  test.each([
    ['$1.50', '€2.50', 'currency'],
    ['1%', '2', 'percent'],
    ['(1)', 'x', 'parentheses'],
    ['1万', 'x', 'units'],
  ])('%s beside %s is refused without --numbers', async (first, second, option) => {
    const content = `date,x,y\n2020-01-01,${first},1\n2020-01-02,${second},1\n2020-01-03,3,1\n`;
    expect(await run(content)).toBe(false);
    expect(Object.keys(values())).not.toContain('a|2020-01-01||x');
    await run(content, '--numbers', option);
    expect(Object.keys(values())).toContain('a|2020-01-01||x');
  });

  test('a row that does not agree with the column is refused', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `${1_000_000_000 + i},${i + 1}%`);
    expect(await run(`date,x\n${rows.join('\n')}\n1100000000,5\n`)).toBe(false);
    expect(said.join('\n')).toContain('1 × x: expected a number, got 5');
  });

  test('3M of a column of spans is no number', async () => {
    expect(await run('date,tenor,yield\n2020-01-01,3M,1.5\n2020-01-01,6M,1.6\n')).toBe(true);
    expect(values()).toEqual({ '3M|2020-01-01||yield': 1.5, '6M|2020-01-01||yield': 1.6 });
  });

  test('a comma that may be either is asked for', async () => {
    const content = 'date;x\n2020-01-01;1,234\n';
    expect(await error(content)).toMatch(/--decimal: "1,234" in column "x" may be 1234 or 1\.234; say/);
    await run(content, '--decimal', ',');
    expect(values()).toEqual({ 'a|2020-01-01||x': 1.234 });
    expect(await error('date;x\n2020-01-01;1.234\n')).toMatch(/"1\.234" .* may be 1234 or 1\.234; say/);
    expect(await run('date;x;y\n2020-01-01;1.234;0.5\n')).toBe(true);
    expect(values()).toMatchObject({ 'a|2020-01-01||x': 1.234 });
  });
});

describe('layouts', () => {
  test('the indicator of a matrix is the name of its file', async () => {
    const head = 'date,000016.XSHG,000300.XSHG\n';
    expect(
      await run({ 'pe.csv': `${head}2020-03-31,9.1,11.5\n`, 'roe.csv': `${head}2020-03-31,2.5,2.7\n` }),
    ).toBe(true);
    expect(values()).toEqual({
      '000016.XSHG|2020-03-31||pe': 9.1,
      '000300.XSHG|2020-03-31||pe': 11.5,
      '000016.XSHG|2020-03-31||roe': 2.5,
      '000300.XSHG|2020-03-31||roe': 2.7,
    });
  });

  test('Chinese headings mean the same wherever they stand', async () => {
    expect(
      await run({
        'a.csv': '股票代码,报告期,净利润,营业收入\n600519,2020-12-31,1,100\n',
        'b.csv': '股票代码,报告期,营业收入,净利润\n600519,2021-12-31,200,2\n',
      }),
    ).toBe(true);
    expect(values()).toEqual({
      '600519|2020-12-31||net_profit': 1,
      '600519|2020-12-31||operating_income': 100,
      '600519|2021-12-31||operating_income': 200,
      '600519|2021-12-31||net_profit': 2,
    });
    expect(said[0]).toContain('"净利润" becomes indicator net_profit');
  });

  test.each([
    [
      'years as columns',
      '"Country Name","Country Code","Indicator Name","2015","2016",\n"Austria","AUT","GDP","1.5","2.5",\n',
      { 'AUT|2015-01-01||GDP': 1.5, 'AUT|2016-01-01||GDP': 2.5 },
    ],
    [
      'as DataBank writes them',
      'Country Code,Series Name,2015 [YR2015],2016 [YR2016]\nAUT,GDP,1.5,2.5\n',
      { 'AUT|2015-01-01||GDP': 1.5, 'AUT|2016-01-01||GDP': 2.5 },
    ],
    [
      'quarters as columns',
      'country,2019Q1,2019Q2\nFR,1,2\n',
      { 'FR|2019-01-01||a': 1, 'FR|2019-04-01||a': 2 },
    ],
    [
      'days as columns',
      'Province/State,Country/Region,1/22/20,1/23/20\n,France,0,3\n',
      { 'France|2020-01-22||a': 0, 'France|2020-01-23||a': 3 },
    ],
    [
      'months beside a year',
      'Year,Jan,Feb\n1880,-.18,-.24\n',
      { 'a|1880-01-01||a': -0.18, 'a|1880-02-01||a': -0.24 },
    ],
    [
      'SDMX-CSV',
      'DATAFLOW,FREQ,REF_AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS\nX:Y(1.0),A,AT,2020,1.5,A\n',
      { 'A:AT|2020-01-01||OBS_VALUE': 1.5 },
    ],
  ])('%s', async (_, content, want) => {
    expect(await run(content)).toBe(true);
    expect(values()).toEqual(want);
  });

  test("Eurostat's table, with flags and : for no value", async () => {
    expect(
      await run({ 'x.tsv': 'unit,geo\\time\t2013 \t2014 \nEUR,AT\t1.5 \t: \nEUR,BE\t2.5 p\t3.5 \n' }),
    ).toBe(true);
    expect(values()).toEqual({
      'EUR:AT|2013-01-01||x': 1.5,
      'EUR:BE|2013-01-01||x': 2.5,
      'EUR:BE|2014-01-01||x': 3.5,
    });
    const many = 'freq,unit,coicop,geo\\TIME_PERIOD\t2013-01 \nM,EUR,X,AT\t1.5 b\nM,EUR\t1\n';
    expect(await run({ 'y.tsv': many })).toBe(false);
    expect(values()).toEqual({ 'M:EUR:X:AT|2013-01-01||y': 1.5 });
  });

  test('headings that are codes of four digits stay subjects where there is a time', async () => {
    expect(await run('date,1301,2002\n2020-01-01,1,2\n', '--indicator', 'close')).toBe(true);
    expect(values()).toEqual({ '1301|2020-01-01||close': 1, '2002|2020-01-01||close': 2 });
  });

  test('--layout times takes headings in any format', async () => {
    expect(
      await run(
        'who,31/12/2009,30/12/2009\nA,1,2\nB,,\n',
        '--layout',
        'times',
        '--time-format',
        'DD/MM/YYYY',
      ),
    ).toBe(true);
    expect(values()).toEqual({ 'A|2009-12-31||a': 1, 'A|2009-12-30||a': 2 });
  });

  test('many files are read to their ends, each under its own name', async () => {
    const files = Array.from({ length: 20 }, (_, i) => [
      `S${i}.csv`,
      `date,x\n2020-01-01,${i}\n2020-01-02,${i}\n`,
    ]);
    expect(await run(Object.fromEntries(files))).toBe(true);
    expect(Object.keys(values()).length).toBe(40);
    expect(values()).toMatchObject({ 'S7|2020-01-02||x': 7, 'S19|2020-01-01||x': 19 });
  });

  test('files with the same columns that write their times differently are planned one by one', async () => {
    expect(await run({ 'A.csv': 'date,x\n43831,1\n', 'B.csv': 'date,x\n20200102093000,2\n' })).toBe(true);
    expect(values()).toEqual({ 'A|2020-01-01||x': 1, 'B|2020-01-02T09:30||x': 2 });
    expect(await error({ 'A.csv': 'date,x\n43831,1\n', 'B.csv': 'date,x\n87,2\n' })).toMatch(
      /\(87\) is no plausible/,
    );
  });

  test('files of one shape are planned as one', async () => {
    expect(
      await run({ 'A.csv': 'date,x\n01/02/2020,"1,5"\n', 'B.csv': 'date,x\n13/02/2020,"1,234"\n' }),
    ).toBe(true);
    expect(values()).toEqual({ 'A|2020-02-01||x': 1.5, 'B|2020-02-13||x': 1.234 });
  });
});

describe('overwritten values', () => {
  /** Two groups, one above the other, the first longer than the rows that guesses are made from. */
  const stacked = (rows: number): string =>
    `datetime,zone,load\n${['N', 'S']
      .flatMap((zone, group) =>
        Array.from({ length: rows }, (_, i) => {
          const time = new Date(Date.UTC(2020, 0, 1, i)).toISOString().slice(0, 16);
          return `${time},${zone},${i * 2 + group}`;
        }),
      )
      .join('\n')}\n`;

  test('are found wherever they are in the file, with the column that was left out', async () => {
    expect(await error(stacked(5_001))).toMatch(
      /--subject-column: several rows of .*a\.csv have the same time; expected --subject-column zone, which tells them apart .* 5,001 values would replace another/,
    );
    expect(await run(stacked(5_001), '--subject-column', 'zone')).toBe(true);
    expect(await run(stacked(5_001), '--subject', 'S')).toBe(true);
    expect(said.at(-1)).toBe(
      '5,001 values replaced an earlier one of the same subject, time, declared and indicator',
    );
  });

  test('by a few rows of a guessed subject too', async () => {
    const rows = Array.from({ length: 6_000 }, (_, i) => `A,${1_000_000_000 + i},${i}`);
    expect(await error(`code,date,x\n${rows.join('\n')}\nA,1000000000,5\n`)).toMatch(
      /1 value would replace another/,
    );
  });

  test('between files', async () => {
    const content = {
      'a.csv': 'symbol,date,v\nA,2020-03-31,1\n',
      'b.csv': 'symbol,date,v\nA,2020-03-31,2\n',
    };
    expect(await error(content)).toMatch(/another file has other values for the same subjects, times and/);
    const shapes = {
      'a.csv': 'symbol,date,v\nA,2020-03-31,1\n',
      'b.csv': 'symbol,date,v,w\nA,2020-03-31,2,3\n',
    };
    expect(await error(shapes)).toMatch(
      /b\.csv: another file has other values .* 1 value would replace another/,
    );
    const matrix = {
      'pe.csv': 'date,000016.XSHG\n2020-03-31,9\n',
      'pb.csv': 'date,000016.XSHG\n2020-03-31,2\n',
    };
    expect(await error(matrix, '--indicator', 'x')).toMatch(/another file has other values/);
  });

  test('that say the same again are none', async () => {
    expect(await run('code,date,x\nA,2020-01-01,1\nA,2020-01-01,1.0\n')).toBe(true);
    expect(await run('code,date,x,y\nA,2020-01-01,1,\nA,2020-01-01,,2\n')).toBe(true);
  });
});

describe('memberships', () => {
  const ARGS = ['--member-topic', 'csi300', '--from-column', 'in_date', '--to-column', 'out_date'];

  test('become member lines, with the days they were known', async () => {
    const content =
      'index_code,con_code,in_date,out_date,ann_date\n000300.SH,600000.SH,20050408,20100104,20050401\n000300.SH,600519.SH,2005-04-08,,\n';
    expect(await run(content.replaceAll('-', ''), ...ARGS)).toBe(true);
    expect(lines).toEqual([
      {
        type: 'member',
        topic: 'csi300',
        subject: '600000.SH',
        from: 1112918400,
        to: 1262563200,
        declared: 1112313600,
      },
      { type: 'member', topic: 'csi300', subject: '600519.SH', from: 1112918400, to: null },
    ]);
    expect(said[0]).toContain(
      'members of csi300; from "in_date", to "out_date" (the first day that is outside)',
    );
  });

  test('need no end, and name their columns', async () => {
    await run('code,day\nA,2005-04-08\n', '--member-topic', 'x', '--from-column', 'day');
    expect(lines).toEqual([{ type: 'member', topic: 'x', subject: 'A', from: 1112918400, to: null }]);
    expect(await error('code,day\nA,2005-04-08\n', '--member-topic', 'x')).toMatch(/--from-column: expected/);
    expect(() => readImportOptions(['--from-column', 'a', 'f'], {})).toThrow(
      /--from-column: expected --member-topic/,
    );
  });

  test('that end before they begin, or are of another index, are refused', async () => {
    const content =
      'index_code,con_code,in_date,out_date\nI,A,20050408,20040104\nI,B,20050408,20060104\nJ,C,20050408,\nI,D,soon,\n';
    expect(await run(content, ...ARGS)).toBe(false);
    expect(lines.map(({ subject }) => subject)).toEqual(['B']);
    expect(said.join('\n')).toContain('1 × out_date: expected a time from in_date on, got 20040104');
    expect(said.join('\n')).toContain('1 × index_code: expected I as in the first row; import each index');
  });

  test('of one subject and day with different ends are not replaced silently', async () => {
    const content = 'con_code,in_date,out_date\nA,20050408,20060104\nA,20050408,20070104\n';
    expect(await error(content, ...ARGS)).toMatch(/have the same "in_date" and the same con_code/);
  });
});

describe('--explain', () => {
  test.each([
    ['wide', '股票代码,报告期,公告日期,营业收入,a b,"x,y"\n600519,20201231,20210331,1,2,3\n'],
    ['long', 'country,year,indicator,value\nX,2001,a b,1\nX,2001,pop,2\n'],
    ['matrix', 'date,000016.XSHG,000300.XSHG\n2020-03-31,9.1,11.5\n'],
    ['times', 'Country Code,Indicator Name,2015,2016\nAUT,GDP,1.5,2.5\n'],
    ['months', 'Year,Jan,Feb\n1880,-.18,-.24\n'],
    ['parts', 'year,month,day,hour,v\n2010,1,1,3,1\n'],
    ['clock', 'Date,Time,Close\n13/01/2020,9:30 AM,1\n'],
    ['percent', "date,it's\n2020-01-01,5%\n2020-01-02,6%\n"],
  ])('names the options that say a guess in full: %s', async (_, content) => {
    await run(content);
    const want = lines;
    await run(content, '--explain');
    const command = said.at(-1)!;
    expect(lines).toEqual(want);
    expect(command).toMatch(/^ {2}npm run import -- --layout .*a\.csv$/);
    const args = [...command.replace('  npm run import -- ', '').matchAll(/'((?:[^']|'\\'')*)'|\S+/g)].map(
      ([word, quoted]) => quoted?.replaceAll("'\\''", "'") ?? word,
    );
    await run(content, ...args.slice(0, -1));
    expect(lines).toEqual(want);
  });

  test('shows what each of the first rows becomes, and what is refused', async () => {
    await run('date,x\n2020-01-01,1\n2020-01-02,oops\nsoon,3\n', '--explain');
    expect(said.slice(1, -2)).toEqual([
      'row 1, line 2: date=2020-01-01 | x=1',
      '  {"type":"record","subject":"a","time":1577836800,"values":{"x":1}}',
      'row 2, line 3: date=2020-01-02 | x=oops',
      '  refused: x: expected a number, got oops',
      'row 3, line 4: date=soon | x=3',
      '  refused: date: expected a time, got soon',
    ]);
  });
});
