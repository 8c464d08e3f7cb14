/** An answer: as a table, as a picture, and to take along. */
import { hasKey, sent } from './access.js';
import { Chart, LINES } from './chart.js';
import { brief, decimal, moment, whole } from './format.js';
import { html, useEffect, useMemo, useState } from './htm.js';
import { curlOf, hashOf, pandasOf, urlOf } from './query.js';
import { t } from './texts.js';

/** More rows than these nobody reads, and the browser has to stay awake. */
const MOST_ROWS = 5_000;
const PAGE = 100;
const BARS = 30;
const CHART_HEIGHT = 320;
/** Columns that say whose row it is and when; the others hold values. */
const KEYS = ['subject', 'name', 'status', 'listing_date', 'category', 'time', 'date', 'period', 'declared'];
const TIMES = /^(time|date|declared)$|@(time|declared)$/;

export function Answer({ query }) {
  const [state, setState] = useState({});
  const url = urlOf(query);
  useEffect(() => {
    const stop = new AbortController();
    // What was shown stays until there is something else: a slider that is moved must not make the page jump.
    setState((before) => ({ ...before, isRunning: true, error: undefined }));
    rowsOf(query, stop.signal).then(setState, (error) => {
      if (error.name !== 'AbortError') setState({ error });
    });
    return () => stop.abort();
  }, [url]);
  return html`
    <section class="card" id="answer" aria-labelledby="answer-title" aria-busy=${state.isRunning ? 'true' : 'false'}>
      <h2 id="answer-title">${t('answer')}</h2>
      <p role="status" id="took">${saidOf(state)}</p>
      ${state.error !== undefined && html`<p class="bad" role="alert" lang="en">${state.error.message}</p>`}
      ${state.stale && html`<p class="warn">${t('stale', { s: state.stale })}</p>`}
      ${state.rows?.length > 0 && html`<${Rows} rows=${state.rows} />`}
      ${state.rows !== undefined && html`<${Along} query=${query} />`}
    </section>
  `;
}

function saidOf({ rows, error, ms, seq, isCut, isRunning }) {
  if (error !== undefined) return '';
  if (rows === undefined || isRunning) return t('running');
  if (rows.length === 0) return t('nothing');
  return t(isCut ? 'rowsCut' : 'rows', { n: whole(rows.length), ms: brief(ms), seq });
}

/** Reads rows as they come, and stops where there are enough. */
async function rowsOf(query, signal) {
  const startedAt = performance.now();
  const answer = await sent(urlOf(query, 'ndjson'), signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const rows = [];
  let rest = '';
  try {
    while (rows.length <= MOST_ROWS) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines) rows.push(JSON.parse(line));
    }
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error(t('endedEarly'));
  }
  const isCut = rows.length > MOST_ROWS;
  if (isCut) await reader.cancel();
  return {
    rows: rows.slice(0, MOST_ROWS),
    isCut,
    ms: performance.now() - startedAt,
    seq: answer.headers.get('x-kamaitachi-seq') ?? '–',
    stale: answer.headers.get('x-kamaitachi-stale'),
  };
}

function Rows({ rows }) {
  const columns = useMemo(() => columnsOf(rows), [rows]);
  const values = columns.filter((column) => !KEYS.includes(column) && !column.includes('@'));
  const [isTable, setTable] = useState(true);
  return html`
    <div class="tabs" role="group" aria-label=${t('shown')}>
      <button type="button" aria-pressed=${isTable} onClick=${() => setTable(true)}>${t('table')}</button>
      <button type="button" aria-pressed=${!isTable} onClick=${() => setTable(false)}>${t('chart')}</button>
    </div>
    ${isTable ? html`<${Table} rows=${rows} columns=${columns} />` : html`<${Picture} rows=${rows} values=${values} />`}
  `;
}

/** Without those that are empty in every row, and the name, which stands with its subject. */
function columnsOf(rows) {
  const isEmpty = (column) => rows.every((row) => row[column] === null || row[column] === '');
  return Object.keys(rows[0]).filter((column) => column !== 'name' && !isEmpty(column));
}

