/** A query as the form has it: plain texts by name, what of them a request carries, and the same in other places' words. */
const DATA = '/kamaitachi/api/data/v1';
const SELECTION = '/kamaitachi/api/selection/v1';

export const PATHS = {
  topics: `${DATA}/topics`,
  indicators: `${DATA}/indicators`,
  subjects: `${DATA}/subjects`,
  snapshot: `${DATA}/snapshot`,
  period: `${DATA}/period`,
  panel: `${DATA}/panel`,
  selection_snapshot: `${SELECTION}/snapshot`,
  selection_period: `${SELECTION}/period`,
};

export const KINDS = ['snapshot', 'period', 'panel', 'selection_snapshot', 'selection_period'];
const SELECTIONS = ['selection_snapshot', 'selection_period'];
const SNAPSHOTS = ['snapshot', 'selection_snapshot'];
const NOT_PANEL = ['snapshot', 'period', ...SELECTIONS];
const STEPS = ['day', 'week', 'month', 'quarter', 'year'];

/**
 * Fields of the form in their order. `name`: of the parameter; `text`: of the label; `input`: `list` (with suggestions),
 * `text`, `date`, `number`, or `options`, each `[value, name of its text]`; `isMore`: under "More fields".
 */
export const FIELDS = [
  { name: 'selection.topic', text: 'topic', input: 'text', suggest: 'topics', kinds: SELECTIONS },
  { name: 'selection.id', text: 'tag', input: 'text', suggest: 'tags', kinds: SELECTIONS },
  { name: 'selection.keyword', text: 'keyword', input: 'text', kinds: SELECTIONS },
  {
    name: 'subjects',
    text: 'subjects',
    input: 'list',
    suggest: 'subjects',
    kinds: ['snapshot', 'period', 'panel'],
  },
  { name: 'ids', text: 'ids', input: 'list', suggest: 'indicators', kinds: KINDS },
  { name: 'topic', text: 'topic', input: 'text', suggest: 'topics', kinds: ['snapshot', 'period', 'panel'] },
  { name: 'from', text: 'from', input: 'date', kinds: ['period', 'panel', 'selection_period'] },
  { name: 'to', text: 'to', input: 'date', kinds: ['period', 'panel', 'selection_period'] },
  {
    name: 'every',
    text: 'every',
    input: 'options',
    options: STEPS.map((step) => [step, step]),
    kinds: ['panel'],
  },
  { name: 'timestamp', text: 'timestamp', input: 'date', kinds: SNAPSHOTS },
  { name: 'as_of', text: 'asOf', input: 'date', kinds: KINDS },
  { name: 'limit', text: 'limit', input: 'number', kinds: NOT_PANEL },
  {
    name: 'field',
    text: 'field',
    input: 'text',
    suggest: 'indicators',
    kinds: [...SNAPSHOTS, 'selection_period'],
    isMore: true,
  },
  {
    name: 'order',
    text: 'order',
    input: 'options',
    options: [
      ['desc', 'descending'],
      ['asc', 'ascending'],
    ],
    kinds: NOT_PANEL,
    isMore: true,
  },
  { name: 'where', text: 'where', input: 'text', kinds: KINDS, isMore: true },
  {
    name: 'revision',
    text: 'revision',
    input: 'options',
    options: [
      ['latest', 'latest_revision'],
      ['first', 'first_revision'],
      ['all', 'all_revisions'],
    ],
    kinds: KINDS,
    isMore: true,
  },
  { name: 'delay_days', text: 'delayDays', input: 'number', kinds: ['panel'], isMore: true },
  {
    name: 'bucket',
    text: 'bucket',
    input: 'options',
    options: STEPS.map((step) => [step, step]),
    kinds: ['period'],
    isMore: true,
  },
  {
    name: 'agg',
    text: 'agg',
    input: 'options',
    options: ['last', 'first', 'min', 'max', 'sum', 'mean', 'count'].map((name) => [name, undefined]),
    kinds: ['period'],
    isMore: true,
  },
  {
    name: 'with_time',
    text: 'withTime',
    input: 'options',
    options: [['true', 'yes']],
    kinds: SNAPSHOTS,
    isMore: true,
  },
  {
    name: 'with_declared',
    text: 'withDeclared',
    input: 'options',
    options: [['true', 'yes']],
    kinds: NOT_PANEL,
    isMore: true,
  },
];

export const EMPTY = { kind: 'snapshot', limit: '100' };

export function fieldsOf(kind) {
  return FIELDS.filter(({ kinds }) => kinds.includes(kind));
}

/** Options that a kind of query knows. */
export function optionsOf({ name, options }, kind) {
  return name === 'revision' && kind !== 'period' ? options.filter(([value]) => value !== 'all') : options;
}

export function paramsOf(query) {
  const params = new URLSearchParams();
  for (const { name } of fieldsOf(query.kind)) {
    const text = query[name]?.trim() ?? '';
    if (text !== '') params.set(name, text);
  }
  return params;
}

/** Path and parameters. A format goes last. */
export function urlOf(query, format) {
  const params = paramsOf(query);
  if (format !== undefined) params.set('format', format);
  return `${PATHS[query.kind]}?${params}`;
}

export function hashOf(query) {
  return `#data?${new URLSearchParams([['kind', query.kind], ...paramsOf(query)])}`;
}

/** The query of a hash; undefined where it holds none. */
export function queryOf(hash) {
  const params = new URLSearchParams(hash.split('?')[1] ?? '');
  const kind = params.get('kind');
  if (!KINDS.includes(kind)) return undefined;
  const query = { kind };
  for (const { name } of fieldsOf(kind)) if (params.has(name)) query[name] = params.get(name);
  return query;
}

export function curlOf(query, withKey) {
  return `curl -s${withKey ? ' -H "x-api-key: $KEY"' : ''} '${location.origin}${urlOf(query, 'csv')}'`;
}

export function pandasOf(query, withKey) {
  const url = `"${location.origin}${urlOf(query, 'csv')}"`;
  return `import pandas as pd; df = pd.read_csv(${url}${withKey ? ', storage_options={"x-api-key": KEY}' : ''})`;
}
