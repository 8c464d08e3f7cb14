// The live console: asks the gateway once a second what it counts, and makes rates of two answers that follow each other.
const SLOTS = 16384;
const POINTS = 60;
const EVERY_MS = 1000;
const KEY = 'kamaitachi-key';
/** An answer longer than this is cut on the page, so that the browser stays awake. */
const SHOWN_CHARS = 200000;

const subjects = '33:00000009,33:00000010,33:00000011';
const ids = 'operating_income,net_profit';
const EXAMPLES = [
  [
    'POST',
    '/kamaitachi/api/data/v1/snapshot',
    { ids, subjects, field: 'net_profit', order: 'desc', limit: 10 },
  ],
  ['POST', '/kamaitachi/api/data/v1/period', { ids, subjects, from: 1577836800, to: 1767139200, limit: 4 }],
  [
    'POST',
    '/kamaitachi/api/selection/v1/snapshot',
    { ids, selection: { id: 'concept', topic: 'stock_a_listing_pool', keyword: '' }, limit: 10 },
  ],
  ['GET', '/kamaitachi/api/data/v1/topics'],
  ['GET', '/kamaitachi/api/data/v1/indicators'],
  ['GET', '/kamaitachi/api/data/v1/subjects?limit=10'],
  ['GET', '/kamaitachi/api/data/v1/stats'],
];

const element = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const rates = [];
const hitRates = [];
let last;

async function refresh() {
  try {
    const answer = await fetch('/monitor/nodes', { headers: withKey(), signal: AbortSignal.timeout(5000) });
    const isRefused = answer.status === 401 || answer.status === 403;
    if (isRefused || sessionStorage.getItem(KEY) !== null) element('access').hidden = false;
    if (isRefused) state((await answer.json()).status_msg, 'warn');
    else if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    else {
      const { data } = await answer.json();
      show(data, last);
      last = data;
    }
  } catch (error) {
    state(`no answer from the gateway: ${error.message}`, 'bad');
  }
  setTimeout(refresh, EVERY_MS);
}

