/** Loaded before a gateway: from then on any ready holder of a subject may be asked, as behind a plain load balancer. */
import { Routes } from '../../gateway/slaves/plan.ts';

const { candidates } = Routes.prototype;

Routes.prototype.candidates = function (slot) {
  const holders = candidates.call(this, slot);
  const from = Math.floor(Math.random() * holders.length);
  return [...holders.slice(from), ...holders.slice(0, from)];
};
