/**
 * Reads a cell as a number. `1234.5`, `-1e3` and `.5` are numbers, and so is `1,234.5` where commas group
 * whole thousands; `1,5` is one only in a file that writes decimal commas. What is cut off, rounded or
 * decorated (`5%`, `$5`, `n/a`) is refused rather than guessed.
 */
import { cellText } from '../read/rows.ts';

/** What separates the whole part of a number from its fraction. */
export type Decimal = '.' | ',';

const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const GROUPED = { '.': /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/, ',': /^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$/ };
const COMMA_DECIMAL = /^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$/;

/** The number; null for an empty cell; NaN for what is no finite number. */
export function readNumber(cell: unknown, decimal: Decimal): number | null {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : NaN;
  if (cell === undefined || cell === null) return null;
  if (typeof cell !== 'string') return NaN;
  const text = cell.trim();
  if (text === '') return null;
  const plain = plainForm(text, decimal);
  const value = PLAIN.test(plain) ? Number(plain) : NaN;
  return Number.isFinite(value) ? value : NaN;
}

/** A decimal comma is believed only where a number makes no sense otherwise: `1,5`, `1.234,56`. */
export function guessDecimal(cells: Iterable<unknown>): Decimal {
  let commas = 0;
  let points = 0;
  for (const cell of cells) {
    const text = cellText(cell);
    if (COMMA_DECIMAL.test(text) && !GROUPED['.'].test(text)) commas++;
    else if (text.includes('.') && PLAIN.test(text) && !GROUPED[','].test(text)) points++;
  }
  return commas > points ? ',' : '.';
}

function plainForm(text: string, decimal: Decimal): string {
  if (decimal === ',') {
    return (GROUPED[','].test(text) ? text.replaceAll('.', '') : text.includes('.') ? '?' : text).replace(
      ',',
      '.',
    );
  }
  return text.includes(',') && GROUPED['.'].test(text) ? text.replaceAll(',', '') : text;
}
