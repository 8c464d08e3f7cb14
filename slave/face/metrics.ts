/** What a slave tells Prometheus. */
import { statSync } from 'node:fs';
import { createMetrics } from '../../shared/adapter/metrics.ts';
import type { CacheCounters } from '../cache/cache.ts';
import type { Slave } from '../state/slave.ts';

export interface SlaveMetrics {
  contentType: string;
  text(): Promise<string>;
}

const COUNTERS: Record<keyof CacheCounters, string> = {
  hits: 'Look-ups of a subject that needed nothing from the database',
  misses: 'Look-ups of a subject that read from the database',
  partial_hits: 'Misses that found some of what they needed in the cache',
  cell_hits: 'Columns of look-ups that the cache knew',
  cell_misses: 'Columns of look-ups that were read from the database',
  cell_partial_hits: 'Missed columns of which the cache knew some of the time',
  evictions: 'Subjects removed from the cache to make room for others',
  read_seconds: 'Time that misses spent in the database',
};

/** `databasePath`: the slave's file. */
export function createSlaveMetrics(slave: Slave, links: () => number, databasePath: string): SlaveMetrics {
  const { registry, counter, gauge } = createMetrics('slave');
  const { cache, directory } = slave.sources;
  for (const [name, help] of Object.entries(COUNTERS) as [keyof CacheCounters, string][])
    counter(`kamaitachi_cache_${name}_total`, help, [], (say) => say(cache.counters[name]));
  gauge('kamaitachi_cache_entries', 'Subjects in the cache', [], (say) => say(cache.size));
  gauge('kamaitachi_cache_bytes', 'Memory of cached data and encoded rows', [], (say) => say(cache.bytes));
  gauge('kamaitachi_cache_max_bytes', 'Memory that the cache may take (--cache-bytes)', [], (say) =>
    say(cache.maxBytes),
  );
  gauge('kamaitachi_subjects', 'Subjects in the slots that this slave holds', [], (say) =>
    say(directory.size),
  );
  gauge('kamaitachi_slots_ready', 'Slots that this slave answers for', [], (say) =>
    say(slave.slots.ready.size),
  );
  gauge(
    'kamaitachi_slots_filling',
    'Slots that this slave owns and still copies from the master',
    [],
    (say) => say(slave.slots.filling().length),
  );
  gauge('kamaitachi_seq', 'Every write up to this seq is applied', [], (say) => say(slave.seq));
  gauge('kamaitachi_stale_seconds', 'Time since the master was last heard; 0 while fresh', [], (say) =>
    say(slave.state().staleSeconds),
  );
  gauge('kamaitachi_database_bytes', "Size of the slave's database file", [], (say) =>
    say(statSync(databasePath, { throwIfNoEntry: false })?.size ?? 0),
  );
  const { soundness } = slave;
  counter('kamaitachi_slots_verified_total', 'Slots compared with the master', [], (say) =>
    say(soundness.verified),
  );
  counter(
    'kamaitachi_slots_refilled_total',
    'Slots copied again because they were damaged or differed from the master',
    [],
    (say) => say(soundness.refilled),
  );
  counter(
    'kamaitachi_files_set_aside_total',
    'Database files that were damaged and replaced by an empty one',
    [],
    (say) => say(soundness.files),
  );
  gauge('kamaitachi_links', 'Gateways that are linked to this slave', [], (say) => say(links()));
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
