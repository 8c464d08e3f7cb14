/**
 * Who is asked for what: a query and the holders of slots become parts, each for one holder. Every slot that the query
 * touches is in exactly one part, so nothing is counted twice or missed while slots move.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { type AnswerShape, LINK_PROTOCOL } from '../../shared/link/messages.ts';
import { needsProtocol, OLDEST_LINK_PROTOCOL } from '../../shared/link/protocol.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { namedSubjects, type Query } from '../../shared/query/query.ts';

/** A slave that may be asked now: linked, not leaving, its breaker closed. */
export interface Holder {
  readonly id: string;
  readonly ready: SlotSet;
  readonly fresh: boolean;
  /** It has requests under way and says nothing; changes without a new plan of routes. */
  readonly silent: boolean;
  /** Late again and again: of those that are equal otherwise it is asked last. */
  readonly slow: boolean;
  /** What it said last about how far it is; grows without a new plan of routes. */
  readonly seq: number;
  /** Requests under way. */
  readonly load: number;
  /** The link protocol that it understands. */
  readonly protocol: number;
}

export interface Part<H extends Holder = Holder> {
  holder: H;
  /** The query narrowed to the holder's subjects. */
  query: Query;
  /** For a query that asks whole slots: which. */
  slots?: SlotSet;
  /** This part is everything: its answer is the final `data`. */
  whole: boolean;
}

export interface Wish {
  minSeq: number;
  /** Holders that have failed this request. */
  exclude?: ReadonlySet<string>;
  /** Only these slots of a query that asks whole slots. */
  slots?: SlotSet;
  /** What holders have under way does not matter: the plan is for longer than a moment. */
  anyLoad?: boolean;
  /** Only holders that speak this protocol or a newer one; absent = any. */
  protocol?: number;
  /** Absent = rows. */
  shape?: AnswerShape;
}

/**
 * Up to this many requests under way a holder is never passed over for its load: that is a few milliseconds of work, and
 * requests that share one link share its writes (at 32, with 50 clients, each request cost the gateway a seventh more).
 */
const FREE_LOAD = 256;
/** Beyond this times the mean load the next holder is asked: consistent hashing with bounded loads. */
const LOAD_FACTOR = 1.25;
/** Rank of a holder that must not be asked. */
const NEVER = 16;
const ALL = SlotSet.all();

/** Who can answer for every slot, best first. Made anew whenever holders, their slots or their freshness change. */
export class Routes<H extends Holder = Holder> {
  readonly holders: readonly H[];
  /** Some holders speak an older protocol, as they do during a rolling update. */
  readonly isMixed: boolean;
  private readonly owners: (slot: number) => readonly string[];
  private readonly known: (readonly H[])[] = new Array(SLOTS);
  /** Every slot at its best holder, by the one that is left out. */
  private readonly splits = new Map<string | undefined, ReadonlyMap<H, SlotSet>>();
  /** Parts of queries planned by these routes before: clients repeat themselves, and parsed queries are shared. */
  readonly plans = new WeakMap<Query, Part<H>[]>();

  constructor(holders: readonly H[], owners: (slot: number) => readonly string[]) {
    this.holders = holders;
    this.isMixed = holders.some(({ protocol }) => protocol < LINK_PROTOCOL);
    this.owners = owners;
  }

  /** Ready holders of a slot: fresh before lagging, owners before others, owners in ring order. */
  candidates(slot: number): readonly H[] {
    this.known[slot] ??= this.order(slot);
    return this.known[slot];
  }

  /**
   * Every slot at its best holder, for queries that ask them all; `without`: of the others than that one, which has failed.
   * Looked up once: where slaves refuse, retries of such queries come as often as the queries.
   */
  everySlot(without?: string): ReadonlyMap<H, SlotSet> {
    let split = this.splits.get(without);
    if (split === undefined) {
      const exclude = new Set(without === undefined ? [] : [without]);
      split = splitSlots(this, ALL, { minSeq: 0, exclude, anyLoad: true });
      this.splits.set(without, split);
    }
    return split;
  }

