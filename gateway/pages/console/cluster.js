/** The cluster: what is wrong in words, the ring, the last hour, every part. */
import { send } from './access.js';
import { Chart } from './chart.js';
import { brief, bytes, decimal, percent, whole } from './format.js';
import { html, useMemo, useState } from './htm.js';
import { Ring } from './ring.js';
import { t } from './texts.js';
import { masterState, problemsOf, slaveState } from './words.js';

const CHART_HEIGHT = 150;
const CLEAR = '/kamaitachi/api/data/v1/cache/reset?clear=true';
/** So that ticks are round in KiB, MiB and GiB. */
const BYTE_STEPS = Array.from({ length: 40 }, (_, i) => 256 * 2 ** i);

export function Cluster({ nodes, history, refusal }) {
  if (nodes === undefined)
    return html`<section class="card"><h2>${t('cluster')}</h2>
      <p>${refusal === undefined ? t('connecting') : refusal.asksForKey ? t('needsAdmin') : t('noAnswer')}</p>
      ${refusal !== undefined && html`<p class="quiet">${refusal.message}</p>`}</section>`;
  const problems = problemsOf(nodes);
  return html`
    <section class="card" aria-labelledby="state-title">
      <h2 id="state-title">${t('stateTitle')}</h2>
      ${
        problems.length === 0
          ? html`<p class="good sentence">${t('allWell')}</p>`
          : html`<ul class="problems">${problems.map(({ kind, text }) => html`<li class=${kind}>${text}</li>`)}</ul>`
      }
      ${!nodes.master.writes && nodes.slots_missing === 0 && html`<p class="quiet">${t('readsGoOn')}</p>`}
    </section>
    <div class="two">
      <section class="card" aria-labelledby="ring-title"><h2 id="ring-title">${t('ring')}</h2><${Ring} nodes=${nodes} /></section>
      <section class="card" aria-labelledby="now-title"><h2 id="now-title">${t('sinceStart')}</h2><${Sums} nodes=${nodes} /><${ClearCaches} /></section>
    </div>
    <section aria-labelledby="hour-title">
      <h2 id="hour-title">${t('lastHour')}</h2>
      <${Hour} history=${history} />
    </section>
    <section aria-labelledby="parts-title">
      <h2 id="parts-title">${t('parts')}</h2>
      <ul class="parts" id="parts">
        <${Part} name=${t('master')} address=${nodes.master.address} state=${masterState(nodes.master)} facts=${[]} />
        ${nodes.slaves.map((slave) => html`<${Part} key=${slave.node} name=${t('slave')} address=${slave.address} state=${slaveState(slave)} facts=${factsOf(slave)} />`)}
      </ul>
    </section>
  `;
}

function Sums({ nodes }) {
  const { aggregate } = nodes;
  const lookups = aggregate.hits + aggregate.misses;
  const share = (count) => (lookups === 0 ? '–' : percent(count / lookups));
  return html`
    <dl class="facts">
      ${fact(t('hits'), `${share(aggregate.hits)} (${whole(aggregate.hits)})`)}
      ${fact(t('partialHits'), `${share(aggregate.partial_hits)} (${whole(aggregate.partial_hits)})`)}
      ${fact(t('otherMisses'), `${share(aggregate.misses - aggregate.partial_hits)} (${whole(aggregate.misses - aggregate.partial_hits)})`)}
      ${fact(t('cachedSubjects'), whole(aggregate.entries))}
      ${fact(t('cached'), bytes(aggregate.bytes))}
      ${nodes.edge_max_bytes > 0 && fact(t('edgeHits'), whole(aggregate.edge_hits))}
      ${nodes.edge_max_bytes > 0 && fact(t('edgeCached'), `${bytes(aggregate.edge_bytes)} / ${bytes(nodes.edge_max_bytes)}`)}
      ${fact(t('requests'), whole(nodes.requests))}
      ${fact(t('readsUnderWay'), whole(nodes.reads_under_way))}
      ${fact(t('replicas'), whole(nodes.replicas))}
      ${fact(t('uptime'), uptime(nodes.at_ms / 60_000))}
      ${fact(t('version'), nodes.version)}
    </dl>
  `;
}

