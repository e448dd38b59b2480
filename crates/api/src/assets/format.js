// Numbers, times and words as people read them.

/** 8.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 && s < 600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.round((s % 86400) / 3600)} h`;
}

const DAY = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const CLOCK = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' });

export function ago(ms) {
  const seconds = Math.max(0, (Date.now() - ms) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return day(ms);
}

export const day = (ms) => DAY.format(ms);
export const clock = (ms) => CLOCK.format(ms);

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 10 ? 1 : 0)} ${units[unit]}`;
}

const NUMBER = new Intl.NumberFormat('en');
export const count = (n) => NUMBER.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A share from 0 to 1; a dash for one that isn't known. */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  return `${share > 0 && share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
}

/** 950, 12.3 thousand, 4.6 million: of numbers whose digits nobody reads. */
export function about(n) {
  const units = ['', ' thousand', ' million', ' billion', ' trillion'];
  let unit = 0;
  for (; n >= 1000 && unit < units.length - 1; unit += 1) n /= 1000;
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)}${units[unit]}`;
}

/** Credit is counted in thousands of samples. */
export const samples = (thousands) => about(1000 * (thousands ?? 0));

/** Words of the judgement as a sentence of their own. */
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.') : '');

/** Probabilities that only matter by their order of magnitude. */
export function probability(p) {
  if (p >= 0.001) return p.toFixed(3);
  return p === 0 ? '0' : `10${superscript(Math.floor(Math.log10(p)))}`;
}

const superscript = (n) => String(n).replace(/[-\d]/g, (c) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]);
