import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isIndicator } from '../../../shared/base/text.ts';
import { IndicatorNames, wantedName } from './names.ts';

test('a name that is fine stays, another becomes one that is', () => {
  const names = new IndicatorNames();
  expect(
    [
      'price',
      'Adj Close',
      'P/E (ttm)',
      'year',
      'name',
      '3m_rate',
      '__proto__',
      'Größe',
      'a.b',
      'Growth %',
    ].map((name) => names.of(name)),
  ).toEqual([
    'price',
    'Adj_Close',
    'P_E_ttm',
    'year_',
    'name_',
    '_3m_rate',
    'proto',
    'Grosse',
    'a.b',
    'Growth_percent',
  ]);
});

test('a Chinese heading is named by the dictionary, else as it sounds', () => {
  expect(
    ['营业收入', '净利润', '归母净利润', '基本每股收益', '开盘', '收盘价', '成交额', ' 成交量 '].map(
      wantedName,
    ),
  ).toEqual([
    'operating_income',
    'net_profit',
    'parent_holder_net_profit',
    'basic_eps',
    'open',
    'close',
    'turnover',
    'volume',
  ]);
  expect(['北向资金', '女性人口', 'ROE加权'].map(wantedName)).toEqual([
    'bei_xiang_zi_jin',
    'nv_xing_ren_kou',
    'ROE_jia_quan',
  ]);
});

test('a unit stays part of the name: 成交量(手) is not 成交量', () => {
  expect(['营业收入(万元)', '营业收入（万元）', '涨跌幅(%)', '营业收入'].map(wantedName)).toEqual([
    'operating_income_wan_yuan',
    'operating_income_wan_yuan',
    'change_percent',
    'operating_income',
  ]);
});

test('other scripts are named by their code points, and never by their place', () => {
  expect(['Цена', 'Объём', '売上高', 'カナ', '%', '$', '€'].map(wantedName)).toEqual([
    'u_0426_0435_043d_0430',
    'u_041e_0431_044a_0435_043c',
    'mai_shang_gao',
    'u_30ab_30ca',
    'percent',
    'u_24',
    'u_20ac',
  ]);
  const [a, b] = [new IndicatorNames(), new IndicatorNames()];
  const headings = ['Цена', '价差', 'x y', '%%'];
  expect(headings.map((heading) => a.of(heading))).toEqual(headings.map(wantedName));
  expect(headings.toReversed().map((heading) => b.of(heading))).toEqual(
    headings.map(wantedName).toReversed(),
  );
});

test('two names never become one, each keeps its own, and which came first does not matter', () => {
  const one = new IndicatorNames();
  const other = new IndicatorNames();
  const headings = ['a b', 'a-b', 'a_b', 'x y'];
  one.expect(headings);
  other.expect(headings.toReversed());
  const named = headings.map((heading) => one.of(heading)!);
  expect(headings.map((heading) => other.of(heading))).toEqual(named);
  expect(named.slice(2)).toEqual(['a_b', 'x_y']);
  expect(named[0]).toMatch(/^a_b_[0-9a-f]{6}$/);
  expect(named[1]).toMatch(/^a_b_[0-9a-f]{6}$/);
  expect(new Set(named).size).toBe(4);
  expect(one.changed().map(([heading]) => heading)).toEqual(['a b', 'a-b', 'x y']);
});

test('a long heading is cut, and still its own', () => {
  const [one, other] = ['1', '2'].map((end) => wantedName(`${'a very long heading '.repeat(5)}${end}`));
  expect(one).not.toBe(other);
  expect(isIndicator(one) && isIndicator(other)).toBe(true);
});

test('whatever a column is called, its indicator is valid and its own', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 90, unit: 'binary' }), { maxLength: 20 }),
      (columns) => {
        const names = new IndicatorNames();
        const indicators = columns.map((column) => names.of(column)!);
        expect(indicators.every(isIndicator)).toBe(true);
        expect(new Set(indicators).size).toBe(columns.length);
      },
    ),
  );
});
