/** What a slave tells Prometheus. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Slave } from './slave.ts';

export interface SlaveMetrics {
  contentType: string;
  text(): Promise<string>;
}

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
  read(
    'kamaitachi_cache_hits_total',
    'Look-ups that needed nothing from the database',
    () => cache.counters.hits,
  );
  read('kamaitachi_cache_misses_total', 'Look-ups that read from the database', () => cache.counters.misses);
  read(
    'kamaitachi_cache_partial_hits_total',
    'Misses that found some of what they needed',
    () => cache.counters.partial_hits,
  );
  read('kamaitachi_cache_evictions_total', 'Entries pushed out by others', () => cache.counters.evictions);
  read(
    'kamaitachi_cache_read_seconds_total',
    'Time spent in the database by misses',
    () => cache.counters.read_seconds,
  );
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
