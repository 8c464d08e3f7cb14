/** Latencies around faults: calm before the first, the two seconds after each, and the rest. */
import type { Latency } from './experiment.ts';
import type { Sample } from './load.ts';

export const SHOCK_MS = 2_000;
/** The law: p99 outside the shock stays below this, or ten times the calm one. */
export const LEAST_BOUND_MS = 50;

/** Undefined where nothing was asked. */
export interface Phases {
  calm: Latency | undefined;
  during: Latency | undefined;
  after: Latency | undefined;
}

export function phasesOf(samples: readonly Sample[], faultsAt: readonly number[]): Phases {
  const first = faultsAt[0] ?? Infinity;
  const calm: number[] = [];
  const during: number[] = [];
  const after: number[] = [];
  for (const { dueAt, ms } of samples) {
    if (dueAt + ms < first) calm.push(ms);
    else if (isShocked(dueAt, ms, faultsAt)) during.push(ms);
    else after.push(ms);
  }
  return { calm: latencyOf(calm), during: latencyOf(during), after: latencyOf(after) };
}

/** What was due between a fault and the next one. */
export function stretchOf(samples: readonly Sample[], from: number, to = Infinity): Omit<Phases, 'calm'> {
  const own = samples.filter(({ dueAt }) => dueAt >= from && dueAt < to);
  const isShock = ({ dueAt }: Sample) => dueAt < from + SHOCK_MS;
  return {
    during: latencyOf(own.filter(isShock).map(({ ms }) => ms)),
    after: latencyOf(own.filter((sample) => !isShock(sample)).map(({ ms }) => ms)),
  };
}

export function boundOf({ p99 }: Latency): number {
  return Math.max(10 * p99, LEAST_BOUND_MS);
}

export function latencyOf(values: readonly number[]): Latency | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

/** Sent in the shock of a fault, or under way when it struck. */
function isShocked(dueAt: number, ms: number, faultsAt: readonly number[]): boolean {
  return faultsAt.some((at) => dueAt < at + SHOCK_MS && dueAt + ms >= at);
}
