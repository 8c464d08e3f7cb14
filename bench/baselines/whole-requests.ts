/**
 * A slave whose cache knows whole requests only, as KamaitachiGo's inner cache does: the same subjects with other
 * indicators, or in another order, are a miss, and every write makes all answers old. Else it is the product's slave:
 * the same file, feed, encoder and link.
 */
import { LRUCache } from 'lru-cache';
import { runProcess } from '../../shared/adapter/node-process.ts';
import { namedSubjects } from '../../shared/query/query.ts';
import { SubjectCache } from '../../slave/cache/cache.ts';
import { startSlave } from '../../slave/start.ts';
import { type PartAnswer, Slave } from '../../slave/state/slave.ts';

const MAX_BYTES = 512 * 1024 * 1024;

const answers = new LRUCache<string, PartAnswer>({ maxSize: MAX_BYTES });
const { answer } = Slave.prototype;
const { clear } = SubjectCache.prototype;

/** Whoever empties the cache means this one too. */
SubjectCache.prototype.clear = function () {
  answers.clear();
  clear.call(this);
};

Slave.prototype.answer = function (part, isWanted) {
  const key = JSON.stringify([part.query, part.slots, part.whole]);
  const { cache } = this.sources;
  const known = answers.get(key);
  const { seq, staleSeconds } = this.state();
  if (known !== undefined && known.seq >= Math.max(seq, part.minSeq)) {
    const lookups = namedSubjects(part.query)?.length ?? 1;
    cache.countHits(lookups, lookups * ('ids' in part.query ? part.query.ids.length : 0));
    return { ...known, staleSeconds };
  }
  // What a subject's entry would know must not help the next request.
  clear.call(cache);
  const made = answer.call(this, part, isWanted);
  if (made instanceof Promise) return made;
  answers.set(key, made, { size: key.length + made.length });
  return made;
};

await runProcess('slave', 'node bench/baselines/whole-requests.ts', startSlave);
