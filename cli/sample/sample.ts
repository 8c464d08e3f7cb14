/**
 * Sample fundamentals as ingest lines: the same options always make the same bytes, on every machine and in either
 * order. So every number comes from whole-number hashes of what it stands for, and from + − × ÷ alone.
 */

export interface SampleOptions {
  subjects?: number;
  /** How many indicators; the first six are the ones every sample has. */
  indicators?: number;
  /** Quarters up to the last of 2023. */
  quarters?: number;
  /** Weekdays of prices (`open high low close volume`) up to the last of 2023. */
  days?: number;
  /** Share of the reports, 0 to 1, that are corrected some weeks after they were published. */
  revisions?: number;
  order?: 'subject' | 'time';
  seed?: number;
}

export const SAMPLE_DEFAULTS = {
  subjects: 8,
  indicators: 6,
  quarters: 40,
  days: 0,
  revisions: 0,
  order: 'subject',
  seed: 1,
} as const satisfies Required<SampleOptions>;

export const SAMPLE_BOUNDS = { subjects: 10_000_000, indicators: 1_000, quarters: 400, days: 20_000 };

/** The names of the first `count` indicators. */
export function indicatorNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => INDICATORS[i] ?? `indicator_${i + 1}`);
}

/** One ingest line each, without a line break; subjects come before their records. */
export function* sampleLines(options: SampleOptions = {}): Generator<string> {
  const { subjects, indicators, quarters, days, revisions, order, seed } = { ...SAMPLE_DEFAULTS, ...options };
  const moments = [...quarterMoments(quarters), ...dayMoments(days)].sort((a, b) => a.time - b.time);
  const report = reporter(indicatorNames(indicators), seed, revisions);
  const price = pricer(seed);
  const lines = (subject: number, moment: Moment): string[] =>
    moment.period === undefined ? [price(subject, moment)] : report(subject, moment);

  if (order === 'subject') {
    for (let subject = 0; subject < subjects; subject++) {
      yield subjectLine(subject, seed);
      for (const moment of moments) yield* lines(subject, moment);
    }
  } else {
    for (let subject = 0; subject < subjects; subject++) yield subjectLine(subject, seed);
    for (const moment of moments) {
      for (let subject = 0; subject < subjects; subject++) yield* lines(subject, moment);
    }
  }
}

export function subjectOf(index: number): string {
  return `33:${String(FIRST_CODE + index).padStart(8, '0')}`;
}

/** A time that has data: a quarter's end, or a day with prices. */
interface Moment {
  time: number;
  /** How many of its kind it lies before the last one. */
  age: number;
  /** Quarters only. */
  period?: string;
  quarter: number;
  /** Days from the quarter's end to its first and last possible publication. */
  published: readonly [number, number];
}

const FIRST_CODE = 9;
const LAST_YEAR = 2023;
const DAY = 86_400;
/** By quarter. The year's report is the first code, as in the data that these codes come from. */
const PERIODS = ['596003', '596002', '596004', '596001'];
const PUBLISHED = [
  [12, 30],
  [25, 62],
  [12, 31],
  [40, 120],
] as const;
const INDICATORS = (
  'operating_income parent_holder_net_profit total_operating_cost net_profit operating_profit total_profit ' +
  'total_assets total_liabilities net_assets operating_cash_flow gross_profit rd_expense sales_expense ' +
  'management_expense finance_expense income_tax inventory receivables roe eps gross_margin debt_ratio'
).split(' ');
const RATIOS = new Set(['roe', 'eps', 'gross_margin', 'debt_ratio']);
const NAMES = [
  '华星科技',
  '东海银行',
  'Northwind Energy',
  '云帆软件',
  '长河医药',
  'Blue Harbor Logistics',
  '金禾农业',
  '远山新材',
];
const PLACES = '北辰 南岭 西岳 东篱 江南 天山 云海 青松 白鹭 蓝湾 紫金 银河'.split(' ');
const TRADES = '科技 银行 能源 软件 医药 物流 农业 新材 电子 地产 传媒 汽车'.split(' ');
const INDUSTRIES = [
  '信息技术',
  '银行',
  '能源',
  '信息技术',
  '医药',
  '物流',
  '农业',
  '化工',
  '电子',
  '地产',
  '传媒',
  '汽车',
];
const CONCEPTS = ['互联网金融', '人工智能', '新能源', '云计算', 'ESG', '芯片', '一带一路', 'Cloud Computing'];

function quarterMoments(count: number): Moment[] {
  return Array.from({ length: count }, (_, age) => {
    const quarter = 3 - (age % 4);
    const time = Date.UTC(LAST_YEAR - Math.floor(age / 4), quarter * 3 + 3, 0) / 1000;
    return { time, age, quarter, period: PERIODS[quarter], published: PUBLISHED[quarter] };
  });
}

function dayMoments(count: number): Moment[] {
  const moments: Moment[] = [];
  for (let time = Date.UTC(LAST_YEAR, 11, 31) / 1000; moments.length < count; time -= DAY) {
    const weekday = new Date(time * 1000).getUTCDay();
    if (weekday !== 0 && weekday !== 6)
      moments.push({ time, age: moments.length, quarter: 0, published: [0, 0] });
  }
  return moments;
}

