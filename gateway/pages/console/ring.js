/** The ring as a picture: whose the slots are, which of them are still being filled, which nobody can answer. */

import { whole } from './format.js';
import { html } from './htm.js';
import { t } from './texts.js';

const SIZE = 240;
const CENTRE = SIZE / 2;
/** Colours for neighbours; the words beside the picture say the same. */
export const COLOURS = 8;
const ZONE_RADIUS = 113;
const OWNER_RADIUS = 94;
const SLOT_RADIUS = 70;

export function Ring({ nodes }) {
  const slaves = [...nodes.slaves].sort((a, b) => compare(a.zone, b.zone) || compare(a.address, b.address));
  const owned = slaves.reduce((sum, { slots_owned }) => sum + slots_owned, 0);
  const zones = [...new Set(slaves.map(({ zone }) => zone))];
  const answered = (nodes.slots - nodes.slots_missing) / nodes.slots;
  let at = 0;
  const arcs = slaves.map((slave) => {
    const from = at;
    at += owned === 0 ? 0 : slave.slots_owned / owned;
    const held = owned === 0 ? 0 : (slave.slots_owned - slave.slots_filling) / owned;
    return { slave, from, held: from + held, to: at };
  });
  const spans = zones.map((zone) => {
    const own = arcs.filter(({ slave }) => slave.zone === zone);
    return { zone, from: own[0].from, to: own[own.length - 1].to };
  });
  return html`
    <figure class="ring">
      <svg viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label=${describe(nodes, slaves, zones)}>
        <circle class="ring-ground" cx=${CENTRE} cy=${CENTRE} r=${OWNER_RADIUS} />
        ${arcs.map(
          ({ from, held, to }, i) => html`
            <path class="ring-owner ring-filling c${i % COLOURS}" d=${arc(OWNER_RADIUS, from, to)} />
            <path class="ring-owner c${i % COLOURS}" d=${arc(OWNER_RADIUS, from, held)} />
          `,
        )}
        ${
          zones.length > 1 &&
          spans.map(
            ({ from, to }) =>
              html`<path class="ring-zone" d=${arc(ZONE_RADIUS, from + 0.004, to - 0.004)} />`,
          )
        }
        <path class="ring-answered" d=${arc(SLOT_RADIUS, 0, answered)} />
        <path class="ring-missing" d=${arc(SLOT_RADIUS, answered, 1)} />
        <text class="ring-number" x=${CENTRE} y=${CENTRE - 6}>${whole(nodes.slots - nodes.slots_missing)}</text>
        <text class="ring-note" x=${CENTRE} y=${CENTRE + 12}>${t('ofSlots', { n: whole(nodes.slots) })}</text>
        <text class="ring-note" x=${CENTRE} y=${CENTRE + 26}>${t('slotsAnswered')}</text>
      </svg>
      <figcaption>
        <ul class="legend">
          ${slaves.map(
            (slave, i) => html`
              <li key=${slave.node}>
                <span class="swatch c${i % COLOURS}" aria-hidden="true"></span>
                <span>${slave.address}${slave.zone === '' ? '' : ` (${t('zone')} ${slave.zone})`}: ${owns(slave)}</span>
              </li>
            `,
          )}
          <li><span class="swatch ring-answered-swatch" aria-hidden="true"></span><span>${t('innerRing')}</span></li>
        </ul>
      </figcaption>
    </figure>
  `;
}

function describe(nodes, slaves, zones) {
  return [
    t('ringIs', { n: slaves.length, zones: zones.length }),
    t('slotsMissing', { n: whole(nodes.slots_missing), all: whole(nodes.slots) }),
  ].join(' ');
}

/** What a slave owns, fills and keeps for others. */
function owns({ linked, slots_owned, slots_filling, slots_kept }) {
  return [
    t('ownsSlots', { n: whole(slots_owned) }),
    ...(linked ? [] : [t('notThere')]),
    ...(linked && slots_filling > 0 ? [t('fillsSlots', { n: whole(slots_filling) })] : []),
    ...(slots_kept > 0 ? [t('keepsSlots', { n: whole(slots_kept) })] : []),
  ].join(', ');
}

/** From and to as shares of the circle, clockwise from the top. */
function arc(radius, from, to) {
  if (to - from < 0.0005) return '';
  // Both ends of a whole circle are one point, and nothing would be drawn.
  const end = Math.min(to, from + 0.9999);
  const point = (share) => {
    const angle = 2 * Math.PI * share - Math.PI / 2;
    return `${(CENTRE + radius * Math.cos(angle)).toFixed(2)} ${(CENTRE + radius * Math.sin(angle)).toFixed(2)}`;
  };
  return `M ${point(from)} A ${radius} ${radius} 0 ${end - from > 0.5 ? 1 : 0} 1 ${point(end)}`;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
