/** The state of the cluster in words: from what the gateway counts to sentences, the worst first. */
import { whole } from './format.js';
import { t } from './texts.js';

/** All that is wrong: `[{kind: 'bad' | 'warn', text}]`. A master that is away comes first: nobody can write. */
export function problemsOf(nodes) {
  const problems = [];
  const say = (kind, text) => problems.push({ kind, text });
  if (!nodes.master.writes) say('bad', t('masterAway'));
  if (nodes.slaves.length === 0) say('bad', t('noSlaves'));
  else if (nodes.slots_missing > 0)
    say('bad', t('slotsMissing', { n: whole(nodes.slots_missing), all: whole(nodes.slots) }));
  for (const slave of nodes.slaves) {
    const { kind, text } = slaveState(slave);
    // That nobody hears the master is said once.
    if (kind === 'good' || (!nodes.master.writes && isLagging(slave))) continue;
    say(kind, t('slaveIs', { slave: slave.address, state: text }));
  }
  return problems;
}

export function slaveState(slave) {
  if (!slave.linked) return { kind: 'bad', text: t('away', { reason: slave.reason || t('noLink') }) };
  if (slave.breaker !== 'closed') return { kind: 'bad', text: t('breaker', { state: slave.breaker }) };
  if (slave.leaving) return { kind: 'warn', text: t('leaving') };
  if (isLagging(slave)) return { kind: 'warn', text: t('lagging', { s: whole(slave.stale_seconds) }) };
  if (slave.slots_filling > 0) return { kind: 'warn', text: t('filling', { n: whole(slave.slots_filling) }) };
  if (slave.slow) return { kind: 'warn', text: t('slow') };
  if (slave.cache === null) return { kind: 'warn', text: t('noNumbers') };
  return { kind: 'good', text: t('fresh') };
}

export function masterState({ writes, reason }) {
  return writes ? { kind: 'good', text: t('takesWrites') } : { kind: 'bad', text: t('noWrites', { reason }) };
}

function isLagging({ linked, fresh, leaving }) {
  return linked && !fresh && !leaving;
}