function subjectLine(index: number, seed: number): string {
  const random = generator(seed, index, 0);
  const trade = index < NAMES.length ? index : random() % TRADES.length;
  const year = 1992 + (random() % 18);
  const listing = `${year}-${two(1 + (random() % 12))}-${two(1 + (random() % 28))}`;
  const concept = [...new Set([CONCEPTS[random() % CONCEPTS.length], CONCEPTS[random() % CONCEPTS.length]])];
  return JSON.stringify({
    type: 'subject',
    subject: subjectOf(index),
    name: NAMES[index] ?? `${PLACES[random() % PLACES.length]}${TRADES[trade]}${index + 1}`,
    status: '213001',
    listing_date: listing,
    category: 'stock',
    topics: index % 4 === 0 ? ['stock_a_listing_pool', 'hs300'] : ['stock_a_listing_pool'],
    tags: { concept, industry: [INDUSTRIES[trade]] },
  });
}

/** Makes the report of a subject at a quarter: one line, or two where it is corrected later. */
function reporter(
  names: readonly string[],
  seed: number,
  revisions: number,
): (index: number, moment: Moment) => string[] {
  const keys = names.map((name, i) => `${i === 0 ? '' : ','}"${name}":`);
  const ratio = names.map((name) => RATIOS.has(name));
  return (index, { time, age, quarter, period, published }) => {
    const random = generator(seed, index, age * 2 + 1);
    const declared = time + DAY * (published[0] + (random() % (published[1] - published[0] + 1)));
    const corrected = random() < revisions * 2 ** 32;
    const income = Math.round(
      scaleOf(seed, index) * (1 / (1 + age * 0.015)) * SEASON[quarter] * share(random(), 0.9, 1.1),
    );
    const cost = Math.round(income * share(random(), 0.72, 0.97));
    const operating = income - cost;
    const total = operating + Math.round(income * share(random(), -0.004, 0.01));
    const net = Math.round(total * share(random(), 0.75, 0.86));
    const known = [income, Math.round(net * share(random(), 0.9, 1)), cost, net, operating, total];
    let values = '';
    for (let i = 0; i < keys.length; i++) {
      const other = random();
      const value =
        i < known.length
          ? known[i]
          : ratio[i]
            ? (other % 5_000) / 10_000
            : Math.round(income * share(other, 0.02, 2));
      values += keys[i] + value;
    }
    const head = `{"type":"record","subject":"${subjectOf(index)}","time":${time}`;
    const line = `${head},"declared":${declared},"period":"${period}","values":{${values}}}`;
    if (!corrected) return [line];
    const later = declared + DAY * (20 + (random() % 40));
    return [
      line,
      `${head},"declared":${later},"values":{"${names[0]}":${Math.round(income * share(random(), 0.97, 1.03))}}}`,
    ];
  };
}

function pricer(seed: number): (index: number, moment: Moment) => string {
  return (index, { time, age }) => {
    const random = generator(seed, index, age * 2 + 2);
    const [close, open] = [closeOf(seed, index, age), closeOf(seed, index, age + 1)];
    const high = Math.round(Math.max(open, close) * share(random(), 1, 1.02));
    const low = Math.round(Math.min(open, close) * share(random(), 0.98, 1));
    const prices = `"open":${open / 100},"high":${high / 100},"low":${low / 100},"close":${close / 100}`;
    const volume = Math.round(share(random(), 1e6, 5e7));
    return `{"type":"record","subject":"${subjectOf(index)}","time":${time},"values":{${prices},"volume":${volume}}}`;
  };
}

/** A price in cents `age` days ago: straight lines between one turning point every 20 days. */
function closeOf(seed: number, index: number, age: number): number {
  const turn = Math.floor(age / 20);
  const level = (at: number): number => share(generator(seed, index, -1 - at)(), 1_000, 6_000);
  const part = (age - turn * 20) / 20;
  return Math.round(level(turn) * (1 - part) + level(turn + 1) * part);
}

const SEASON = [0.88, 1, 1.03, 1.12];

/** Income of a subject's last quarter, from 10 million to 100 billion, small ones as frequent as large ones. */
function scaleOf(seed: number, index: number): number {
  const random = generator(seed, index, 1);
  const magnitude = [1e7, 1e8, 1e9, 1e10][random() % 4];
  return magnitude * share(random(), 1, 10);
}

/** A 32-bit hash as a fraction between two bounds. */
function share(random: number, from: number, to: number): number {
  return from + ((to - from) * random) / 2 ** 32;
}

/** Whole numbers of 32 bits, by what they are for: a Weyl sequence through the finalizer of MurmurHash3 (public domain). */
function generator(seed: number, index: number, stream: number): () => number {
  let state = mixed(mixed(mixed(seed) ^ index) ^ stream);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return mixed(state);
  };
}

function mixed(number: number): number {
  let h = number | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