/** Asked twice: it costs every slave its cache. */
function ClearCaches() {
  const [step, setStep] = useState({ name: 'idle' });
  const clear = async () => {
    try {
      const answer = await send(CLEAR, { method: 'POST' });
      const { status_msg } = await answer.json();
      setStep({
        name: 'done',
        kind: answer.ok ? 'good' : 'bad',
        text: answer.ok ? t('cleared') : status_msg,
      });
    } catch (error) {
      setStep({ name: 'done', kind: 'bad', text: error.message });
    }
  };
  if (step.name === 'asked')
    return html`<div class="along" role="group" aria-labelledby="really">
      <span id="really" role="status">${t('reallyClear')}</span>
      <button type="button" onClick=${clear}>${t('clearCaches')}</button>
      <button type="button" class="plain" onClick=${() => setStep({ name: 'idle' })}>${t('cancel')}</button>
    </div>`;
  return html`<div class="along">
    <button type="button" class="plain" onClick=${() => setStep({ name: 'asked' })}>${t('clearCaches')}…</button>
    <span role="status" class=${step.kind}>${step.text}</span>
  </div>`;
}

function uptime(minutes) {
  return minutes < 60
    ? t('minutes', { n: whole(Math.floor(minutes)) })
    : t('hours', { n: decimal(minutes / 60, 1) });
}

function Hour({ history }) {
  const charts = useMemo(() => (history === undefined ? [] : chartsOf(history)), [history]);
  if (history === undefined || history.ages_seconds.length === 0)
    return html`<p class="card quiet" id="no-history">${t('noHistory', { s: history?.every_seconds ?? 10 })}</p>`;
  return html`
    <ul class="charts" id="charts">
      ${charts.map(
        ({ title, times, lines, show, least, steps }) => html`
          <li class="card" key=${title}>
            <h3>${title}</h3>
            <p class="now">
              ${lines.map(({ label, values }, i) => html`<span><span class="swatch l${i}" aria-hidden="true"></span>${label} <strong>${latest(values, show)}</strong></span>`)}
            </p>
            <${Chart} times=${times} lines=${lines} height=${CHART_HEIGHT} show=${show} least=${least} steps=${steps} label=${inWords(title, lines, show)} />
          </li>
        `,
      )}
    </ul>
  `;
}

/** Lines of all that the gateway keeps, over an hour that ends now. */
function chartsOf({ ages_seconds, series }) {
  const now = Date.now() / 1000;
  const times = ages_seconds.map((age) => now - age);
  const chart = (title, show, lines) => ({
    title,
    show,
    times,
    lines: lines.map(([label, name]) => ({ label, values: series[name] })),
  });
  const ms = (value) => `${brief(value)} ms`;
  return [
    chart(t('requestsPerSecond'), brief, [
      [t('requests'), 'requests_per_second'],
      [t('errors'), 'errors_per_second'],
    ]),
    chart(t('latency'), ms, [
      ['p50', 'p50_ms'],
      ['p99', 'p99_ms'],
    ]),
    chart(t('lookUps'), brief, [
      [t('hits'), 'hits_per_second'],
      [t('partialHits'), 'partial_hits_per_second'],
      [t('misses'), 'misses_per_second'],
      ...(series.edge_hits_per_second.some((value) => value > 0)
        ? [[t('edgeHits'), 'edge_hits_per_second']]
        : []),
    ]),
    { ...chart(t('memory'), bytes, [[t('cached'), 'cache_bytes']]), least: 1024, steps: BYTE_STEPS },
    chart(t('lag'), (value) => t('seconds', { n: brief(value) }), [[t('lagOfWorst'), 'lag_seconds']]),
    chart(t('missing'), brief, [[t('slots'), 'slots_missing']]),
  ];
}

function Part({ name, address, state, facts }) {
  return html`
    <li class="card part">
      <h3>${name} <span class="address">${address}</span></h3>
      <p class="sentence ${state.kind}">${state.text}</p>
      ${facts.length > 0 && html`<dl class="facts">${facts.map(([term, value]) => fact(term, value))}</dl>`}
    </li>
  `;
}

function factsOf(slave) {
  const { cache } = slave;
  return [
    [t('slotsHeld'), `${whole(slave.slots_held)} (${t('ownsSlots', { n: whole(slave.slots_owned) })})`],
    ...(slave.zone === '' ? [] : [[t('zone'), slave.zone]]),
    ...(cache === null
      ? []
      : [
          [t('hitRate'), cache.hit_rate],
          [t('cached'), bytes(cache.bytes)],
        ]),
    [t('underWay'), whole(slave.requests_under_way)],
    [t('seq'), whole(slave.seq)],
    ...(slave.behind > 0 ? [[t('behind'), whole(slave.behind)]] : []),
    [t('version'), slave.version],
  ];
}

function fact(term, value) {
  return html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
}

function latest(values, show) {
  const value = values[values.length - 1];
  return value === null || value === undefined ? '–' : show(value);
}

function inWords(title, lines, show) {
  const told = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0
      ? `${label}: –`
      : `${label}: ${t('nowAndMost', { now: latest(values, show), most: show(Math.max(...known)) })}`;
  });
  return `${title}. ${told.join('; ')}`;
}
