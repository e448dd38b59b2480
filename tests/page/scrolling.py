"""Scrolls a long list as people do, and counts what it costs."""

SCROLL = """async (seconds) => {
  const long = window.candelaLong;
  long.frames = []; long.tasks = 0;
  let most = 0, frames = 0;
  const blank = { strides: 0, slow: 0, after: 0 };
  const cards = () => document.querySelectorAll('.rows > div, .sheet > li');
  // Places of which not all are in gaps between entries.
  const isBlank = () => ![[30, 30], [70, 0], [70, 60]].some(([x, y]) => document.elementFromPoint(innerWidth / 2 + x, innerHeight / 2 + y)?.closest('.rows > div, .sheet > li'));
  const whole = document.documentElement.scrollHeight - innerHeight;
  const began = performance.now();
  await new Promise((done) => {
    const step = (now) => {
      const share = (now - began) / (1000 * seconds);
      // Down in large strides, then slowly: both as people scroll.
      scrollTo(0, share < 0.5 ? whole * 2 * share : whole - (share - 0.5) * 12000);
      frames += 1;
      most = Math.max(most, cards().length);
      setTimeout(() => { if (isBlank()) blank[share < 0.5 ? 'strides' : 'slow'] += 1; });
      if (share < 1) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  // Blank for good is a fault; for how long it may be so isn't tested on machines that do other things.
  for (const end = performance.now() + 15000; isBlank() && performance.now() < end;) await new Promise((done) => setTimeout(done, 100));
  if (isBlank()) blank.after = 1;
  return { seconds, frames, frames_longer_than_50_ms: long.frames.length, longest_ms: Math.max(0, ...long.frames), long_tasks: long.tasks, elements_at_most: most, blank_frames: blank };
}"""
