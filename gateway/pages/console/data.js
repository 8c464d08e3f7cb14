/** The data: what there is, a query with fields, its answer. */
import { ask } from './access.js';
import { Answer } from './answer.js';
import { Browse } from './browse.js';
import { day } from './format.js';
import { html, useEffect, useRef, useState } from './htm.js';
import { EMPTY, fieldsOf, hashOf, KINDS, optionsOf, PATHS, queryOf, urlOf } from './query.js';
import { t } from './texts.js';

const SUGGESTED = 20;
const SUGGEST_AFTER_MS = 150;
const FIRST_TIME = '-62135596800';
const LAST_TIME = '253402300799';

export function Data({ hash }) {
  const asked = queryOf(hash);
  const [catalogue, setCatalogue] = useState({ topics: [], indicators: [] });
  const [refusal, setRefusal] = useState(undefined);
  useEffect(() => {
    Promise.all([ask(PATHS.topics), ask(PATHS.indicators)]).then(
      ([topics, indicators]) => setCatalogue({ topics, indicators, isLoaded: true }),
      setRefusal,
    );
  }, []);
  if (refusal !== undefined)
    return html`<section class="card" role="alert"><h2>${t('data')}</h2>
      <p>${refusal.asksForKey ? t('needsRead') : t('noAnswer')}</p>
      <p class="quiet" lang="en">${refusal.message}</p></section>`;
  return html`
    <div class="sides">
      <${Browse} catalogue=${catalogue} />
      <div class="stack">
        <${QueryForm} key=${hash} query=${asked ?? EMPTY} catalogue=${catalogue} />
        ${
          asked !== undefined &&
          html`
          <${DeclaredDays} key=${urlOf({ ...asked, as_of: '' })} query=${asked} />
          <${Answer} query=${asked} />
        `
        }
      </div>
    </div>
  `;
}

function QueryForm({ query: given, catalogue }) {
  const [query, setQuery] = useState(given);
  const fields = fieldsOf(query.kind);
  const set = (name, value) => setQuery((before) => ({ ...before, [name]: value }));
  const run = (event) => {
    event.preventDefault();
    location.hash = hashOf(query);
  };
  const show = (field) =>
    html`<${Input} key=${field.name} field=${field} kind=${query.kind} value=${query[field.name] ?? ''} onInput=${(value) => set(field.name, value)} catalogue=${catalogue} />`;
  return html`
    <section class="card" aria-labelledby="query-title">
      <h2 id="query-title">${t('query')}</h2>
      <form id="query" class="fields" onSubmit=${run}>
        <label class="wide">${t('kind')}
          <select id="kind" value=${query.kind} onChange=${(event) => set('kind', event.target.value)}>
            ${KINDS.map((kind) => html`<option value=${kind} selected=${kind === query.kind}>${t(kind)}</option>`)}
          </select>
        </label>
        ${fields.filter(({ isMore }) => !isMore).map(show)}
        <details class="wide" open=${fields.some(({ isMore, name }) => isMore && given[name])}>
          <summary>${t('moreFields')}</summary>
          <div class="fields">${fields.filter(({ isMore }) => isMore).map(show)}</div>
        </details>
        <button type="submit">${t('run')}</button>
      </form>
    </section>
  `;
}

