/** Each thread's `performance.now()` begins at 0; times that go from one to the other are compared by the clock they share. */
export function clockOffset(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}
