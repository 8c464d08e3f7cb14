/** Checksums of stored rows. Each says where its row belongs too: a row that stands in another's place is seen. */
import { checksumBytes, checksumText } from '../base/checksum.ts';
import { blockChecksum } from './block.ts';

/** Of a few fields; null is a field that is not known. */
export function sumOfFields(...fields: readonly (string | number | null)[]): number {
  return checksumText(fields.join(' '));
}

/** Of a chunk, from its place and the checksum that its bytes begin with: `decodeBlock` compares the latter with the bytes. */
export function sumOfChunk(slot: number, subject: string, start: number, bytes: Uint8Array): number {
  return sumOfFields(slot, subject, start, blockChecksum(bytes));
}

/** Of bytes in a place that some numbers name. */
export function sumOfBytes(bytes: Uint8Array, ...place: readonly number[]): number {
  return checksumBytes(bytes, checksumText(place.join(' ')));
}
