/** One at a time, in the order of asking. */
export interface Lock {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createLock(): Lock {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const result = last.then(work);
      // Whoever asked hears of a failure; the next in the queue only waits for the end.
      last = result.then(ignore, ignore);
      return result;
    },
  };
}

function ignore(): void {}
