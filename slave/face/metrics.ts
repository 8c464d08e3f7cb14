/** What a slave tells Prometheus. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CacheCounters } from '../cache/cache.ts';
import type { Slave } from '../state/slave.ts';

export interface SlaveMetrics {
  contentType: string;
  text(): Promise<string>;
}

const COUNTERS: Record<keyof CacheCounters, string> = {
  hits: 'Look-ups that needed nothing from the database',
  misses: 'Look-ups that read from the database',
  partial_hits: 'Misses that found some of what they needed',
  cell_hits: 'Columns of look-ups that were known',
  cell_misses: 'Columns of look-ups that were read from the database',
  cell_partial_hits: 'Missed columns with some of their stretch of time known',
  evictions: 'Entries pushed out by others',
  read_seconds: 'Time spent in the database by misses',
};

export function createMetrics(slave: Slave, links: () => number): SlaveMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { cache, directory } = slave.sources;
  const read = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  for (const [name, help] of Object.entries(COUNTERS) as [keyof CacheCounters, string][])
    read(`kamaitachi_cache_${name}_total`, help, () => cache.counters[name]);
  read('kamaitachi_cache_entries', 'Subjects in the cache', () => cache.size);
  read('kamaitachi_cache_bytes', 'Bytes of cached data and encoded rows', () => cache.bytes);
  read('kamaitachi_subjects', 'Subjects in the slots held', () => directory.size);
  read('kamaitachi_slots_ready', 'Slots that are held ready', () => slave.slots.ready.size);
  read(
    'kamaitachi_slots_filling',
    'Slots that are owned and still filling',
    () => slave.slots.filling().length,
  );
  read('kamaitachi_seq', 'Everything up to this seq is applied', () => slave.seq);
  read(
    'kamaitachi_stale_seconds',
    'Seconds since the master was last heard, 0 while fresh',
    () => slave.state().staleSeconds,
  );
  const { soundness } = slave;
  read('kamaitachi_slots_verified_total', 'Slots compared with the master', () => soundness.verified);
  read(
    'kamaitachi_slots_refilled_total',
    'Slots filled again because they were damaged or differed',
    () => soundness.refilled,
  );
  read(
    'kamaitachi_files_set_aside_total',
    'Files that were damaged and replaced by a new one',
    () => soundness.files,
  );
  read('kamaitachi_links', 'Gateways linked', links);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
