/** What there is: topics, their subjects, and one subject with its indicators. */
import { ask } from './access.js';
import { day, decimal, moment, whole } from './format.js';
import { html, useEffect, useState } from './htm.js';
import { hashOf, PATHS } from './query.js';
import { t } from './texts.js';

const PAGE = 50;
/** As many as one query may ask for. */
const MOST_INDICATORS = 64;
const FIRST_TIME = '-62135596800';
const LAST_TIME = '253402300799';

export function Browse({ catalogue }) {
  const [topic, setTopic] = useState(undefined);
  const [subject, setSubject] = useState(undefined);
  const { topics, indicators, isLoaded } = catalogue;
  const choose = (next) => {
    setTopic(next);
    setSubject(undefined);
  };
  if (!isLoaded) return html`<section class="card"><p class="quiet">${t('loading')}</p></section>`;
  if (topics.length === 0 && indicators.length === 0) return html`<${NoData} />`;
  return html`
    <div class="stack">
      <section class="card" aria-labelledby="topics-title">
        <h2 id="topics-title">${t('topics')}</h2>
        <ul class="choices" id="topics">
          <li><button type="button" aria-pressed=${topic === ''} onClick=${() => choose('')}>${t('allSubjects')}</button></li>
          ${topics.map((one) => html`<li key=${one.topic}><button type="button" aria-pressed=${one.topic === topic} onClick=${() => choose(one.topic)}>${one.topic} <span>${whole(one.subjects)}</span></button></li>`)}
        </ul>
      </section>
      ${topic !== undefined && html`<${Subjects} key=${topic} topic=${topic} chosen=${subject?.subject} onChoose=${setSubject} />`}
      ${subject !== undefined && html`<${Subject} key=${subject.subject} info=${subject} indicators=${indicators} />`}
    </div>
  `;
}

function NoData() {
  return html`<section class="card" id="no-data">
    <h2>${t('noData')}</h2>
    <p>${t('noDataHint')}</p>
    <pre tabindex="0">npm run sample -- --to ${location.origin}
npm run import -- --to ${location.origin} FILE…</pre>
  </section>`;
}

function Subjects({ topic, chosen, onChoose }) {
  const [prefix, setPrefix] = useState('');
  const [list, setList] = useState({ subjects: [], hasMore: false });
  const load = async (before, signal) => {
    const params = new URLSearchParams({ limit: String(PAGE) });
    if (topic !== '') params.set('topic', topic);
    if (prefix !== '') params.set('prefix', prefix);
    if (before.length > 0) params.set('after', before[before.length - 1].subject);
    try {
      const page = await ask(`${PATHS.subjects}?${params}`, signal);
      setList({ subjects: [...before, ...page], hasMore: page.length === PAGE, isLoaded: true });
    } catch (error) {
      if (error.name !== 'AbortError') setList({ subjects: before, hasMore: false, error: error.message });
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    load([], stop.signal);
    return () => stop.abort();
  }, [prefix]);
  return html`
    <section class="card" aria-labelledby="subjects-title">
      <h2 id="subjects-title">${topic === '' ? t('allSubjects') : topic}</h2>
      <label>${t('beginsWith')} <input id="prefix" value=${prefix} onInput=${(event) => setPrefix(event.target.value)} autocomplete="off" spellcheck=${false} /></label>
      <ul class="choices tall" id="subjects" tabindex="0" aria-labelledby="subjects-title">
        ${list.subjects.map((one) => html`<li key=${one.subject}><button type="button" aria-pressed=${one.subject === chosen} onClick=${() => onChoose(one)}>${one.subject} <span>${one.name === one.subject ? '' : one.name}</span></button></li>`)}
      </ul>
      ${list.error !== undefined && html`<p class="bad" role="alert" lang="en">${list.error}</p>`}
      ${list.isLoaded && list.subjects.length === 0 && html`<p class="quiet">${t('noSubjects')}</p>`}
      ${list.hasMore && html`<button type="button" class="plain" onClick=${() => load(list.subjects)}>${t('moreSubjects')}</button>`}
    </section>
  `;
}

