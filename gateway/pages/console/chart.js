/** Lines over time, drawn by uPlot. */
import { html, useEffect, useRef, useState } from './htm.js';
import { t } from './texts.js';
import uPlot from './uplot.js';

export const LINES = 8;
/** Seconds from one tick to the next, over up to an hour. */
const HOUR_STEPS = [10, 30, 60, 120, 300, 600, 1200];

/**
 * `times`: seconds, ascending; `lines`: `[{label, values}]`, null for none; `show`: a value as text; `least`: the greatest value
 * that the picture has room for at least; `steps`: between ticks. `label` says in words what the picture shows: nobody can hear a
 * canvas.
 */
export function Chart({
  times,
  lines,
  height,
  show,
  label,
  least = 1,
  steps,
  isUtc = false,
  legend = false,
}) {
  const place = useRef(null);
  const chart = useRef(undefined);
  const scheme = useScheme();
  const shape = [scheme, t('time'), height, legend, ...lines.map((line) => line.label)].join('\n');
  const data = [times, ...lines.map(({ values }) => values)];

  useEffect(() => {
    const width = () => Math.max(80, place.current.clientWidth);
    chart.current = new uPlot(
      options({
        lines,
        height,
        show,
        least,
        steps,
        isUtc,
        legend,
        width: width(),
        style: getComputedStyle(place.current),
      }),
      data,
      place.current,
    );
    const observer = new ResizeObserver(() => chart.current.setSize({ width: width(), height }));
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      chart.current.destroy();
    };
  }, [shape]);
  useEffect(() => chart.current.setData(data), [times, lines]);
  return html`<div class="chart" ref=${place} role="img" aria-label=${label}></div>`;
}

function options({ lines, height, show, least, steps, isUtc, legend, width, style }) {
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet-now'),
    grid: { stroke: colour('--edge-now'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height,
    // Room for half of the last time.
    padding: [null, 28, null, null],
    ...(isUtc && { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), 'Etc/UTC') }),
    legend: { show: legend },
    cursor: { y: false, points: { size: 5 } },
    scales: { x: { time: true }, y: { range: (_, min, max) => rangeOf(min, max, least) } },
    series: [
      { label: t('time'), value: (_, at) => (at === null ? '–' : timeText(at, 1, isUtc)) },
      ...lines.map((line, i) => ({
        label: line.label,
        stroke: colour(`--line-${i % LINES}`),
        width: 1.5,
        spanGaps: isUtc,
        points: { show: isUtc && line.values.length <= 60, size: 4 },
        value: (_, value) => (value === null || value === undefined ? '–' : show(value)),
      })),
    ],
    axes: [
      {
        ...axis,
        space: 76,
        size: 26,
        ...(!isUtc && { incrs: HOUR_STEPS }),
        values: (_, ticks, __, ___, step) => ticks.map((tick) => timeText(tick, step, isUtc)),
      },
      {
        ...axis,
        size: 62,
        space: 24,
        ...(steps !== undefined && { incrs: steps }),
        values: (_, ticks) => ticks.map((tick) => show(tick)),
      },
    ],
  };
}

/** Zero is always in the picture: a small change must not look like a large one. */
function rangeOf(min, max, least) {
  const low = Math.min(0, min ?? 0);
  const high = Math.max(low < 0 ? 0 : least, max ?? 0);
  const room = (high - low) * 0.06;
  return [low < 0 ? low - room : 0, high + room];
}

/** As exact as the step from one tick to the next. Written alike in every language. */
function timeText(seconds, step, isUtc) {
  const local = isUtc ? 0 : new Date(seconds * 1000).getTimezoneOffset() * 60;
  const text = new Date((seconds - local) * 1000).toISOString().slice(0, -5);
  if (isUtc && (step >= 86_400 || text.endsWith('T00:00:00') || text.endsWith('T23:59:59')))
    return text.slice(0, step >= 28 * 86_400 ? 7 : 10);
  return isUtc ? text.slice(5, 16).replace('T', ' ') : text.slice(11, step < 60 ? 19 : 16);
}

/** The colours of a canvas do not follow the page's by themselves. */
function useScheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const [isDark, setDark] = useState(dark.matches);
  useEffect(() => {
    const change = () => setDark(dark.matches);
    dark.addEventListener('change', change);
    return () => dark.removeEventListener('change', change);
  }, []);
  return isDark ? 'dark' : 'light';
}
