/** Numbers that are written as a whole number and a power of ten, rounded once. */

export function decimalNumber(unscaled: bigint | number, scale: number): number {
  return Number(`${unscaled}e${-scale}`);
}

/** A whole number in two's complement, the greatest byte first. */
export function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}
