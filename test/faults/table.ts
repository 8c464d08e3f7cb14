/** What the experiments found, as a Markdown table. */
import type { Experiment, Finding, Latency } from './experiment.ts';
import { keptItsPace } from './scene.ts';

const HEAD = [
  '| | what was done | requests | failed | wrong | p50 / p99 calm, ms | p50 / p99 outside the 2 s, ms | recovered | held | |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
];

export function tableOf(
  rows: readonly { experiment: Experiment; finding: Finding }[],
  command: string,
): string {
  const lines = rows.map(({ experiment, finding }) => rowOf(experiment, finding));
  return [`\`${command}\``, '', ...HEAD, ...lines, ''].join('\n');
}

function rowOf({ number, name, isLaw }: Experiment, finding: Finding): string {
  const { requests, failed, wrong, calm, after, recoveryMs, notes, breaches, skipped } = finding;
  const held = skipped !== undefined ? 'not run' : breaches.length === 0 ? 'yes' : '**no**';
  const pace = isLaw && keptItsPace(finding) === false ? ['p99 over the bound'] : [];
  const remarks = [...(skipped === undefined ? [] : [skipped]), ...breaches, ...pace, ...notes];
  const cells = [
    String(number),
    name,
    requests > 0 ? grouped(requests) : '',
    requests > 0 ? grouped(failed) : '',
    requests > 0 ? grouped(wrong) : '',
    shown(calm),
    shown(after),
    recoveryMs === undefined ? '' : `${(recoveryMs / 1000).toFixed(1)} s`,
    held,
    remarks.join('; ').replaceAll('|', '\\|'),
  ];
  return `| ${cells.join(' | ')} |`;
}

function shown(latency: Latency | undefined): string {
  return latency === undefined ? '' : `${latency.p50.toFixed(1)} / ${latency.p99.toFixed(1)}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
