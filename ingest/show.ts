/** How values from outside are shown in sentences and in the topic `rejected`: as JSON, never long. */

const shownCharsMax = 80;

/** JSON of a value, cut after 80 characters. `JSON.parse` gives no cycles, and depth was checked before. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === Infinity || value === -Infinity) return `a number too large (${value})`;
  // A long text is cut before it is quoted: it may be shown once for each of many readings.
  const json = JSON.stringify(
    typeof value === 'string' && value.length > shownCharsMax ? `${value.slice(0, shownCharsMax)}…` : value,
  );
  return json.length > shownCharsMax + 3 ? `${json.slice(0, shownCharsMax)}…` : json;
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);

/** The longest start of the text that is at most 1,024 bytes in UTF-8. */
export function cutToKibibyte(text: string): string {
  if (text.length <= 341) return text; // 3 bytes per UTF-16 unit at most
  const { read } = encoder.encodeInto(text, scratch);
  return text.slice(0, read);
}
