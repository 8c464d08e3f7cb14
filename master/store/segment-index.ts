/**
 * The list of an entry's segments, kept next to its body: slot, length and checksum of each. With it damage to a body costs
 * the slots whose segments it hit, not the whole entry.
 */
import { checksumBytes } from '../../shared/base/checksum.ts';
import { readSegments, SEGMENT_HEADER_BYTES } from '../../shared/data/feed.ts';

const ITEM_BYTES = 12;

/** `entry`: segments, one behind the other. */
export function segmentIndex(entry: Uint8Array): Uint8Array {
  const items: [slot: number, bytes: number, sum: number][] = [];
  let at = 0;
  for (const { slot, bytes } of readSegments(entry)) {
    const length = SEGMENT_HEADER_BYTES + bytes.length;
    items.push([slot, length, checksumBytes(entry.subarray(at, at + length))]);
    at += length;
  }
  const index = new Uint8Array(items.length * ITEM_BYTES + 4);
  const view = new DataView(index.buffer);
  items.forEach(([slot, bytes, sum], i) => {
    view.setUint32(i * ITEM_BYTES, slot, true);
    view.setUint32(i * ITEM_BYTES + 4, bytes, true);
    view.setUint32(i * ITEM_BYTES + 8, sum, true);
  });
  view.setUint32(items.length * ITEM_BYTES, checksumBytes(index.subarray(0, -4)), true);
  return index;
}

/** The segments of a body that are as they were written, and the slots of the others; undefined where the index is damaged too. */
export function readIndexed(
  body: Uint8Array,
  index: Uint8Array,
): { sound: Uint8Array[]; damaged: number[] } | undefined {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const items = Math.floor((index.length - 4) / ITEM_BYTES);
  if (index.length < 4 || view.getUint32(index.length - 4, true) !== checksumBytes(index.subarray(0, -4)))
    return undefined;
  const sound: Uint8Array[] = [];
  const damaged = new Set<number>();
  let at = 0;
  for (let i = 0; i < items; i++) {
    const length = view.getUint32(i * ITEM_BYTES + 4, true);
    const segment = body.subarray(at, at + length);
    at += length;
    if (segment.length === length && checksumBytes(segment) === view.getUint32(i * ITEM_BYTES + 8, true))
      sound.push(segment);
    else damaged.add(view.getUint32(i * ITEM_BYTES, true));
  }
  // Later lines of a slot without the ones before them are no state that it ever had.
  return { sound: sound.filter((segment) => !damaged.has(slotOfSegment(segment))), damaged: [...damaged] };
}

function slotOfSegment(segment: Uint8Array): number {
  return segment[0] | (segment[1] << 8);
}
