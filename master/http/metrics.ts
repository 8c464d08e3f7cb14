/** What the master tells Prometheus. */
import { statSync } from 'node:fs';
import { Counter, Histogram } from 'prom-client';
import { createMetrics } from '../../shared/adapter/metrics.ts';
import type { EngineState } from '../engine/engine.ts';
import type { Slaves } from '../registry/slaves.ts';

export type MasterMetrics = ReturnType<typeof createMasterMetrics>;

/** `databasePath`: undefined where the database is on a server. */
export function createMasterMetrics(
  state: () => EngineState,
  slaves: Slaves,
  members: () => number,
  databasePath: string | undefined,
) {
  const { registry, gauge } = createMetrics('master');
  const registers = [registry];
  gauge('kamaitachi_seq', 'Seq of the newest write', [], (say) => say(state().head));
  gauge('kamaitachi_folded_seq', 'Writes up to this seq are folded into chunks', [], (say) =>
    say(state().folded),
  );
  gauge('kamaitachi_log_floor_seq', 'The log holds every write after this seq', [], (say) =>
    say(state().floor),
  );
  gauge('kamaitachi_log_bytes', 'Size of the log on disk', [], (say) => say(state().logBytes));
  gauge('kamaitachi_unfolded_bytes', 'Log entries that are not folded into chunks yet', [], (say) =>
    say(state().unfoldedBytes),
  );
  gauge('kamaitachi_writable', '1 while writes can be stored', [], (say) => say(state().writable ? 1 : 0));
  gauge('kamaitachi_folding_failed', '1 while the log cannot be folded into chunks', [], (say) =>
    say(state().foldingFailed ? 1 : 0),
  );
  gauge('kamaitachi_damaged_slots', 'Slots with data that failed their checksum', [], (say) =>
    say(state().damagedSlots),
  );
  gauge('kamaitachi_registry_members', 'Members that hold a lease', [], (say) => say(members()));
  gauge('kamaitachi_database_bytes', 'Size of the database file; 0 on a libSQL server', [], (say) =>
    say(databasePath === undefined ? 0 : (statSync(databasePath, { throwIfNoEntry: false })?.size ?? 0)),
  );
  gauge(
    'kamaitachi_slave_lag_seconds',
    'How long a slave has been behind the newest write',
    ['node'],
    (say) => {
      for (const { node, lagMs, live } of slaves.list()) if (live) say(lagMs / 1000, { node });
    },
  );
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
