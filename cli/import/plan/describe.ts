/** A plan in words, and as the options that say the same. */
import type { ImportOptions } from '../import-options.ts';
import { listed, shellWord } from './columns.ts';
import type { Plan } from './plan.ts';

/** A line each. */
export function describe(plan: Plan): string[] {
  const name = (at: number): string => `"${plan.columns[at]}"`;
  const { subject, time, long, declared, indicator, member } = plan;
  const says: string[] = [];
  if (member !== undefined)
    says.push(
      `members of ${member.topic}; from ${name(member.from.at)}${member.to.at < 0 ? '' : `, to ${name(member.to.at)} (the first day that is outside)`}`,
    );
  else
    says.push(
      `layout ${plan.layout}; time ${[time && `${time.at.map(name).join(' and ')} as ${time.format}`, plan.layout === 'times' && 'in the headings'].filter(Boolean).join(' and ')}`,
    );
  if (member?.index !== undefined)
    says.push(`the index is ${member.index.name}, as ${name(member.index.at)} says`);
  if (subject !== undefined)
    says.push(
      'at' in subject
        ? `subject ${subject.at.map(name).join(':')}`
        : `subject ${subject.name}, for the whole file`,
    );
  if (declared !== undefined)
    says.push(
      `declared ${declared.at.map(name).join(' or ')}${declared.at.length > 1 ? ', the latest that is set' : ''}`,
    );
  if (plan.period !== undefined) says.push(`period code ${name(plan.period)}`);
  for (const { field, at } of plan.info) says.push(`${field} of the subject ${name(at)}`);
  if (long !== undefined) says.push(`indicator ${name(long.indicator)}, value ${name(long.value)}`);
  if (typeof indicator === 'object') says.push(`indicator ${name(indicator.at)}`);
  else if (indicator !== undefined)
    says.push(
      `indicator ${indicator}, for the whole file${plan.named.indicator ? ', as the file is called (--indicator names another)' : ''}`,
    );
  const kind = plan.layout === 'matrix' ? 'subject' : plan.layout === 'times' ? 'time' : 'indicator';
  if (plan.values.length > 0) says.push(`${kind}s ${listed(plan.values.map(({ name }) => name))}`);
  for (const { at, name: to } of plan.values)
    if (plan.columns[at] !== to) says.push(`${name(at)} becomes ${kind} ${to}`);
  if (plan.decimal === ',') says.push('numbers with a decimal comma');
  says.push(...plan.notes);
  if (plan.otherDates.length > 0)
    says.push(
      `dates that are not used: ${listed(plan.otherDates.map((at) => plan.columns[at]))} (--declared-column ${shellWord(plan.columns[plan.otherDates[0]])} would take it for when the values became public)`,
    );
  const used = new Set(usedColumns(plan));
  const left = plan.columns.filter((_, at) => !used.has(at) && !plan.otherDates.includes(at));
  if (left.length > 0) says.push(`not imported: ${listed(left)} (name them in --columns to import them)`);
  return says;
}

function usedColumns(plan: Plan): number[] {
  const { subject, time, declared, period, long, indicator, member } = plan;
  return [
    time?.at ?? [],
    subject !== undefined && 'at' in subject ? subject.at : [],
    declared?.at ?? [],
    plan.values.map(({ at }) => at),
    plan.info.map(({ at }) => at),
    period ?? [],
    long === undefined ? [] : [long.indicator, long.value],
    typeof indicator === 'object' ? indicator.at : [],
    member === undefined ? [] : [member.from.at, member.to.at, member.index?.at ?? []].flat(),
  ].flat();
}

/** The command line that says the guess in full, without the files. */
export function commandLine(plan: Plan, options: ImportOptions): string {
  const columns = (at: readonly number[]): string => items(at.map((i) => plan.columns[i]));
  const words: string[] = [];
  const add = (option: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') words.push(`--${option}`, shellWord(value));
  };
  const { subject, time, declared, long, indicator, member, layout } = plan;
  if (member !== undefined) {
    add('member-topic', member.topic);
    add('from-column', plan.columns[member.from.at]);
    add('to-column', plan.columns[member.to.at]);
  } else add('layout', layout);
  if (subject !== undefined)
    if ('at' in subject) add('subject-column', columns(subject.at));
    else if (!plan.named.subject) add('subject', subject.name);
  if (time !== undefined && layout !== 'times') {
    add('time-column', columns(time.at));
    add('time-format', time.option);
  }
  if (declared === undefined) words.push('--no-declared');
  else add('declared-column', columns(declared.at));
  if (long !== undefined) {
    add('indicator-column', plan.columns[long.indicator]);
    add('value-column', plan.columns[long.value]);
  }
  if (typeof indicator === 'object') add('indicator-column', plan.columns[indicator.at]);
  else if (!plan.named.indicator) add('indicator', indicator);
  const named = ({ at, name }: Plan['values'][number]): string =>
    layout !== 'wide' || name === plan.columns[at] ? plan.columns[at] : `${plan.columns[at]}=${name}`;
  if (long === undefined && plan.values.length > 0) add('columns', items(plan.values.map(named)));
  else if (options.columns !== undefined) add('columns', items(options.columns));
  if (member === undefined) add('decimal', plan.decimal);
  add('missing', options.missing && items(options.missing));
  add('numbers', options.numbers?.join(','));
  add('topic', plan.topic);
  if (options.periodEnd) words.push('--period-end');
  add('table', options.table);
  add('sheet', options.sheet);
  add('skip', options.skip?.toString());
  add('encoding', options.encoding);
  add('json-path', options.jsonPath);
  return words.join(' ');
}

/** A list as the options take it: an item with a comma or a quote in it stands in quotes. */
function items(list: readonly string[]): string {
  return list.map((item) => (/[",]|^\s|\s$/.test(item) ? `"${item.replaceAll('"', '""')}"` : item)).join(',');
}