function Subject({ info, indicators }) {
  const [rows, setRows] = useState(undefined);
  const [error, setError] = useState(undefined);
  const { subject } = info;
  useEffect(() => {
    summaryOf(subject, indicators.slice(0, MOST_INDICATORS)).then(setRows, ({ message }) =>
      setError(message),
    );
  }, []);
  const tags = Object.entries(info.tags).map(([tag, values]) => `${tag}: ${values.join(', ')}`);
  const notes = [info.status, info.listing_date, info.category, ...info.topics, ...tags].filter(
    (note) => note !== '',
  );
  return html`
    <section class="card" id="subject" aria-labelledby="subject-title">
      <h2 id="subject-title">${subject}${info.name === subject ? '' : ` · ${info.name}`}</h2>
      <p class="quiet">${notes.join(' · ')}</p>
      ${error !== undefined && html`<p class="bad" role="alert" lang="en">${error}</p>`}
      ${error === undefined && rows === undefined && html`<p class="quiet">${t('loading')}</p>`}
      ${rows?.length === 0 && html`<p class="quiet">${t('noValues')}</p>`}
      ${
        rows?.length > 0 &&
        html`<ul class="series">
        ${rows.map(
          (row) => html`<li key=${row.indicator}>
            <a href=${overTime(subject, row)}>${row.indicator}</a>
            <strong>${decimal(row.value)}</strong>
            <span class="quiet">${t('first')} ${row.first ?? '–'} · ${t('last')} ${moment(row.last)} · ${t('values')} ${whole(row.count)}</span>
          </li>`,
        )}
      </ul>`
      }
      ${indicators.length > MOST_INDICATORS && html`<p class="quiet">${t('onlySome', { n: MOST_INDICATORS })}</p>`}
    </section>
  `;
}

function overTime(subject, { indicator, first, last }) {
  return hashOf({
    kind: 'period',
    subjects: subject,
    ids: indicator,
    from: first ?? '0001-01-01',
    to: day(last),
  });
}

/** What a subject has of each indicator: last value, first and last time, how many. Counted by the year, so answers stay small. */
async function summaryOf(subject, indicators) {
  const ids = indicators.map(({ indicator }) => indicator).join(',');
  const range = { subjects: subject, ids, from: FIRST_TIME, to: LAST_TIME };
  const [latest, years] = await Promise.all([
    askFor('snapshot', { subjects: subject, ids, with_time: 'true' }),
    askFor('period', { ...range, bucket: 'year', agg: 'count', order: 'asc' }),
  ]);
  if (latest.length === 0) return [];
  const items = years[0]?.data ?? [];
  const rows = Object.entries(latest[0].data).map(([indicator, value]) => {
    const own = items.filter((item) => item[indicator] !== undefined);
    return {
      indicator,
      value,
      last: latest[0].time[indicator],
      count: own.reduce((sum, item) => sum + item[indicator], 0),
      year: own[0]?.year,
    };
  });
  const firsts = await firstDays(subject, rows);
  return rows.map((row) => ({ ...row, first: firsts.get(row.indicator) }));
}

/** The first day of each indicator, within its first year. */
async function firstDays(subject, rows) {
  const firsts = new Map();
  const years = [...new Set(rows.map(({ year }) => year))].filter((year) => year !== undefined);
  await Promise.all(
    years.map(async (year) => {
      const ids = rows.filter((row) => row.year === year).map(({ indicator }) => indicator);
      const days = { from: `${year}-01-01`, to: `${year}-12-31`, bucket: 'day', agg: 'count', order: 'asc' };
      const [found] = await askFor('period', { subjects: subject, ids: ids.join(','), ...days });
      for (const id of ids) {
        const item = found?.data.find((one) => one[id] !== undefined);
        if (item !== undefined) firsts.set(id, item.end_date);
      }
    }),
  );
  return firsts;
}

function askFor(kind, fields) {
  return ask(`${PATHS[kind]}?${new URLSearchParams(fields)}`);
}
