/** The gateway's counts in Prometheus' words. Only asking for them costs anything. */
import { createMetrics, type Metrics } from '../../shared/adapter/metrics.ts';
import type { Measured } from '../gateway.ts';
import { BUCKETS, type RouteCounts } from '../http/metrics.ts';

export function createPrometheus({
  requests,
  cluster,
  reads,
  budget,
  bodies,
  writing,
  edge,
  access,
}: Measured): () => Promise<{
  text: string;
  contentType: string;
}> {
  const metrics = createMetrics('gateway', 20);
  const { registry } = metrics;
  const counter: Metrics['counter'] = (name, ...rest) =>
    metrics.counter(`kamaitachi_gateway_${name}`, ...rest);
  const gauge: Metrics['gauge'] = (name, ...rest) => metrics.gauge(`kamaitachi_gateway_${name}`, ...rest);

  counter('requests_total', 'Requests by route and status', ['method', 'route', 'status'], (add) => {
    for (const { method, route, byStatus } of requests.routes)
      for (const [status, count] of byStatus) add(count, { method, route, status: String(status) });
  });
  counter('bugs_total', 'Errors that nobody should see', [], (add) => add(requests.bugs));
  counter('refused_total', 'Requests refused for want of a right API key', ['reason'], (add) => {
    for (const [reason, count] of Object.entries(access.counts)) add(count, { reason });
  });
  gauge('keys', 'API keys that are known', [], (set) => set(access.options.keys?.size ?? 0));
  counter('limited_total', 'Requests over a rate limit', ['class'], (add) => {
    for (const { rateClass, limited } of access.options.limits?.counts() ?? [])
      add(limited, { class: rateClass });
  });
  gauge('limited_clients', 'Clients whose rate is remembered', ['class'], (set) => {
    for (const { rateClass, clients } of access.options.limits?.counts() ?? [])
      set(clients(), { class: rateClass });
  });
  counter('parts_total', 'Parts of queries sent to slaves', [], (add) => add(reads.attempts.parts));
  counter('retries_total', 'Parts sent again to another slave', [], (add) => add(reads.attempts.retries));
  counter('retries_refused_total', 'Parts not sent again since too many were', [], (add) =>
    add(reads.attempts.retriesRefused),
  );
  counter('shed_total', 'Reads refused since too many were under way', [], (add) =>
    add(reads.admission.shed),
  );
  counter('hedges_total', 'Parts sent to a second slave because the first was slow', [], (add) =>
    add(reads.attempts.hedges),
  );
  counter('edge_hits_total', 'Answers given from the edge cache', [], (add) => add(edge?.hits ?? 0));
  gauge('edge_entries', 'Answers in the edge cache', [], (set) => set(edge?.size ?? 0));
  gauge('edge_bytes', 'Size of the edge cache', [], (set) => set(edge?.bytes ?? 0));
  gauge('reads_under_way', 'Reads that are being answered', [], (set) => set(reads.admission.underWay));
  gauge('reads_under_way_limit', 'Reads under way beyond which more are refused', [], (set) =>
    set(reads.admission.most),
  );
  gauge('answer_budget_used_bytes', 'Large answers held at once', [], (set) => set(budget.usedBytes));
  gauge('answer_budget_waiting', 'Large answers that wait for room', [], (set) => set(budget.waiting));
  gauge('body_budget_used_bytes', 'Bodies of requests held at once', [], (set) =>
    set(bodies.budget.usedBytes),
  );
  gauge('body_budget_waiting', 'Bodies of requests that wait for room', [], (set) =>
    set(bodies.budget.waiting),
  );
  gauge('answers_being_written', 'Large answers on their way to clients', [], (set) => set(writing.underWay));
  counter('answers_broken_off_total', 'Large answers that failed in the middle', [], (add) =>
    add(writing.brokenOff),
  );
  counter('answers_given_up_total', 'Large answers that clients did not take', [], (add) =>
    add(writing.givenUp),
  );
  gauge('slots_missing', 'Slots without a ready holder: reads of them fail', [], (set) =>
    set(cluster.missing()),
  );
  gauge(
    'slots_under_replicated',
    'Slots with fewer ready holders than they should have (--replicas)',
    [],
    (set) => set(cluster.underReplicated()),
  );
  gauge('slave_linked', 'Whether a slave is linked', ['slave'], (set) => {
    for (const { id, link } of cluster.all()) set(link.isOpen ? 1 : 0, { slave: id });
  });
  gauge('slave_seq', 'How far a slave is', ['slave'], (set) => {
    for (const { id, seq } of cluster.all()) set(seq, { slave: id });
  });
  gauge('slave_slots_held', 'Slots that a slave holds ready', ['slave'], (set) => {
    for (const { id, ready } of cluster.all()) set(ready.size, { slave: id });
  });
  gauge('slave_requests_under_way', 'Parts under way at a slave', ['slave'], (set) => {
    for (const { id, load } of cluster.all()) set(load, { slave: id });
  });
  counter('slave_failures_total', 'Parts that a slave failed', ['slave'], (add) => {
    for (const { id, failed } of cluster.all()) add(failed, { slave: id });
  });
  gauge('slave_breaker_open', 'Whether a breaker is not closed', ['slave'], (set) => {
    for (const { id, breaker } of cluster.all()) set(breaker.kind === 'closed' ? 0 : 1, { slave: id });
  });

  return async () => ({
    text: `${await registry.metrics()}\n${histogramText(requests.routes)}`,
    contentType: registry.contentType,
  });
}

const HISTOGRAM = 'kamaitachi_gateway_request_duration_seconds';

/** prom-client's own histogram costs a hash of the labels for every request; these buckets are counted already. */
function histogramText(routes: readonly RouteCounts[]): string {
  const lines = [`# HELP ${HISTOGRAM} Time from request to answer`, `# TYPE ${HISTOGRAM} histogram`];
  for (const { method, route, buckets, seconds } of routes) {
    const labels = `method="${method}",route="${route}"`;
    let count = 0;
    const perBucket: string[] = [];
    buckets.forEach((inBucket, i) => {
      count += inBucket;
      perBucket.push(`${HISTOGRAM}_bucket{le="${BUCKETS[i] ?? '+Inf'}",${labels}} ${count}`);
    });
    if (count === 0) continue;
    lines.push(
      ...perBucket,
      `${HISTOGRAM}_sum{${labels}} ${seconds}`,
      `${HISTOGRAM}_count{${labels}} ${count}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
