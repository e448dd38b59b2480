// The frames of a job: all of them in short, read in pages, kept up by events.

import { calmly, get } from '/assets/api.js';
import { isPicture } from '/assets/card.js';

const PAGE = 1000;

export function frameStore(job, changed) {
  const frames = new Map();
  let sorted = null;
  let reading = null;
  const tell = calmly(80, changed);

  const take = (frame) => {
    const old = frames.get(frame.number);
    if (!old) sorted = null;
    else if (JSON.stringify(old) === JSON.stringify(frame)) return;
    else if (sorted) sorted[sorted.indexOf(old)] = frame;
    frames.set(frame.number, frame);
    tell();
  };
  const readAll = async () => {
    let after = '';
    for (;;) {
      const page = await get(`/jobs/${job}/frames?limit=${PAGE}${after}`);
      page.items.forEach(take);
      if (page.next === null) return;
      after = `&after=${page.next}`;
    }
  };

  return {
    take,
    /** Reads all; asked twice at once, it reads once. */
    read() {
      reading ??= readAll().finally(() => { reading = null; });
      return reading;
    },
    sorted: () => (sorted ??= [...frames.values()].sort((a, b) => a.number - b.number)),
    playable: () => [...frames.values()].some((frame) => isPicture(frame.output)),
    get: (number) => frames.get(number),
  };
}
