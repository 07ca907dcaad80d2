/**
 * A thread of ten thousand entries in a page of two hundred: what is drawn is a window on the entries, moved page by page
 * while somebody scrolls. What they look at stays where it is on the screen.
 */
import type { RefObject } from "react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const PAGE = 60;
const MOST = 180;
/** Pixels before an end at which more is drawn. */
const NEAR = 700;
/** Pixels from the end that still count as being there. */
const SLACK = 48;

export interface Part {
  start: number;
  end: number;
}

/** What there is above the entries that were read. */
export interface Above {
  more: boolean;
  /** Something is being read; when it is there, it is looked anew whether that is enough. */
  loading: boolean;
  older(): void;
}

interface View {
  /** Entries below the part that is drawn. */
  hidden: number;
  size: number;
}

const AT_END: View = { hidden: 0, size: PAGE };

export function partOf(total: number, view: View): Part {
  const end = Math.max(0, total - view.hidden);
  return { start: Math.max(0, end - view.size), end };
}

/** One page more above; at the bottom as much is let go as there is too much. */
export function upwards(view: View): View {
  const size = view.size + PAGE;
  return size <= MOST ? { ...view, size } : { hidden: view.hidden + size - MOST, size: MOST };
}

export function downwards(view: View): View {
  return { ...view, hidden: Math.max(0, view.hidden - PAGE) };
}

export interface Scrolled {
  box: RefObject<HTMLDivElement | null>;
  part: Part;
  /** The newest entry is in sight. */
  atEnd: boolean;
  scrolled(): void;
  toEnd(): void;
}

/**
 * @param rows drawn rows carry `data-key`; the mark of what is new carries `data-unread`
 * @param tail changes with whatever is drawn below the entries
 */
export function useScroll(total: number, above: Above, tail: unknown): Scrolled {
  const { more, loading, older } = above;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(AT_END);
  const [atEnd, setAtEnd] = useState(false);
  const held = useRef({ stuck: true, begun: false, anchor: undefined as Anchor | undefined });
  const part = partOf(total, view);

  const look = useCallback(() => {
    const element = box.current;
    if (element === null || !held.current.begun) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    held.current.stuck = view.hidden === 0 && below < SLACK;
    setAtEnd(held.current.stuck);
    held.current.anchor = anchorOf(element);
    if (element.scrollTop < NEAR) {
      if (part.start > 0) setView(upwards);
      else if (more) older();
    }
    if (below < NEAR && view.hidden > 0) setView(downwards);
  }, [view, part.start, more, older]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || total === 0) return;
    if (!held.current.begun) begin(element, held.current);
    else if (held.current.stuck) element.scrollTop = element.scrollHeight;
    else if (held.current.anchor !== undefined) restore(element, held.current.anchor);
  }, [part.start, part.end, total, tail]);
  useEffect(look, [part.start, part.end, total, loading]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      if (held.current.stuck) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const toEnd = () => {
    held.current.stuck = true;
    setView({ ...AT_END });
    requestAnimationFrame(() => {
      if (box.current !== null) box.current.scrollTop = box.current.scrollHeight;
    });
  };
  return { box, part, atEnd, scrolled: look, toEnd };
}

interface Anchor {
  key: string;
  top: number;
}

function anchorOf(box: HTMLElement): Anchor | undefined {
  const edge = box.getBoundingClientRect().top;
  for (const row of box.querySelectorAll<HTMLElement>("[data-key]")) {
    const { top, bottom } = row.getBoundingClientRect();
    if (bottom > edge) return { key: row.dataset["key"] ?? "", top };
  }
  return undefined;
}

function restore(box: HTMLElement, anchor: Anchor): void {
  const row = box.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.key)}"]`);
  if (row !== null) box.scrollTop += row.getBoundingClientRect().top - anchor.top;
}

/** Begins at the end; where more is new than there is room for, at the first that is. */
function begin(box: HTMLElement, held: { stuck: boolean; begun: boolean }): void {
  held.begun = true;
  box.scrollTop = box.scrollHeight;
  const mark = box.querySelector("[data-unread]");
  const above = mark === null ? 0 : box.getBoundingClientRect().top - mark.getBoundingClientRect().top;
  if (above <= 0) return;
  held.stuck = false;
  box.scrollTop -= above + 12;
}
