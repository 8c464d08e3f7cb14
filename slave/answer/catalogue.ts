/** What there is: topics, indicators, subjects. */
import { knownAt, momentOf } from '../../shared/answer/encode.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { asciiJson, compareText } from '../../shared/base/text.ts';
import { isMember } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { Query, SubjectsQuery } from '../../shared/query/query.ts';
import type { Subject } from '../cache/directory.ts';
import { type Answer, headerOnly, Rows, type Sources, SUBJECTS_A_STEP, type Work } from './rows.ts';
import { Top } from './top.ts';

export function* catalogue(sources: Sources, query: Query, slots: SlotSet, whole: boolean): Work<Answer> {
  switch (query.kind) {
    case 'topics':
      return headerOnly({ kind: 'topics', topics: yield* topicSizes(sources, slots) });
    case 'indicators':
      return headerOnly({ kind: 'indicators', indicators: yield* indicatorSpans(sources, slots) });
    case 'subjects':
      return yield* listSubjects(sources, query, slots, whole);
    default:
      throw new KamaitachiError('bad_request', `query: unknown kind ${query.kind}`);
  }
}

function* topicSizes({ directory }: Sources, slots: SlotSet): Work<Record<string, number>> {
  const sizes: Record<string, number> = Object.create(null);
  let steps = 0;
  for (const topic of directory.topicNames()) {
    for (const { slot, info } of directory.everMembers(topic)) {
      if (slots.has(slot))
        sizes[topic] = (sizes[topic] ?? 0) + (isMember(info, topic, Infinity, Infinity) ? 1 : 0);
      if (++steps % (SUBJECTS_A_STEP * 64) === 0) yield;
    }
  }
  return sizes;
}

function* indicatorSpans(
  { directory, reader, cache }: Sources,
  slots: SlotSet,
): Work<Record<string, [number, number, number]>> {
  const spans: Record<string, [number, number, number]> = Object.create(null);
  let steps = 0;
  for (const slot of slots) {
    if (!directory.hasSlot(slot)) continue;
    const counted = new Map<string, string>();
    for (const { subject, summary } of reader.summaries(slot, cache.resets)) {
      for (const [indicator, span] of Object.entries(summary)) {
        if (span.length === 0 || indicator === 'period') continue;
        const known = spans[indicator];
        const isNew = counted.get(indicator) !== subject ? 1 : 0;
        counted.set(indicator, subject);
        spans[indicator] = known
          ? [known[0] + isNew, Math.min(known[1], span[0]), Math.max(known[2], span[1])]
          : [isNew, span[0], span[1]];
      }
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  return spans;
}

function* listSubjects(sources: Sources, query: SubjectsQuery, slots: SlotSet, whole: boolean): Work<Answer> {
  const rows = new Rows(whole);
  const subjects: string[] = [];
  for (const { subject, info, json } of yield* foundSubjects(sources, query, slots)) {
    subjects.push(subject);
    const more = asciiJson({ topics: info.topics, tags: info.tags });
    if (rows.add(`${json.slice(0, -1)},${more.slice(1)}`)) yield;
  }
  return rows.finish(() => ({ kind: 'subjects', subjects, lengths: rows.lengths }));
}

/** Ascending, cut to the limit. */
export function* foundSubjects(
  { directory }: Sources,
  query: SubjectsQuery,
  slots: SlotSet,
): Work<Subject[]> {
  const { topic, prefix, after, limit } = query;
  const top = new Top<Subject>(limit, (a, b) => compareText(a.subject, b.subject));
  const [time, asOf] = [momentOf(query.at ?? 0), knownAt(query.asOf ?? 0)];
  const isIn = ({ slot, subject, info }: Subject) =>
    slots.has(slot) &&
    subject > after &&
    subject.startsWith(prefix) &&
    (topic === '' || isMember(info, topic, time, asOf));
  let steps = 0;
  for (const record of topic === '' ? directory.inSlots(slots) : directory.everMembers(topic)) {
    if (isIn(record)) top.add(record);
    if (++steps % (SUBJECTS_A_STEP * 64) === 0) yield;
  }
  return top.sorted();
}
