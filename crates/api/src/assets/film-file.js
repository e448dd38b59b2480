// The film as a file: the manager makes it when it is asked for, which may take a while.

import { begin } from '/assets/api.js';
import { duration, plural } from '/assets/format.js';
import { say, sayNo } from '/assets/say.js';

const making = new Set();

/** Asks until the film is there, says how long it takes, and downloads it. */
export async function downloadFilm(job) {
  if (making.has(job)) return say('That film is being made already; it downloads by itself once it is there.');
  making.add(job);
  const path = `/jobs/${job}/film`;
  let note = null;
  try {
    for (;;) {
      // One byte is enough to know: the browser's own download fetches the rest.
      const { response, json } = await begin('GET', path, undefined, { range: 'bytes=0-0' });
      if (response.status !== 202) break;
      const left = json.left_s === null || json.left_s === undefined ? '' : `, about ${duration(json.left_s)} left`;
      const text = `The film of ${plural(json.frames, 'frame')} is being made${left}. It downloads by itself.`;
      if (note) note.change(text); else note = say(text, { kept: true });
      const seconds = Number(response.headers.get('retry-after')) || 2;
      await new Promise((done) => setTimeout(done, 1000 * seconds));
    }
    const link = document.createElement('a');
    link.href = `/api/v1${path}`;
    link.download = `job-${job}.mp4`;
    link.click();
  } catch (error) { sayNo(error); } finally {
    note?.end();
    making.delete(job);
  }
}