function Table({ rows, columns }) {
  const [sort, setSort] = useState({ column: undefined, sign: 1 });
  const [turned, setFrom] = useState(0);
  const from = turned < rows.length ? turned : 0;
  const sorted = useMemo(() => sortedBy(rows, sort), [rows, sort]);
  const shown = sorted.slice(from, from + PAGE);
  const choose = (column) => {
    setSort((before) => ({ column, sign: before.column === column ? -before.sign : 1 }));
    setFrom(0);
  };
  const ordered = (column) => (sort.column !== column ? 'none' : sort.sign > 0 ? 'ascending' : 'descending');
  return html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="answer-title">
      <table id="rows" role="table">
        <thead role="rowgroup"><tr role="row">${columns.map((column) => html`<th key=${column} scope="col" role="columnheader" aria-sort=${ordered(column)} class=${isNumber(column) ? 'number' : undefined}><button type="button" onClick=${() => choose(column)}>${column}</button></th>`)}</tr>
        </thead>
        <tbody role="rowgroup">
          ${shown.map((row) => html`<tr role="row">${columns.map((column) => html`<td role="cell" data-name=${column} class=${isNumber(column) ? 'number' : undefined}>${cell(column, row)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${
      rows.length > PAGE &&
      html`<p class="pager">
      <button type="button" class="plain" disabled=${from === 0} onClick=${() => setFrom(from - PAGE)}>${t('previous')}</button>
      <span>${t('page', { from: whole(from + 1), to: whole(from + shown.length), n: whole(rows.length) })}</span>
      <button type="button" class="plain" disabled=${from + PAGE >= rows.length} onClick=${() => setFrom(from + PAGE)}>${t('next')}</button>
    </p>`
    }
  `;
}

function isNumber(column) {
  return !KEYS.includes(column) && !TIMES.test(column);
}

function cell(column, row) {
  const value = row[column];
  if (column === 'subject' && row.name !== undefined && row.name !== value)
    return html`<span>${value} <span class="quiet">${row.name}</span></span>`;
  if (value === null || value === undefined) return '';
  if (TIMES.test(column)) return moment(value);
  return typeof value === 'number' ? decimal(value) : value;
}

/** Those without a value last, as the gateway has it. */
function sortedBy(rows, { column, sign }) {
  if (column === undefined) return rows;
  const isNone = (value) => value === null || value === undefined || value === '';
  return [...rows].sort((x, y) => {
    const [a, b] = [x[column], y[column]];
    if (isNone(a) || isNone(b)) return Number(isNone(a)) - Number(isNone(b));
    return a < b ? -sign : a > b ? sign : 0;
  });
}

function Picture({ rows, values }) {
  const [last, choose] = useState(undefined);
  const chosen = values.includes(last) ? last : values[0];
  if (values.length === 0) return html`<p class="quiet">${t('noChart')}</p>`;
  const time = ['time', 'date'].find((column) => column in rows[0]);
  return html`
    ${
      values.length > 1 &&
      html`<label class="narrow">${t('indicator')}
      <select id="drawn" onChange=${(event) => choose(event.target.value)}>${values.map((value) => html`<option value=${value} selected=${value === chosen}>${value}</option>`)}</select>
    </label>`
    }
    ${time === undefined ? html`<${Bars} rows=${rows} column=${chosen} />` : html`<${Lines} rows=${rows} time=${time} column=${chosen} />`}
  `;
}

function Lines({ rows, time, column }) {
  const { times, lines, isCut } = useMemo(() => linesOf(rows, time, column), [rows, time, column]);
  const label = t('chartOf', { what: column, n: lines.length, times: times.length });
  return html`<${Chart} times=${times} lines=${lines} height=${CHART_HEIGHT} show=${short} label=${label} isUtc=${true} legend=${true} />
    ${isCut && html`<p class="quiet">${t('onlyLines', { n: LINES })}</p>`}`;
}

/** One line a subject, over all times that any of them has. */
function linesOf(rows, time, column) {
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  const drawn = new Map(subjects.slice(0, LINES).map((subject) => [subject, new Map()]));
  // Of a time with several revisions the one declared last is drawn.
  const byDeclared =
    'declared' in rows[0] ? [...rows].sort((a, b) => (a.declared ?? 0) - (b.declared ?? 0)) : rows;
  for (const row of byDeclared) drawn.get(row.subject)?.set(row[time], row[column]);
  const times = [...new Set([...drawn.values()].flatMap((points) => [...points.keys()]))].sort(
    (a, b) => a - b,
  );
  const lines = [...drawn].map(([label, points]) => ({
    label,
    values: times.map((at) => points.get(at) ?? null),
  }));
  return { times, lines, isCut: subjects.length > LINES };
}

function Bars({ rows, column }) {
  const drawn = rows.filter((row) => typeof row[column] === 'number').slice(0, BARS);
  const low = Math.min(0, ...drawn.map((row) => row[column]));
  const high = Math.max(0, ...drawn.map((row) => row[column]));
  const share = (value) => (100 * value) / (high - low || 1);
  return html`
    <ul class="bars">
      ${drawn.map((row) => {
        const value = row[column];
        const style = { left: `${share(Math.min(0, value) - low)}%`, width: `${share(Math.abs(value))}%` };
        return html`<li key=${row.subject}>
          <span class="bar-name">${row.name === row.subject ? row.subject : `${row.subject} ${row.name}`}</span>
          <span class="bar-track" aria-hidden="true"><span class="bar" style=${style}></span></span>
          <span class="bar-value">${decimal(value)}</span>
        </li>`;
      })}
    </ul>
    ${rows.length > BARS && html`<p class="quiet">${t('onlyBars', { n: BARS })}</p>`}
  `;
}

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

function short(value) {
  return COMPACT.format(value);
}

function Along({ query }) {
  const withKey = hasKey();
  const lines = [
    [t('curl'), curlOf(query, withKey)],
    [t('pandas'), pandasOf(query, withKey)],
  ];
  return html`
    <h3>${t('downloads')}</h3>
    <p class="along">
      <${Download} query=${query} format="csv" name="answer.csv">${t('csv')}<//>
      <${Download} query=${query} format="arrow" name="answer.arrow">${t('arrow')}<//>
      <a href=${hashOf(query)}>${t('sameQuery')}</a>
    </p>
    ${lines.map(([name, text]) => html`<div class="line-of-code"><span class="quiet">${name}</span><code tabindex="0">${text}</code><${Copy} text=${text} name=${name} /></div>`)}
  `;
}

/** A link sends no key: where there is one, the file is fetched first. */
function Download({ query, format, name, children }) {
  const fetchFirst = async (event) => {
    if (!hasKey()) return;
    event.preventDefault();
    const answer = await sent(urlOf(query, format));
    const url = URL.createObjectURL(await answer.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
  };
  return html`<a href=${urlOf(query, format)} download=${name} onClick=${fetchFirst}>${children}</a>`;
}

function Copy({ text, name }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers have it only where the page came from this machine or over TLS.
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return html`<button type="button" class="plain" aria-label="${t('copy')} ${name}" onClick=${copy}>${isCopied ? t('copied') : t('copy')}</button>`;
}
