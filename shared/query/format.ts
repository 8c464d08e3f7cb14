/** The formats of an answer, and which of them a request asks for. */
import { KamaitachiError, show } from '../base/errors.ts';

/** In the order that decides where a client likes several equally. */
export const FORMATS = ['json', 'csv', 'ndjson', 'arrow'] as const;
export type FormatName = (typeof FORMATS)[number];

export const MEDIA_TYPES: Record<FormatName, string> = {
  json: 'application/json',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** `field`: what the request itself names, which wins. Throws `not_acceptable` where `accept` allows no format. */
export function chooseFormat(field: FormatName | undefined, accept: string | null): FormatName {
  if (field !== undefined) return field;
  // The two that nearly every client sends.
  if (accept === null || accept === '*/*' || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map(rangeOf);
  let best: FormatName | undefined;
  let bestWeight = 0;
  for (const name of FORMATS) {
    const weight = weightOf(MEDIA_TYPES[name], ranges);
    if (weight <= bestWeight) continue;
    best = name;
    bestWeight = weight;
  }
  if (best !== undefined) return best;
  throw new KamaitachiError(
    'not_acceptable',
    `accept: expected one of ${FORMATS.map((name) => MEDIA_TYPES[name]).join(', ')}, got ${show(accept)}`,
  );
}

interface MediaRange {
  type: string;
  /** 0 … 1; 0 = not wanted. */
  weight: number;
}

/** The range that names a type most closely decides. */
function weightOf(type: string, ranges: readonly MediaRange[]): number {
  const patterns = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*'];
  for (const pattern of patterns) {
    const named = ranges.filter((range) => range.type === pattern);
    if (named.length > 0) return Math.max(...named.map(({ weight }) => weight));
  }
  return 0;
}

/** `text/csv; charset=utf-8; q=0.5`. Parameters other than the weight are ignored; a weight that is none is 0. */
function rangeOf(text: string): MediaRange {
  const [type, ...parameters] = text.toLowerCase().split(';');
  const weight = parameters
    .map((parameter) => parameter.trim())
    .find((parameter) => /^q\s*=/.test(parameter));
  return {
    type: type.trim(),
    weight: weight === undefined ? 1 : numberOf(weight.slice(weight.indexOf('=') + 1)),
  };
}

/** Also `.2`, which HTTP does not allow and Java's client sends. */
function numberOf(text: string): number {
  const weight = text.trim() === '' ? Number.NaN : Number(text);
  return weight >= 0 && weight <= 1 ? weight : 0;
}
