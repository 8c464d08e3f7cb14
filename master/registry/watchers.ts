/** Lets requests wait for the registry to change, and makes sure that leases run out even when nobody asks. */
import type { NumberedView, Registry } from './registry.ts';

const EXPIRE_EVERY_MS = 250;
/** Looked at less often than this, the registry stood still. */
export const MAX_GAP_MS = 4 * EXPIRE_EVERY_MS;
/** More would be nodes that ask without waiting for their answers. */
const MAX_WAITING = 5_000;

export type Watchers = ReturnType<typeof createWatchers>;

export function createWatchers(registry: Registry) {
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of [...waiting]) look();
  };
  let isClosed = false;
  const timer = setInterval(() => {
    if (registry.expire()) wake();
  }, EXPIRE_EVERY_MS);

  return {
    /** Call after every change. */
    wake,

    /** The view, at once if it is another one than (`epoch`, `version`), else after a change or `waitMs`. */
    watch(epoch: string, version: number, waitMs: number): Promise<NumberedView> {
      const view = registry.view();
      const isNews = view.epoch !== epoch || view.version !== version;
      // A master that ends must not be waited for: who was answered asks again over the connection it kept.
      if (isNews || waitMs === 0 || isClosed || waiting.size >= MAX_WAITING) return Promise.resolve(view);
      return new Promise((resolve) => {
        const answer = () => {
          clearTimeout(patience);
          waiting.delete(answer);
          resolve(registry.view());
        };
        const patience = setTimeout(answer, waitMs);
        waiting.add(answer);
      });
    },

    close(): void {
      isClosed = true;
      clearInterval(timer);
      wake();
    },
  };
}
