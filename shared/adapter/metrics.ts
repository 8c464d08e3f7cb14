/** Metrics of a part in Prometheus' words: values are read when Prometheus asks, so that counting costs next to nothing. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../base/version.ts';

/** Says a value, with its labels where the metric has some. */
export type Say = (value: number, labels?: Record<string, string>) => void;

export interface Metrics {
  registry: Registry;
  /** Only grows while the process lives; the name ends in `_total`. */
  counter(name: string, help: string, labels: readonly string[], collect: (say: Say) => void): void;
  gauge(name: string, help: string, labels: readonly string[], collect: (say: Say) => void): void;
}

/** `role`: `gateway`, `slave`, `master`. */
export function createMetrics(role: string, eventLoopMonitoringPrecision?: number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision });
  // Gauges that are named like counters, which Prometheus warns of; the ones by kind say the same.
  for (const name of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${name}_total`);
  const metrics: Metrics = {
    registry,
    counter(name, help, labelNames, collect) {
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          collect((value, labels = {}) => this.inc(labels, value));
        },
      });
    },
    gauge(name, help, labelNames, collect) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          collect((value, labels = {}) => this.set(labels, value));
        },
      });
    },
  };
  metrics.gauge('kamaitachi_build_info', 'Always 1; the labels say what runs', ['role', 'version'], (say) =>
    say(1, { role, version: VERSION }),
  );
  return metrics;
}
