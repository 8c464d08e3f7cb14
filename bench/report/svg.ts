/** Charts as plain SVG: bars to compare, lines to show growth. Pure; the same numbers make the same picture. */

export interface Bar {
  label: string;
  value: number;
}

export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface LineOptions {
  title: string;
  x: string;
  y: string;
  series: readonly Series[];
  /** The x axis in powers of ten. */
  isLog?: boolean;
}

const WIDTH = 720;
const ROW = 26;
const LEFT = 250;
const RIGHT = 110;
const TOP = 44;
const HEIGHT = 360;
const PLOT = { left: 80, right: 170, top: 50, bottom: 50 };
const COLOURS = ['#2a6fdb', '#d9822b', '#2f9e62', '#a33fb5', '#c0392b', '#5b6770'];

export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ label, value }, i) => {
    const y = TOP + i * ROW;
    const width = Math.max(0, (value / most) * (WIDTH - LEFT - RIGHT));
    return (
      `${text(LEFT - 8, y + 15, label, 'end')}<rect x="${LEFT}" y="${y + 3}" width="${width.toFixed(1)}" height="17" ` +
      `fill="${COLOURS[0]}"/>${text(LEFT + width + 6, y + 15, `${short(value)} ${unit}`)}`
    );
  });
  return picture(TOP + bars.length * ROW + 12, title, rows);
}

export function lineChart({ title, x, y, series, isLog = false }: LineOptions): string {
  const points = series.flatMap((one) => one.points);
  const scaled = (value: number) => (isLog ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value);
  const [minX, maxX] = [
    Math.min(...points.map((p) => scaled(p[0]))),
    Math.max(...points.map((p) => scaled(p[0]))),
  ];
  const maxY = Math.max(...points.map((p) => p[1]), Number.MIN_VALUE);
  const [width, height] = [WIDTH - PLOT.left - PLOT.right, HEIGHT - PLOT.top - PLOT.bottom];
  const atX = (value: number) => PLOT.left + ((scaled(value) - minX) / (maxX - minX || 1)) * width;
  const atY = (value: number) => PLOT.top + (1 - value / maxY) * height;
  const ticksX = [...new Set(points.map((p) => p[0]))].sort((a, b) => a - b);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const level = atY(share * maxY).toFixed(1);
    return (
      `<line x1="${PLOT.left}" x2="${PLOT.left + width}" y1="${level}" y2="${level}" stroke="#ddd"/>` +
      text(PLOT.left - 8, Number(level) + 4, short(share * maxY), 'end')
    );
  });
  const axes = ticksX.slice(0, 12).map((tick) => text(atX(tick), HEIGHT - 30, short(tick), 'middle'));
  const lines = series.map(({ name, points: own }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = own.map((p) => `${atX(p[0]).toFixed(1)},${atY(p[1]).toFixed(1)}`).join(' ');
    const dots = own.map(
      (p) => `<circle cx="${atX(p[0]).toFixed(1)}" cy="${atY(p[1]).toFixed(1)}" r="3" fill="${colour}"/>`,
    );
    const legend = `<rect x="${WIDTH - PLOT.right + 14}" y="${PLOT.top + i * 20}" width="12" height="4" fill="${colour}"/>`;
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${legend}` +
      text(WIDTH - PLOT.right + 32, PLOT.top + i * 20 + 7, name)
    );
  });
  const labels = [text(PLOT.left + width / 2, HEIGHT - 10, x, 'middle'), text(8, PLOT.top - 12, y)];
  return picture(HEIGHT, title, [...grid, ...axes, ...lines, ...labels]);
}

/** 1234567 → 1.23M: a label needs no more than three digits. */
export function short(value: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (Math.abs(value) >= size) return `${digits(value / size)}${letter}`;
  return digits(value);
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function picture(height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="8" y="22" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(
    /[<>&"]/g,
    (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[sign]!,
  );
}