  isOverloaded(holder: H): boolean {
    if (holder.load <= FREE_LOAD) return false;
    let total = 0;
    for (const { load } of this.holders) total += load;
    return holder.load > (LOAD_FACTOR * total) / this.holders.length;
  }

  /** Nobody is overloaded or silent: a plan made before holds. */
  isCalm(): boolean {
    for (const holder of this.holders) if (holder.silent || this.isOverloaded(holder)) return false;
    return true;
  }

  silent(): string[] {
    return this.holders.filter(({ silent }) => silent).map(({ id }) => id);
  }

  private order(slot: number): readonly H[] {
    const owners = this.owners(slot);
    const place = (holder: H) => {
      const at = owners.indexOf(holder.id);
      return (holder.fresh ? 0 : 2_000) + (holder.slow ? 1_000 : 0) + (at < 0 ? 500 : at);
    };
    return this.holders.filter(({ ready }) => ready.has(slot)).sort((a, b) => place(a) - place(b));
  }
}

/** The parts of a query. Throws `unavailable` where a slot that it needs has no holder left. */
export function planQuery<H extends Holder>(query: Query, routes: Routes<H>, wish: Wish): Part<H>[] {
  if (!routes.isMixed) return planAmong(query, routes, wish);
  const protocol = needsProtocol(query, wish.shape);
  return planAmong(query, routes, protocol === OLDEST_LINK_PROTOCOL ? wish : { ...wish, protocol });
}

function planAmong<H extends Holder>(query: Query, routes: Routes<H>, wish: Wish): Part<H>[] {
  const subjects = namedSubjects(query);
  if (subjects === null) return planSlots(query, routes, wish);
  const isPlain = wish.minSeq === 0 && wish.exclude === undefined && wish.protocol === undefined;
  const known = isPlain ? routes.plans.get(query) : undefined;
  if (known !== undefined && routes.isCalm()) return known;
  const parts = planNamed(query, subjects, routes, wish);
  // Do not keep a plan that the load of a moment has shaped.
  if (isPlain && routes.isCalm()) routes.plans.set(query, parts);
  return parts;
}

function planNamed<H extends Holder>(
  query: Query,
  subjects: readonly string[],
  routes: Routes<H>,
  wish: Wish,
): Part<H>[] {
  if (subjects.length === 1) return [{ holder: best(routes, slotOf(subjects[0]), wish), query, whole: true }];
  return planSubjects(query, subjects, routes, wish);
}

function planSubjects<H extends Holder>(
  query: Query,
  subjects: readonly string[],
  routes: Routes<H>,
  wish: Wish,
): Part<H>[] {
  const slots = subjects.map(slotOf);
  const chosen = slots.map((slot) => best(routes, slot, wish));
  const complete = completeHolder(routes, slots, chosen, wish);
  if (complete !== undefined) return [{ holder: complete, query, whole: true }];
  const lists = new Map<H, string[]>();
  chosen.forEach((holder, i) => {
    const list = lists.get(holder);
    if (list === undefined) lists.set(holder, [subjects[i]]);
    else list.push(subjects[i]);
  });
  return Array.from(lists, ([holder, list]) => ({ holder, query: narrowed(query, list), whole: false }));
}

/** One holder for all the slots, as good as those chosen one by one, and of several the one that was chosen most. */
function completeHolder<H extends Holder>(
  routes: Routes<H>,
  slots: readonly number[],
  chosen: readonly H[],
  wish: Wish,
): H | undefined {
  if (chosen.length === 0) return undefined;
  let worst = 0;
  for (const holder of chosen) worst = Math.max(worst, rank(holder, wish));
  let found: H | undefined;
  let mostChosen = -1;
  for (const holder of routes.candidates(slots[0])) {
    if (rank(holder, wish) > worst || !slots.every((slot) => holder.ready.has(slot))) continue;
    let timesChosen = 0;
    for (const other of chosen) if (other === holder) timesChosen++;
    if (routes.isOverloaded(holder)) timesChosen = 0;
    if (timesChosen <= mostChosen) continue;
    found = holder;
    mostChosen = timesChosen;
  }
  return found;
}

