/** The shape of an answer's `data` as JSON text: what stands before, between and behind its rows. Pure. */
import { KamaitachiError } from '../base/errors.ts';
import { MAX_ANSWER_BYTES } from '../base/limits.ts';
import { asciiJson } from '../base/text.ts';

export interface Frame {
  readonly open: string;
  readonly close: string;
}

/** Rows in one list. */
export const LIST: Frame = { open: '[', close: ']' };
/** Lists of rows by group: `{"2023-12-31":[…],…}`. */
export const GROUPS: Frame = { open: '{', close: '}' };

/** Rows of a table; `count`: rows before paging. */
export function tableFrame(count: number): Frame {
  return { open: '{"rows":[', close: `],"count":${count}}` };
}

/**
 * What stands before a row. `previous`: the group of the row before, undefined for the first row; `group` is undefined in a
 * frame without groups.
 */
export function beforeRow(
  { open }: Frame,
  isFirst: boolean,
  previous: string | undefined,
  group: string | undefined,
): string {
  const start = isFirst ? open : group === previous ? ',' : '],';
  return group === undefined || (!isFirst && group === previous) ? start : `${start}${asciiJson(group)}:[`;
}

/** What stands behind the last row; `last`: its group, undefined where there is none. */
export function afterRows({ open, close }: Frame, isEmpty: boolean, last: string | undefined): string {
  return `${isEmpty ? open : ''}${last === undefined ? '' : ']'}${close}`;
}

/** The answer would be larger than any client may ask for. */
export function tooLarge(): KamaitachiError {
  return new KamaitachiError(
    'bad_request',
    `answer: expected at most ${MAX_ANSWER_BYTES} bytes; ask for fewer subjects or ids, a shorter range, or a smaller limit`,
  );
}
