/** What somebody wrote; addresses in it can be followed, in a window of their own. */

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,;:!?'’”)\]}]/g;

export function Text({ children }: { children: string }) {
  return partsOf(children).map(({ words, isAddress }, index) =>
    isAddress ? (
      // The other site learns neither who came nor from where.
      <a key={index} href={words} target="_blank" rel="noopener noreferrer nofollow">
        {words}
      </a>
    ) : (
      words
    ),
  );
}

export interface TextPart {
  words: string;
  isAddress: boolean;
}

export function partsOf(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    if (found.index > at) parts.push({ words: text.slice(at, found.index), isAddress: false });
    parts.push({ words: found[0], isAddress: true });
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push({ words: text.slice(at), isAddress: false });
  return parts;
}