function planSlots<H extends Holder>(query: Query, routes: Routes<H>, wish: Wish): Part<H>[] {
  const all = wish.slots ?? ALL;
  const parts = knownSplit(all, routes, wish) ?? splitSlots(routes, all, wish);
  let worst = 0;
  for (const holder of parts.keys()) worst = Math.max(worst, rank(holder, wish));
  let complete: H | undefined;
  for (const holder of routes.holders) {
    if (rank(holder, wish) > worst || !holder.ready.includes(all)) continue;
    if (complete === undefined || holder.load < complete.load) complete = holder;
  }
  // Sums of a catalogue are always made here: a slave's own are no final `data`.
  const whole = query.kind !== 'topics' && query.kind !== 'indicators';
  if (complete !== undefined) return [{ holder: complete, query, slots: all, whole }];
  return Array.from(parts, ([holder, slots]) => ({ holder, query, slots, whole: false }));
}

/** Where one holder at most is left out, that is looked up: silent ones too, as long as others have all that they have. */
function knownSplit<H extends Holder>(
  all: SlotSet,
  routes: Routes<H>,
  wish: Wish,
): ReadonlyMap<H, SlotSet> | undefined {
  const without = new Set([...(wish.exclude ?? []), ...routes.silent()]);
  const isKnown =
    all.size === SLOTS &&
    without.size < 2 &&
    wish.protocol === undefined &&
    routes.holders.every(({ seq }) => seq >= wish.minSeq);
  if (!isKnown) return undefined;
  const [one] = without;
  try {
    return routes.everySlot(one);
  } catch (error) {
    if (wish.exclude?.has(one)) throw error;
    return undefined;
  }
}

function splitSlots<H extends Holder>(routes: Routes<H>, wanted: SlotSet, wish: Wish): Map<H, SlotSet> {
  const parts = new Map<H, SlotSet>();
  for (const slot of wanted) {
    const holder = best(routes, slot, wish);
    let slots = parts.get(holder);
    if (slots === undefined) {
      slots = new SlotSet();
      parts.set(holder, slots);
    }
    slots.add(slot);
  }
  return parts;
}

/** The best holder of a slot: of the lowest rank the first that is not overloaded, else the first. */
function best<H extends Holder>(routes: Routes<H>, slot: number, wish: Wish): H {
  let first: H | undefined;
  let firstRank = NEVER;
  let calm: H | undefined;
  for (const holder of routes.candidates(slot)) {
    const own = rank(holder, wish);
    if (own < firstRank) {
      first = holder;
      firstRank = own;
      calm = wish.anyLoad || !routes.isOverloaded(holder) ? holder : undefined;
      if (own === 0 && calm !== undefined) return holder;
    } else if (own === firstRank && calm === undefined && own < NEVER && !routes.isOverloaded(holder)) {
      calm = holder;
    }
  }
  if (first === undefined)
    throw new KamaitachiError(
      'unavailable',
      `slot ${slot}: expected a slave that holds it${wish.protocol === undefined ? '' : ` and speaks protocol ${wish.protocol}`}, got none; try again`,
    );
  return calm ?? first;
}

/**
 * 0 = as wished. A holder that has not said that it got to `minSeq` may still get there, sooner than a silent one answers; one
 * that lags is still right, and where the seq is wished for nobody cares how old it says it is.
 */
function rank(holder: Holder, { minSeq, exclude, protocol }: Wish): number {
  if (exclude?.has(holder.id)) return NEVER;
  if (protocol !== undefined && holder.protocol < protocol) return NEVER;
  const slow = holder.slow ? 1 : 0;
  if (minSeq === 0) return (holder.fresh ? 0 : 4) + (holder.silent ? 2 : 0) + slow;
  return (holder.silent ? 8 : 0) + (holder.seq < minSeq ? 4 : 0) + (holder.fresh ? 0 : 2) + slow;
}

function narrowed(query: Query, subjects: string[]): Query {
  switch (query.kind) {
    case 'snapshot':
    case 'dated':
    case 'panel':
      return { ...query, pool: { subjects } };
    case 'period':
    case 'table':
      return { ...query, subjects };
    default:
      return query;
  }
}
