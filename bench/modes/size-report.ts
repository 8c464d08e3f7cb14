/** What was found about size, and how it is told. */

import type { BenchOptions } from '../options.ts';
import type { Histogram } from '../report/histogram.ts';
import { figure, ms, type Report } from '../report/report.ts';
import { barChart } from '../report/svg.ts';
import type { Ingested } from './ingest.ts';
import type { Sample } from './scenario-run.ts';

/** Small queries sent beside each work. */
export const PROBES_PER_SECOND = 100;

/** What small queries and event loops felt beside some work. */
export interface Beside {
  work: string;
  seconds: number;
  small: Histogram;
  errors: number;
  /** By process: the longest that its event loop stood still, and the longest that it ran meanwhile. */
  stalls: Map<string, Longest>;
}

/** Milliseconds. */
export interface Longest {
  stall: number;
  ran: number;
}

export interface OrderRun {
  ingested: Ingested;
  behindSeconds: number;
  beside: Beside;
}

/** µs in the database for three indicators of a subject of which nothing is known. */
export interface Cold {
  mean: number;
  /** The same for the first ones of all, which run code that is not compiled yet. */
  first: number;
}

export interface Memory {
  observations: number;
  bytesPerObservation: number;
  rowBytesPerObservation: number;
  /** Growth of the slaves' resident memory. */
  residentPerObservation: number;
}

export interface Fill {
  /** From listening to ready. */
  seconds: number;
  observations: number;
}

/** Milliseconds for the top 50 of all subjects, through the gateway. */
export interface Rankings {
  first: number;
  p50: number;
  p99: number;
}

/** What a run found. */
export interface Measured {
  byTime: OrderRun;
  bySubject: OrderRun;
  cold: Cold;
  memory: Memory;
  rankings: Rankings;
  besides: Beside[];
  fills: Fill[];
}

export function reportOf(
  options: BenchOptions,
  sample: Sample,
  measured: Measured,
  faults: string[],
): Report {
  const { byTime, bySubject, cold, memory, rankings, fills } = measured;
  const total = totalOf(sample);
  const besides = [bySubject.beside, byTime.beside, ...measured.besides];
  const ingestRow = (order: string, { ingested, behindSeconds }: OrderRun) => [
    `ingest in ${order} order, acknowledged`,
    `${figure(ingested.observations / ingested.seconds)} observations/s`,
    `${figure(ingested.bytes / 2 ** 20)} MiB in ${figure(ingested.seconds)} s; slaves there ${figure(behindSeconds)} s later`,
  ];
  return {
    name: 'size',
    title: `${figure(total)} observations`,
    command: options.command,
    sections: [
      {
        title: 'Figures',
        text:
          `${figure(sample.subjects)} subjects × ${sample.indicators} indicators × ${sample.quarters} quarters, ` +
          `${options.slaves?.[0] ?? 2} slaves, ${options.replicas ?? 1} replica`,
        headers: ['what', 'figure', ''],
        rows: [
          ingestRow('subject', bySubject),
          ingestRow('time', byTime),
          ...fills.map(({ seconds, observations }, i) => [
            i === 0 ? 'a slave over an empty folder fills its part' : 'one slave more fills its part',
            `${figure(seconds)} s`,
            `${figure(observations)} observations, ${figure(observations / seconds)}/s`,
          ]),
          [
            `cold look-up, 3 indicators × ${sample.quarters}`,
            `${figure(cold.mean, 1)} µs`,
            `in the database, one after the other, once the code is compiled; the first ones ${figure(cold.first, 1)} µs`,
          ],
          [
            'memory a cached observation',
            `${figure(memory.bytesPerObservation, 1)} bytes`,
            `of ${figure(memory.observations)}; encoded rows ${figure(memory.rowBytesPerObservation, 1)} more; ` +
              `processes grew by ${figure(memory.residentPerObservation, 1)}`,
          ],
          [
            `top 50 of ${figure(sample.subjects)}, warm`,
            `p50 ${figure(rankings.p50)} ms`,
            `p99 ${figure(rankings.p99)} ms through the gateway; first time ${figure(rankings.first)} ms`,
          ],
        ],
      },
      {
        title: 'Small queries beside it',
        text: `${PROBES_PER_SECOND} a second, latency counted from when they were due`,
        headers: ['beside', 'seconds', 'queries', 'errors', 'p50 ms', 'p99 ms', 'max ms'],
        rows: besides.map(({ work, seconds, small, errors }) => [
          work,
          figure(seconds),
          small.count,
          errors,
          ms(small.percentile(50)),
          ms(small.percentile(99)),
          ms(small.max),
        ]),
      },
      {
        title: 'Longest stall of each event loop (ms)',
        text: 'and in brackets the longest that its thread ran in one: the rest is waiting for a core',
        headers: ['beside', 'stalls'],
        rows: besides.map(({ work, stalls }) => [
          work,
          [...stalls].map(([name, { stall, ran }]) => `${name} ${figure(stall)} (${figure(ran)})`).join(', '),
        ]),
      },
    ],
    raw: { options, sample, measured: plain(measured) },
    charts: [
      {
        name: 'size',
        svg: barChart(
          'p99 of a small query beside …',
          'ms',
          besides.map(({ work, small }) => ({ label: work, value: small.percentile(99) / 1000 })),
        ),
      },
    ],
    faults: [
      ...faults,
      ...besides.flatMap(({ work, errors }) => (errors > 0 ? [`${errors} errors beside ${work}`] : [])),
    ],
  };
}

/** Maps as objects, for JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, one) => (one instanceof Map ? Object.fromEntries(one) : one)));
}

export function totalOf({ subjects, indicators, quarters }: Sample): number {
  return subjects * indicators * quarters;
}