/** The key lives as long as this tab, and goes to this gateway only. */
function withKey() {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

function useKey(event) {
  event.preventDefault();
  const key = element('key').value.trim();
  element('key').value = '';
  if (key === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

function show(now, before) {
  const seconds = before === undefined ? 0 : (now.at_ms - before.at_ms) / 1000;
  // A gateway that started again counts from zero: the first answer after that gives no rate.
  const isLater = seconds > 0 && now.requests >= before.requests;
  const rate = isLater ? Math.max(0, now.requests - before.requests - 1) / seconds : undefined;
  const hitRate = isLater ? recentHitRate(now.aggregate, before.aggregate) : undefined;
  const linked = now.slaves.filter((slave) => slave.linked).length;
  if (now.slots_missing > 0) state(`${whole.format(now.slots_missing)} slots cannot be answered`, 'bad');
  else if (now.slaves.some((slave) => !slave.linked || !slave.fresh))
    state('answering, not all slaves are well', 'warn');
  else state('all well', 'good');
  element('version').textContent =
    `${now.version}, ${linked} of ${now.slaves.length} slaves linked, master ${now.master}`;
  element('rate').textContent = rate === undefined ? '–' : whole.format(rate);
  element('hits').textContent = hitRate === undefined ? '–' : percent(hitRate);
  element('bytes').textContent = bytes(now.aggregate.bytes);
  element('entries').textContent =
    `${whole.format(now.aggregate.entries)} subjects, hit rate since the start ${now.aggregate.hit_rate}`;
  element('slots').textContent = percent(1 - now.slots_missing / SLOTS);
  element('missing').textContent = `${whole.format(SLOTS - now.slots_missing)} of ${whole.format(SLOTS)}`;
  draw(element('rate-line'), rates, rate);
  draw(element('hits-line'), hitRates, hitRate, 1);
  element('slaves').replaceChildren(
    ...now.slaves.map((slave) =>
      row(
        slave,
        before?.slaves.find(({ node }) => node === slave.node),
        seconds,
      ),
    ),
  );
}

function row(slave, before, seconds) {
  const { cache } = slave;
  const lookups =
    cache && before?.cache && seconds > 0 ? lookupsOf(cache) - lookupsOf(before.cache) : undefined;
  const held = document.createElement('meter');
  held.max = SLOTS;
  held.value = slave.slots_held;
  const tr = document.createElement('tr');
  tr.append(
    cell(slave.address),
    cell(...stateOf(slave)),
    cell(held, `${whole.format(slave.slots_held)} (owns ${whole.format(slave.slots_owned)})`),
    cell(lookups === undefined || lookups < 0 ? '–' : whole.format(lookups / seconds)),
    cell(cache?.hit_rate ?? '–'),
    cell(cache ? bytes(cache.bytes) : '–'),
    cell(whole.format(slave.requests_under_way)),
    cell(whole.format(slave.seq)),
    cell(slave.behind === 0 ? '0' : whole.format(slave.behind)),
  );
  return tr;
}

function stateOf(slave) {
  const [text, kind] = !slave.linked
    ? [slave.reason || 'not linked', 'bad']
    : slave.breaker !== 'closed'
      ? [`breaker ${slave.breaker}`, 'bad']
      : slave.leaving
        ? ['leaving', 'warn']
        : slave.fresh
          ? ['fresh', 'good']
          : [`lagging, ${slave.stale_seconds} s`, 'warn'];
  const span = document.createElement('span');
  span.className = kind;
  span.textContent = text;
  return [span];
}

function cell(...content) {
  const td = document.createElement('td');
  td.append(...content);
  return td;
}

function lookupsOf(cache) {
  return cache.hits + cache.misses;
}

function recentHitRate(now, before) {
  const lookups = lookupsOf(now) - lookupsOf(before);
  return lookups > 0 ? Math.max(0, now.hits - before.hits) / lookups : undefined;
}

function draw(svg, values, value, top) {
  if (value === undefined) return;
  values.push(value);
  if (values.length > POINTS) values.shift();
  const max = top ?? Math.max(1, ...values);
  const step = 120 / (POINTS - 1);
  const from = POINTS - values.length;
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute(
    'points',
    values.map((at, i) => `${(from + i) * step},${31 - (30 * at) / max}`).join(' '),
  );
  svg.replaceChildren(line);
}

function state(text, kind) {
  const badge = element('state');
  badge.textContent = text;
  badge.className = `badge ${kind}`;
}

function percent(share) {
  return `${(100 * share).toFixed(2)}%`;
}

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

function choose() {
  const [method, , body] = EXAMPLES[element('path').selectedIndex];
  element('body').value = body === undefined ? '' : JSON.stringify(body, null, 2);
  element('body').disabled = method === 'GET';
}

function ask(event) {
  event.preventDefault();
  const [method, path] = EXAMPLES[element('path').selectedIndex];
  return showAnswer(method, path);
}

/** A link sends no key: what it leads to is shown on this page where one is in use. */
function followWithKey(event) {
  if (sessionStorage.getItem(KEY) === null) return;
  event.preventDefault();
  showAnswer('GET', event.currentTarget.getAttribute('href')).then(() => element('took').scrollIntoView());
}

async function showAnswer(method, path) {
  const startedAt = performance.now();
  try {
    const answer = await fetch(path, {
      method,
      headers: withKey(),
      ...(method === 'POST' ? { body: element('body').value } : {}),
    });
    const text = await answer.text();
    const ms = (performance.now() - startedAt).toFixed(1);
    element('took').textContent =
      `HTTP ${answer.status}, ${bytes(text.length)}, ${ms} ms, seq ${answer.headers.get('x-kamaitachi-seq') ?? '–'}`;
    element('answer').textContent = pretty(text).slice(0, SHOWN_CHARS);
  } catch (error) {
    element('took').textContent = `no answer: ${error.message}`;
    element('answer').textContent = '';
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it came.
    return text;
  }
}

element('path').append(
  ...EXAMPLES.map(([method, path]) => {
    const option = document.createElement('option');
    option.textContent = `${method} ${path}`;
    return option;
  }),
);
element('path').addEventListener('change', choose);
element('access').addEventListener('submit', useKey);
element('query').addEventListener('submit', ask);
for (const link of document.querySelectorAll('nav a.guarded')) link.addEventListener('click', followWithKey);
choose();
refresh();
