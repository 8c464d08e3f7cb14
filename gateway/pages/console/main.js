/** The console: which view is shown, what the gateway is asked for all of them, and the key. */
import { ask, forgetKey, hasKey, sent, useKey } from './access.js';
import { Cluster } from './cluster.js';
import { Data } from './data.js';
import { html, render, useEffect, useRef, useState } from './htm.js';
import { switchLanguage, t } from './texts.js';
import { problemsOf } from './words.js';

const NODES_MS = 2_000;
const HISTORY_MS = 10_000;
const ANSWER_MS = 5_000;
/** Texts of the gateway that a link cannot open where a key is asked for. */
const RAW = ['/metrics', '/monitor/status'];

function App() {
  const hash = useHash();
  const [isLive, setLive] = useState(true);
  const [, setLanguages] = useState(0);
  const [keys, setKeys] = useState(0);
  const { nodes, history, refusal } = useCluster(isLive, keys);
  const view = viewOf(hash);
  const changeLanguage = () => {
    switchLanguage();
    setLanguages((count) => count + 1);
  };
  const changeKey = () => setKeys((count) => count + 1);
  useEffect(() => {
    document.title = `${t(view === 'data' ? 'data' : 'cluster')} · Kamaitachi`;
  });
  return html`
    <header>
      <h1>Kamaitachi</h1>
      <${Badge} nodes=${nodes} refusal=${refusal} />
      <nav class="views" aria-label=${t('views')}>
        <a href="#cluster" aria-current=${view === 'cluster' ? 'page' : undefined}>${t('cluster')}</a>
        <a href="#data" aria-current=${view === 'data' ? 'page' : undefined}>${t('data')}</a>
      </nav>
      <nav class="pages" aria-label=${t('otherPages')}>
        <a href="/docs">${t('api')}</a>
        <a href=${hasKey() ? '#raw?path=/metrics' : '/metrics'}>${t('metrics')}</a>
        <a href=${hasKey() ? '#raw?path=/monitor/status' : '/monitor/status'}>${t('status')}</a>
      </nav>
      <div class="switches">
        <label class="check" title=${t('liveHint')}><input type="checkbox" checked=${isLive} onChange=${(event) => setLive(event.target.checked)} /> ${t('live')}</label>
        <button type="button" class="plain" lang=${t('language') === '中文' ? 'zh' : 'en'} onClick=${changeLanguage}>${t('language')}</button>
      </div>
      <${Key} key=${keys} refusal=${refusal} onChange=${changeKey} />
    </header>
    <main id=${view}>
      ${view === 'cluster' && html`<${Cluster} nodes=${nodes} history=${history} refusal=${refusal} />`}
      ${view === 'data' && html`<${Data} key=${keys} hash=${hash} />`}
      ${view === 'raw' && html`<${Raw} key=${hash} path=${new URLSearchParams(hash.split('?')[1]).get('path')} />`}
    </main>
  `;
}

/** The state in a few words, said aloud when it changes. */
function Badge({ nodes, refusal }) {
  const { kind, text } = badgeOf(nodes, refusal);
  return html`<p id="state" class="badge ${kind}" role="status">${text}</p>`;
}

function badgeOf(nodes, refusal) {
  if (refusal?.asksForKey) return { kind: 'warn', text: hasKey() ? t('keyWrong') : t('keyNeeded') };
  if (refusal !== undefined) return { kind: 'bad', text: t('noAnswer') };
  if (nodes === undefined) return { kind: '', text: t('connecting') };
  const [first, ...others] = problemsOf(nodes);
  if (first === undefined) return { kind: 'good', text: t('allWell').split(/[:：]/)[0] };
  return {
    kind: first.kind,
    text: others.length === 0 ? first.text : t('more', { text: first.text, n: others.length }),
  };
}

/** Shown where a key is asked for or in use. */
function Key({ refusal, onChange }) {
  const field = useRef(null);
  if (!refusal?.asksForKey && !hasKey()) return null;
  const use = (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    field.current.value = '';
    if (key === '') return;
    useKey(key);
    onChange();
  };
  const forget = () => {
    forgetKey();
    onChange();
  };
  return html`
    <form id="access" onSubmit=${use}>
      <label>${t('key')} <input id="key" ref=${field} type="password" autocomplete="off" spellcheck=${false} /></label>
      <button type="submit">${t('useKey')}</button>
      ${hasKey() && html`<button type="button" class="plain" onClick=${forget}>${t('forget')}</button>`}
      ${
        refusal?.asksForKey
          ? html`<p class="warn small">${hasKey() ? t('keyWrong') : t('keyNeeded')}. <span lang="en">${refusal.message}</span></p>`
          : html`<p class="quiet small">${t('keyKept')}</p>`
      }
    </form>
  `;
}

function Raw({ path }) {
  const [text, setText] = useState(t('loading'));
  useEffect(() => {
    if (!RAW.includes(path)) return setText('');
    sent(path)
      .then((answer) => answer.text())
      .then(setText, (error) => setText(error.message));
  }, []);
  return html`<section class="card"><h2>${path}</h2><pre tabindex="0" lang="en">${text}</pre></section>`;
}

/** Asks every other second, unless nobody looks. */
function useCluster(isLive, keys) {
  const [state, setState] = useState({});
  useEffect(() => {
    let isOver = false;
    let timer;
    let historyAt = -Infinity;
    const once = async () => {
      clearTimeout(timer);
      const signal = AbortSignal.timeout(ANSWER_MS);
      try {
        const nodes = await ask('/monitor/nodes', signal);
        const isDue = performance.now() - historyAt >= HISTORY_MS;
        const history = isDue ? await ask('/monitor/history', signal) : undefined;
        if (isDue) historyAt = performance.now();
        if (!isOver) setState((before) => ({ nodes, history: history ?? before.history }));
      } catch (refusal) {
        // What was known before would look like the state of now.
        if (!isOver) setState({ refusal });
        historyAt = -Infinity;
      }
      if (!isOver && isLive && !document.hidden) timer = setTimeout(once, NODES_MS);
    };
    const look = () => {
      if (document.hidden) clearTimeout(timer);
      else if (isLive) once();
    };
    document.addEventListener('visibilitychange', look);
    once();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [isLive, keys]);
  return state;
}

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => setHash(location.hash);
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return hash;
}

function viewOf(hash) {
  const name = hash.slice(1).split('?')[0];
  return name === 'data' || name === 'raw' ? name : 'cluster';
}

const place = document.getElementById('app');
place.replaceChildren();
render(html`<${App} />`, place);
