/** Compares headings without regard to case, blanks and punctuation: `pubDate`, `Pub Date` and `pub_date` are one. */

const BEYOND = /[^\p{L}\p{N}]+/gu;

export function headingOf(column: string): string {
  return column.normalize('NFKC').toLowerCase().replace(BEYOND, '');
}

/** Headings as `headingOf` gives them, from a text with blanks between them. */
export function headings(text: string): string[] {
  return text.split(/\s+/).map(headingOf);
}
