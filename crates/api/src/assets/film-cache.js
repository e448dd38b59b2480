// Pictures of a film, fetched and decoded ahead of where it is.

/** Memory that decoded pictures may take: about a hundred of 1,280 × 720. */
const BYTES_MAX = 400e6;
const AT_ONCE = 4;
const WIDTH_MAX = 1280;

/** `came(url)` is called when a picture is there, or can't be. */
export function filmCache({ width, height }, came) {
  const small = width > WIDTH_MAX ? { resizeWidth: WIDTH_MAX, resizeHeight: Math.round((height * WIDTH_MAX) / width), resizeQuality: 'medium' } : {};
  const each = 4 * (small.resizeWidth ?? width) * (small.resizeHeight ?? height);
  const held = Math.max(8, Math.floor(BYTES_MAX / each));
  const pictures = new Map();
  const wanted = [];
  const ending = new AbortController();
  let loading = 0;

  const load = async (url) => {
    loading += 1;
    let picture = null;
    try {
      const response = await fetch(url, { signal: ending.signal });
      if (response.ok) picture = await createImageBitmap(await response.blob(), small);
    } catch { picture = null; }
    loading -= 1;
    if (ending.signal.aborted) return picture?.close();
    pictures.set(url, picture);
    came(url);
    next();
  };
  const next = () => {
    while (loading < AT_ONCE && wanted.length) {
      const url = wanted.shift();
      if (pictures.has(url)) continue;
      pictures.set(url, undefined);
      load(url);
    }
  };

  return {
    held,
    /** The picture; undefined while it is not there, null if it can't be had. */
    get: (url) => pictures.get(url),
    /** What will be shown next, the nearest first; what is far goes. */
    want(urls) {
      const near = new Set(urls.slice(0, held));
      for (const [url, picture] of pictures) {
        if (near.has(url) || picture === undefined) continue;
        picture?.close();
        pictures.delete(url);
      }
      wanted.splice(0, wanted.length, ...[...near].filter((url) => !pictures.has(url)));
      next();
    },
    end() {
      ending.abort();
      for (const picture of pictures.values()) picture?.close();
      pictures.clear();
    },
  };
}
