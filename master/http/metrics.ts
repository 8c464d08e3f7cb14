/** What the master tells Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineState } from '../engine/engine.ts';
import type { Slaves } from '../registry/slaves.ts';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(state: () => EngineState, slaves: Slaves, members: () => number) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('kamaitachi_seq', 'Newest write', () => state().head);
  gauge('kamaitachi_folded_seq', 'Writes up to this seq are folded into chunks', () => state().folded);
  gauge('kamaitachi_log_floor_seq', 'The log holds everything after this seq', () => state().floor);
  gauge('kamaitachi_log_bytes', 'Size of the log on disk', () => state().logBytes);
  gauge('kamaitachi_unfolded_bytes', 'Log that is not folded yet', () => state().unfoldedBytes);
  gauge('kamaitachi_writable', '1 while writes can be stored', () => (state().writable ? 1 : 0));
  gauge('kamaitachi_folding_failed', '1 while the log cannot be folded into chunks', () =>
    state().foldingFailed ? 1 : 0,
  );
  gauge(
    'kamaitachi_damaged_slots',
    'Slots seen whose data are not as they were written',
    () => state().damagedSlots,
  );
  gauge('kamaitachi_registry_members', 'Members that hold a lease', members);
  new Gauge({
    name: 'kamaitachi_slave_lag_seconds',
    help: 'How long a slave has been behind the newest write',
    labelNames: ['node'],
    registers,
    collect() {
      this.reset();
      for (const { node, lagMs, live } of slaves.list()) if (live) this.set({ node }, lagMs / 1000);
    },
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    requests: new Counter({
      name: 'kamaitachi_http_requests_total',
      help: 'Requests by route and status',
      labelNames: ['route', 'status'],
      registers,
    }),
    lines: new Counter({ name: 'kamaitachi_ingest_lines_total', help: 'Lines accepted', registers }),
    ingestSeconds: new Histogram({
      name: 'kamaitachi_ingest_seconds',
      help: 'From the last byte of a write to its answer',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    feedBytes: new Counter({
      name: 'kamaitachi_feed_bytes_total',
      help: 'Bytes of the feed sent, by kind of page',
      labelNames: ['kind'],
      registers,
    }),
  };
}