function Input({ field, kind, value, onInput, catalogue }) {
  const { name, text, input, suggest } = field;
  const [asked, setAsked] = useState([]);
  const waiting = useRef(undefined);
  const id = `field-${name.replace('.', '-')}`;
  const begun = input === 'list' ? value.lastIndexOf(',') + 1 : 0;
  const names = suggest in KNOWN ? KNOWN[suggest](catalogue) : asked;
  const suggestions = names
    .filter((known) => known.name.startsWith(value.slice(begun).trim()))
    .slice(0, SUGGESTED)
    .map((known) => ({ ...known, name: value.slice(0, begun) + known.name }));
  const type = (event) => {
    const typed = event.target.value;
    onInput(typed);
    if (suggest === undefined || suggest in KNOWN) return;
    clearTimeout(waiting.current);
    const begin = typed.slice(input === 'list' ? typed.lastIndexOf(',') + 1 : 0).trim();
    waiting.current = setTimeout(async () => setAsked(await namesOf(suggest, begin)), SUGGEST_AFTER_MS);
  };
  useEffect(() => () => clearTimeout(waiting.current), []);
  if (input === 'options')
    return html`<label>${t(text)}
      <select id=${id} value=${value} onChange=${(event) => onInput(event.target.value)}>
        <option value="" selected=${value === ''}>${t('default')}</option>
        ${optionsOf(field, kind).map(([option, word]) => html`<option value=${option} selected=${option === value}>${word === undefined ? option : t(word)}</option>`)}
      </select>
    </label>`;
  // A date may carry a time in a link: a field for dates would lose it.
  const kindOfInput = input === 'date' && (value === '' || /^\d{4}-\d\d-\d\d$/.test(value)) ? 'date' : 'text';
  return html`<label class=${input === 'list' || name === 'where' ? 'wide' : undefined}>${t(text)}
    <input
      id=${id}
      type=${kindOfInput}
      inputmode=${input === 'number' ? 'numeric' : undefined}
      value=${value}
      onInput=${type}
      onFocus=${suggest === undefined ? undefined : type}
      list=${suggest === undefined ? undefined : `${id}-list`}
      placeholder=${input === 'list' ? t('listHint') : undefined}
      autocomplete="off"
      spellcheck=${false}
    />
    ${suggest !== undefined && html`<datalist id=${`${id}-list`}>${suggestions.map(({ name, note }) => html`<option key=${name} value=${name}>${note}</option>`)}</datalist>`}
  </label>`;
}

/** What the catalogue says already, with a word about each. */
const KNOWN = {
  topics: ({ topics }) => topics.map(({ topic, subjects }) => named(topic, subjects)),
  indicators: ({ indicators }) => indicators.map(({ indicator, subjects }) => named(indicator, subjects)),
};

function named(name, subjects) {
  return { name, note: t('subjectCount', { n: subjects }) };
}

/** What the gateway is asked for: subjects that begin so, or the tags of some subjects. */
async function namesOf(what, begin) {
  const params = new URLSearchParams({ limit: String(SUGGESTED) });
  if (what === 'subjects') params.set('prefix', begin);
  try {
    const subjects = await ask(`${PATHS.subjects}?${params}`);
    if (what === 'subjects') return subjects.map(({ subject, name }) => ({ name: subject, note: name }));
    const tags = new Set(subjects.flatMap(({ tags }) => Object.keys(tags)));
    return [...tags].map((name) => ({ name, note: '' }));
  } catch {
    // Nothing is suggested; the query itself will say what is wrong.
    return [];
  }
}

/** A slider over the days on which a value of the subjects asked for was declared: what was known then. */
function DeclaredDays({ query }) {
  const [days, setDays] = useState(undefined);
  const { kind, subjects = '', ids = '' } = query;
  // Revisions are those of indicators, not of expressions.
  if (!['snapshot', 'period'].includes(kind) || subjects === '' || !/^[\w.,\s]+$/.test(ids)) return null;
  const load = async () => {
    const all = { kind: 'period', subjects, ids, from: FIRST_TIME, to: LAST_TIME, revision: 'all' };
    try {
      const rows = await ask(urlOf(all));
      const declared = rows
        .flatMap(({ data }) => data.map((item) => item.declared))
        .filter((time) => time > 0);
      setDays([...new Set(declared.map(day))].sort());
    } catch {
      setDays([]);
    }
  };
  if (days === undefined)
    return html`<p><button type="button" class="plain" onClick=${load}>${t('declaredDays')}</button></p>`;
  if (days.length === 0) return html`<p class="quiet">${t('noDeclared')}</p>`;
  const at = query.as_of ? days.filter((known) => known <= query.as_of).length - 1 : days.length;
  const go = (event) => {
    const chosen = days[Number(event.target.value)];
    location.hash = hashOf({ ...query, as_of: chosen ?? '' });
  };
  const said = query.as_of ? t('asKnownOn', { day: query.as_of }) : t('asKnownNow');
  return html`<label class="card slider" id="declared-days">${said}
    <input type="range" min="0" max=${days.length} value=${Math.max(0, at)} aria-valuetext=${said} onChange=${go} />
  </label>`;
}
